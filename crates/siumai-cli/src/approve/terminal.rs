//! Asks at the terminal: shows the whole call, then waits for a key.
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
};

use dialoguer::{
    Editor, Input,
    console::{Key, Term},
    theme::SimpleTheme,
};
use serde_json::Value;
use siumai::types::Tool;

use super::{Ask, Reply};
use crate::{
    render::{paint, printable},
    stop::Cause,
};

/// A terminal with somebody at it.
#[derive(Debug)]
pub(crate) struct Terminal {
    editor: Option<String>,
}

impl Terminal {
    /// The terminal, if the program writes to one and can read from it, even where standard
    /// input is piped. Arguments are edited with `editor`, or on the line.
    pub(crate) fn find(editor: Option<&str>) -> Option<Self> {
        let can_read = || io::stdin().is_terminal() || File::open("/dev/tty").is_ok();
        let is_there = io::stderr().is_terminal() && can_read();
        is_there.then(|| Self { editor: editor.map(str::to_owned) })
    }

    fn ask_about(&self, tool: &Tool, arguments: &Value) -> io::Result<Reply> {
        let name = tool.name();
        let mut screen = anstream::stderr();
        let (bold, plain) = (paint::STRONG.render(), paint::STRONG.render_reset());
        writeln!(screen, "\n{bold}{name}{plain} wants to run with")?;
        show(&mut screen, arguments)?;
        // What was typed before the question can't be an answer to it.
        forget_typed();
        loop {
            write!(
                screen,
                "{bold}allow it?{plain} yes, always {name}, edit, no, quit [y/a/e/n/q] "
            )?;
            screen.flush()?;
            let key = Term::stderr().read_key()?;
            let Key::Char(letter) = key else {
                writeln!(screen)?;
                continue;
            };
            writeln!(screen, "{}", printable(&letter.to_string()))?;
            match letter.to_ascii_lowercase() {
                'y' => return Ok(Reply::Yes),
                'a' => return Ok(Reply::Always),
                'n' => return Ok(Reply::No(line("why not? (the model is told)", "")?)),
                'q' => return Ok(Reply::End(Cause::Quit)),
                'e' => {
                    if let Some(edited) = self.edit(arguments)? {
                        return Ok(Reply::Edited(edited));
                    }
                }
                _ => {}
            }
        }
    }

    /// The arguments as the person wants them; nothing, if they leave the editor without saving.
    fn edit(&self, arguments: &Value) -> io::Result<Option<Value>> {
        let mut text = match &self.editor {
            Some(_) => format!("{arguments:#}"),
            None => arguments.to_string(),
        };
        loop {
            text = match &self.editor {
                None => line("arguments", &text)?,
                Some(editor) => {
                    let mut window = Editor::new();
                    window.executable(editor).extension(".json");
                    match window.edit(&text).map_err(into_io)? {
                        Some(edited) => edited,
                        None => return Ok(None),
                    }
                }
            };
            match serde_json::from_str(&text) {
                Ok(edited @ Value::Object(_)) => return Ok(Some(edited)),
                Ok(_) => writeln!(anstream::stderr(), "that is no JSON object; try again")?,
                Err(error) => writeln!(anstream::stderr(), "that is no JSON ({error}); try again")?,
            }
        }
    }
}

impl Ask for Terminal {
    fn ask(&mut self, tool: &Tool, arguments: &Value) -> Reply {
        match self.ask_about(tool, arguments) {
            Ok(reply) => reply,
            // Ctrl-C.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                Reply::End(Cause::Interrupted)
            }
            Err(error) => Reply::No(format!("the terminal can't be read ({error})")),
        }
    }
}

/// Writes each argument on lines of its own, nothing left out: who approves must see it all.
pub(crate) fn show(out: &mut impl Write, arguments: &Value) -> io::Result<()> {
    let Value::Object(arguments) = arguments else {
        return writeln!(out, "  {}", printable(&arguments.to_string()));
    };
    if arguments.is_empty() {
        return writeln!(out, "  no arguments");
    }
    for (name, value) in arguments {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = printable(name);
        if text.contains('\n') {
            writeln!(out, "  {name}:")?;
            text.lines().try_for_each(|line| writeln!(out, "    {}", printable(line)))?;
        } else {
            writeln!(out, "  {name}: {}", printable(&text))?;
        }
    }
    Ok(())
}

fn line(question: &str, initial: &str) -> io::Result<String> {
    let input = Input::<String>::with_theme(&SimpleTheme).with_prompt(question).allow_empty(true);
    input.with_initial_text(initial).interact_text().map_err(into_io)
}

fn into_io(error: dialoguer::Error) -> io::Error {
    match error {
        dialoguer::Error::IO(error) => error,
    }
}

fn forget_typed() {
    #[cfg(unix)]
    if io::stdin().is_terminal() {
        // If it can't be, it stays: the question is still asked.
        rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush).ok();
    }
}
