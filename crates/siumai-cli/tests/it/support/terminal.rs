//! A terminal with somebody at it, who reads before they type.
use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Nothing takes so long; a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program at a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    shown: String,
    child: Child,
}

impl Terminal {
    /// Starts `command` with its standard input and error at a terminal; its output is piped.
    pub(crate) fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        command.stdin(open()).stderr(open()).stdout(Stdio::piped()).env("TERM", "xterm");
        let child = command.spawn().unwrap();
        // It holds ends of the terminal, which would never end with them.
        drop(command);
        let keyboard = File::from(master);
        let screen = watch(keyboard.try_clone().unwrap());
        Self { keyboard, screen, shown: String::new(), child }
    }

    /// Waits until `text` is shown, and forgets what came up to there.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let Ok(bytes) = self.screen.recv_timeout(PATIENCE) else {
                panic!("`{text}` was never shown; there was: {}", self.shown)
            };
            self.shown.push_str(&without_colours(&bytes));
        }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Types `keys`, and again whenever nothing happens, until the program ends: what is typed
    /// before it reads key by key is lost.
    pub(crate) fn type_until_the_end(&mut self, keys: &str) {
        self.type_in(keys);
        while self.child.try_wait().unwrap().is_none() {
            match self.screen.recv_timeout(Duration::from_millis(300)) {
                Ok(bytes) => self.shown.push_str(&without_colours(&bytes)),
                // Nobody reads any more if it has ended just now.
                Err(_) if self.keyboard.write_all(keys.as_bytes()).is_err() => break,
                Err(_) => {}
            }
        }
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    /// Waits for the end: the exit code, what went to standard output, and what else was shown.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let code = self.child.wait().unwrap().code();
        while let Ok(bytes) = self.screen.recv_timeout(PATIENCE) {
            self.shown.push_str(&without_colours(&bytes));
        }
        (code, out, self.shown)
    }
}

fn watch(mut screen: File) -> mpsc::Receiver<Vec<u8>> {
    let (seen, watched) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // It ends with an error when the program has ended.
        while let Ok(count @ 1..) = screen.read(&mut buffer) {
            if seen.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    watched
}

fn without_colours(bytes: &[u8]) -> String {
    anstream::adapter::strip_str(&String::from_utf8_lossy(bytes)).to_string()
}
