//! The folder that tools are confined to.
//!
//! Every path is opened relative to a handle of the folder, by a library that
//! refuses any step that leads out of it: `..`, absolute paths and symbolic
//! links alike, and nothing can be swapped in between.
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use cap_std::{ambient_authority, fs::Dir};
use siumai::LlmError;

use super::told;

/// An open folder; what tools read and write lies in it.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    dir: Arc<Dir>,
    path: Arc<Path>,
}

impl Root {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or it can't be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Self { dir: Arc::new(dir), path: path.into() })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The handle that everything is opened by.
    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// `path` as seen from the folder. A whole path into it is one too.
    pub(super) fn relative(&self, path: &str) -> PathBuf {
        let path = Path::new(path.trim());
        let inside = path.strip_prefix(&self.path).unwrap_or(path);
        if inside.as_os_str().is_empty() { PathBuf::from(".") } else { inside.to_owned() }
    }
}

/// What the model is told when `doing` something with `path` failed.
pub(super) fn cannot(doing: &str, path: &Path, error: &io::Error) -> LlmError {
    let path = path.display();
    if is_escape(error) {
        return told(format!(
            "`{path}` lies outside the folder this tool is confined to, so it was not \
             touched. Use a path inside, relative to the folder, such as `notes/today.txt`; \
             `list_files` shows what is there."
        ));
    }
    let why = match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file or folder. Call `list_files` to see what is there".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "permission is denied. Try another path, or tell the user".to_owned()
        }
        io::ErrorKind::NotADirectory => {
            "a part of the path is a file, not a folder. Call `list_files` to see what is there"
                .to_owned()
        }
        _ => format!("{error}. Try another path, or tell the user"),
    };
    told(format!("`{path}` can't be {doing}: {why}."))
}

/// Whether the folder's handle refused a path that leads out of it; the system's own refusals have a code.
fn is_escape(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}
