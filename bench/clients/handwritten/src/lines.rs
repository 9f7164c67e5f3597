//! Lines, found where they were received; only one that is cut is copied.
use harness::Error;
use memchr::memchr;

#[derive(Default)]
pub struct Lines {
    /// The beginning of a line whose end has not arrived.
    cut: Vec<u8>,
}

impl Lines {
    pub fn each(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(end) = memchr(b'\n', bytes) {
            let line = &bytes[..end];
            if self.cut.is_empty() {
                take(line)?;
            } else {
                self.cut.extend_from_slice(line);
                take(&self.cut)?;
                self.cut.clear();
            }
            bytes = &bytes[end + 1..];
        }
        self.cut.extend_from_slice(bytes);
        Ok(())
    }
}
