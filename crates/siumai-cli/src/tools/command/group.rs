//! A child process with everything it starts.
use std::io;

use tokio::process::{Child, Command};

/// Kills a child and its descendants when it goes.
#[derive(Debug)]
pub(super) struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    /// Starts `command` as the leader of a group of its own. So Ctrl-C reaches
    /// the program alone, which then ends the run, and with it the group.
    pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        #[cfg(unix)]
        let group = {
            let id = child.id().and_then(|id| i32::try_from(id).ok());
            Self { leader: id.and_then(rustix::process::Pid::from_raw) }
        };
        #[cfg(not(unix))]
        let group = Self {};
        Ok((child, group))
    }

    /// Kills what is left of the group.
    pub(super) fn kill(self) {
        drop(self);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            // An error says that nobody is left.
            rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).ok();
        }
    }
}
