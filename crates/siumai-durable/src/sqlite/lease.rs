//! Who drives a run, in a way that a dead process can't get wrong.
//!
//! Whoever drives runs of a journal holds a lock of the system on a file of its own, for as long
//! as it lives; whatever ends the process ends the lock. A run is leased to one such driver: its
//! row names the lease, and only who knows it may append. A lease whose driver holds its lock no
//! longer can be taken by the next. Names are never used twice, so an old file, a process id that
//! came again, or a driver that wakes up after its lease was taken can't be mistaken for another.
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use siumai_core::LlmError;

use super::{
    failure::system,
    file::{alone, beside, private},
};

/// Somebody who drives runs, here.
#[derive(Debug)]
pub(super) struct Driver {
    name: String,
    path: PathBuf,
    /// Locked until it is closed.
    _file: File,
    leases: u64,
}

impl Driver {
    /// Registers another driver of runs in `journal`, and clears away those that died.
    pub(super) fn register(journal: &Path) -> Result<Self, LlmError> {
        let _alone = alone(journal)?;
        clear(journal);
        let name = format!("{:032x}", fastrand::u128(..));
        let path = driver_file(journal, &name);
        let file = private().create_new(true).open(&path).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        let file = file.map_err(|error| system(&path, error))?;
        Ok(Self { name, path, _file: file, leases: 0 })
    }

    /// The name of a lease that nobody ever had.
    pub(super) fn new_lease(&mut self) -> String {
        self.leases += 1;
        format!("{}.{}", self.name, self.leases)
    }

    /// Whether it is this driver that has the lease.
    pub(super) fn has(&self, lease: &str) -> bool {
        driver_of(lease) == self.name
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // What is left of it is cleared away by the next driver.
        fs::remove_file(&self.path).ok();
    }
}

/// Whether the driver that was given `lease` lives.
pub(super) fn is_alive(journal: &Path, lease: &str) -> bool {
    is_locked(&driver_file(journal, driver_of(lease)))
}

fn driver_of(lease: &str) -> &str {
    lease.split_once('.').map_or(lease, |(driver, _)| driver)
}

fn driver_file(journal: &Path, name: &str) -> PathBuf {
    beside(journal, &format!("driver-{name}"))
}

/// Whether somebody holds the lock on the file. If that can't be known, somebody does.
fn is_locked(path: &Path) -> bool {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    // Shared, so that two who look at once don't take each other for a driver.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
}

/// Removes the files of drivers that died. None of them is needed, so what can't be removed stays.
fn clear(journal: &Path) {
    let prefix = driver_file(journal, "");
    let (Some(folder), Some(prefix)) = (journal.parent(), prefix.file_name()) else { return };
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let is_driver = file.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if is_driver && !is_locked(&file.path()) {
            fs::remove_file(file.path()).ok();
        }
    }
}
