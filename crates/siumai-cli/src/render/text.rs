//! The answer as text, as it comes.
use std::io::{self, Write};

use siumai::orchestrator::{StoppedBy, StreamEvent};

use super::{Answer, printable_lines};
use crate::run::{Ended, How};

/// Writes the model's words; those of each step begin on a line of their own.
#[derive(Debug)]
pub(crate) struct Text<W> {
    out: W,
    is_terminal: bool,
    is_in_line: bool,
    has_spoken: bool,
}

impl<W: Write> Text<W> {
    /// Writes to `out`; on a terminal, nothing the model says can do more than be read.
    pub(crate) fn new(out: W, is_terminal: bool) -> Self {
        Self { out, is_terminal, is_in_line: false, has_spoken: false }
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        if words.is_empty() {
            return Ok(());
        }
        self.has_spoken = true;
        self.is_in_line = !words.ends_with('\n');
        if self.is_terminal {
            self.out.write_all(printable_lines(words).as_bytes())?;
        } else {
            self.out.write_all(words.as_bytes())?;
        }
        self.out.flush()
    }

    fn end_line(&mut self) -> io::Result<()> {
        if self.is_in_line { self.say("\n") } else { Ok(()) }
    }
}

impl<W: Write> Answer for Text<W> {
    fn event(&mut self, event: &StreamEvent) -> io::Result<()> {
        match event {
            StreamEvent::Delta { delta, .. } => {
                let words = [&delta.content, &delta.refusal];
                words.into_iter().flatten().try_for_each(|words| self.say(words))
            }
            // What else is told of the run begins on a line of its own.
            _ => self.end_line(),
        }
    }

    fn end(&mut self, ended: &Ended) -> io::Result<()> {
        if let (How::Finished(StoppedBy::Answer), false) = (&ended.how, self.has_spoken) {
            // It had answered before it was resumed.
            self.say(ended.text().unwrap_or_default())?;
        }
        self.end_line()
    }
}
