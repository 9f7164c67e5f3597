//! What building costs.
use std::path::Path;

use harness::Error;

pub fn measure(_root: &Path) -> Result<(), Error> {
    Err("the builds are not measured yet".into())
}
