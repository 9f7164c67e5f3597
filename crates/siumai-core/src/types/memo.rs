//! Room for what is made of one request and wanted again for the next.
use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// What a model made of a request and wants again with the next one of the same run, such as the
/// messages in the words of its wire.
///
/// All requests of a run share one. It holds one value, of any type: whoever takes it has it alone,
/// and puts back what the next request may use. Nothing depends on it but the time that takes, so
/// it is no part of a request's value, nor of its JSON.
///
/// ```
/// use siumai_core::types::Memo;
///
/// let memo = Memo::default();
/// memo.clone().put(vec![1, 2]);
/// assert_eq!(memo.take::<String>(), None);
/// assert_eq!(memo.take::<Vec<i32>>(), Some(vec![1, 2]));
/// assert_eq!(memo.take::<Vec<i32>>(), None);
/// ```
#[derive(Clone, Default)]
pub struct Memo(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Memo {
    /// Takes out what is kept, if it is a `T`.
    pub fn take<T: Any + Send>(&self) -> Option<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept.take_if(|it| it.is::<T>())?;
        value.downcast().ok().map(|it| *it)
    }

    /// Keeps `value` instead of what was kept before.
    pub fn put<T: Any + Send>(&self, value: T) {
        let before = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.replace(Box::new(value))
        };
        // Dropped without the lock: it is somebody else's code.
        drop(before);
    }
}

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}
