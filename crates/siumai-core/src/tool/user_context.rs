//! What the user of a run gives to its tools.
use std::{
    any::{Any, TypeId, type_name},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

/// Values for the tools of a run, one of each type: a connection, who is asking, a setting.
///
/// Tools [get](super::ToolContext::get) them by their type. The model sees none of them, and no
/// journal keeps them: give them again to a run that is resumed. Cloning is cheap, and clones
/// share the values.
///
/// ```
/// use siumai_core::tool::UserContext;
///
/// struct Tenant(&'static str);
///
/// let context = UserContext::new().with(Tenant("acme")).with(7_u32);
/// assert_eq!(context.get::<Tenant>().map(|it| it.0), Some("acme"));
/// assert_eq!(context.get::<u32>(), Some(&7));
/// assert_eq!(context.get::<String>(), None);
/// ```
#[derive(Clone, Default)]
pub struct UserContext(Option<Arc<BTreeMap<TypeId, Entry>>>);

#[derive(Clone)]
struct Entry {
    type_name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl UserContext {
    /// One without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, in place of one of the same type.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let entry = Entry { type_name: type_name::<T>(), value: Arc::new(value) };
        Arc::make_mut(self.0.get_or_insert_default()).insert(TypeId::of::<T>(), entry);
        self
    }

    /// The value of that type, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.as_ref()?.get(&TypeId::of::<T>())?.value.downcast_ref()
    }

    /// Adds the values of `others` of whose type there is none here.
    ///
    /// ```
    /// use siumai_core::tool::UserContext;
    ///
    /// let usual = UserContext::new().with("usual").with(1_u8);
    /// let context = UserContext::new().with("special").or(&usual);
    /// assert_eq!((context.get::<&str>(), context.get::<u8>()), (Some(&"special"), Some(&1)));
    /// ```
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        match (&self.0, &others.0) {
            (_, None) => self,
            (None, _) => others.clone(),
            (Some(ours), Some(theirs)) => {
                let mut all = (**theirs).clone();
                all.extend(ours.iter().map(|(id, entry)| (*id, entry.clone())));
                Self(Some(Arc::new(all)))
            }
        }
    }
}

impl fmt::Debug for UserContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the values hold is nobody's business here.
        f.debug_set()
            .entries(self.0.iter().flat_map(|it| it.values()).map(|it| it.type_name))
            .finish()
    }
}
