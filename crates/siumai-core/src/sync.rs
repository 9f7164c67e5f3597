//! The locks around whatever several threads share.
//!
//! They are the standard library's. The tests called `schedules` swap them for those of an explorer,
//! which switches between threads at each lock: see `explore`.
#[cfg(test)]
#[cfg(shuttle)]
pub(crate) mod explore;

pub(crate) use self::locks::{Mutex, MutexGuard};

#[cfg(all(test, shuttle))]
use shuttle::sync as locks;
#[cfg(not(all(test, shuttle)))]
use std::sync as locks;
