//! Methods that share a value.
use std::sync::{Mutex, MutexGuard, PoisonError};

use siumai::{prelude::*, tool::ToolResolver};

#[derive(Default)]
struct Shelf {
    books: Mutex<Vec<String>>,
}

#[tool]
impl Shelf {
    /// Puts a book on the shelf.
    #[tool(exclusive)]
    async fn put(
        &self,
        /// Its title.
        title: String,
        context: &ToolContext,
    ) -> Result<usize, String> {
        if title.is_empty() {
            return Err(format!("{} names no book.", context.call_id));
        }
        Ok(self.add(title))
    }

    /// Lists the books.
    #[tool(read_only, name = "list-books")]
    async fn list(&self) -> Vec<String> {
        self.books().clone()
    }

    /// Says what a shelf is.
    #[tool]
    async fn explain() -> &'static str {
        "A board for books."
    }

    fn add(&self, title: String) -> usize {
        let mut books = self.books();
        books.push(title);
        books.len()
    }

    fn books(&self) -> MutexGuard<'_, Vec<String>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::test]
async fn methods_share_the_value() {
    let shelf = Arc::new(Shelf::default());
    let set = ToolSet::new().add(Arc::clone(&shelf)).build().unwrap();
    assert_eq!(set.call_tool("put", json!({ "title": "Emma" })).await.unwrap(), json!(1));
    assert_eq!(set.call_tool("list-books", json!({})).await.unwrap(), json!(["Emma"]));
    assert_eq!(set.call_tool("explain", json!({})).await.unwrap(), json!("A board for books."));
    let error = set.call_tool("put", json!({ "title": "" })).await.unwrap_err();
    assert_eq!(error.message(), "call_0 names no book.");
    assert_eq!(*shelf.books.lock().unwrap(), ["Emma"]);
}

#[test]
fn methods_that_are_not_marked_are_no_tools() {
    let set = ToolSet::new().add(Shelf::default());
    let marks = |it: &Tool| (it.name().to_owned(), it.is_exclusive(), it.is_read_only());
    let expected = [("put", true, false), ("list-books", false, true), ("explain", false, false)];
    assert_eq!(
        set.definitions().iter().map(marks).collect::<Vec<_>>(),
        expected.map(|it| (it.0.to_owned(), it.1, it.2)),
    );
    assert_eq!(set.definitions()[0].parameters()["required"], json!(["title"]));
}
