//! A server that is a child process: started in a group of its own, and gone with its connection.
use std::{
    io,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};

use crate::{diagnosis::Diagnosis, lines::Beside};

/// How long a server that writes no more may take to say why, and to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A child process. Dropping it kills the process and those that it started.
pub(crate) struct Process(Arc<Mutex<Child>>);

/// Its standard error, and its end.
pub(crate) struct Errors {
    from: Option<ChildStderr>,
    child: Arc<Mutex<Child>>,
}

impl Process {
    /// Starts `command`; gives its streams, too.
    pub(crate) fn start(
        mut command: Command,
    ) -> io::Result<(Self, (ChildStdout, ChildStdin), Errors)> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C in the terminal is for the program, which ends its servers in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let streams = child.stdout.take().zip(child.stdin.take());
        let streams = streams.ok_or_else(|| io::Error::other("its pipes are not there"))?;
        let from = child.stderr.take();
        let child = Arc::new(Mutex::new(child));
        let errors = Errors { from, child: Arc::clone(&child) };
        Ok((Self(child), streams, errors))
    }

    /// Waits for the process to end by itself, up to `limit`.
    pub(crate) async fn ends_within(&self, limit: Duration) {
        // One that takes longer is killed when this is dropped.
        tokio::time::timeout(limit, wait(&self.0)).await.ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill(&mut lock(&self.0));
    }
}

/// Kills the process and all of its group, unless it has ended.
fn kill(child: &mut Child) {
    // Its number may belong to another as soon as somebody has waited for it.
    let Some(number) = child.id() else { return };
    #[cfg(unix)]
    if let Some(group) = i32::try_from(number).ok().and_then(rustix::process::Pid::from_raw) {
        // What has ended meanwhile needs no killing.
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    #[cfg(not(unix))]
    let _: u32 = number;
    // As before; and it lets the runtime clear away what is left of it.
    child.start_kill().ok();
}

impl Beside for Errors {
    async fn read_on(&mut self, diagnosis: &Diagnosis) {
        let mut buffer = [0; 1024];
        while let Some(from) = &mut self.from {
            match from.read(&mut buffer).await {
                Ok(length @ 1..) => diagnosis.said(&buffer[..length]),
                Ok(0) | Err(_) => self.from = None,
            }
        }
        std::future::pending::<()>().await;
    }

    async fn how_it_ended(&mut self, diagnosis: &Diagnosis) -> String {
        let child = Arc::clone(&self.child);
        let ended = tokio::time::timeout(LAST_WORDS, async {
            let status = tokio::select! {
                status = wait(&child) => status,
                () = self.read_on(diagnosis) => return None,
            };
            // What it wrote before is still in the pipe; a process that it left behind may hold that open.
            let rest = self.read_on(diagnosis);
            tokio::time::timeout(Duration::from_millis(50), rest).await.ok();
            status
        });
        match ended.await {
            Ok(Some(status)) => format!("ended with {status}"),
            Ok(None) => "ended".to_owned(),
            Err(_) => "closed its standard output".to_owned(),
        }
    }
}

/// Waits for the process to end. The lock is held while it is asked, not while it runs.
async fn wait(child: &Mutex<Child>) -> Option<ExitStatus> {
    std::future::poll_fn(|context| {
        let mut child = lock(child);
        let waiting = std::pin::pin!(child.wait());
        match waiting.poll(context) {
            Poll::Ready(status) => Poll::Ready(status.ok()),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}
