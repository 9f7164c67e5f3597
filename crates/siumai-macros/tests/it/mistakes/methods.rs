//! What a block of methods that are tools can't be.
use siumai_macros::tool;

struct Counter(u32);

#[tool]
impl Counter {
    /// Counts on.
    #[tool]
    async fn count(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    /// Is used up.
    #[tool]
    async fn finish(self) {}
}

struct Unmarked;

#[tool(read_only)]
impl Unmarked {
    /// Does nothing.
    async fn rest(&self) {}
}

struct Foreign;

#[tool]
impl std::fmt::Debug for Foreign {
    #[tool(description = "Writes.")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

fn main() {}
