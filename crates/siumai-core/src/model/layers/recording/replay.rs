//! A model that answers by a recording.
use std::{
    cmp::Reverse,
    fmt,
    io::{self, BufRead, BufReader, Read},
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    line::{Ended, Exchange, Header, Line, VERSION},
    request::{Difference, Meaning},
    secrets::Secrets,
};
use crate::{
    ErrorKind, LlmError,
    model::{LanguageModel, ModelEvent, ModelStream},
    types::{ChatRequest, Tool},
};

/// How long the first line may be, in bytes: what is no recording need not be read whole.
const LONGEST_HEADER: u64 = 4096;

/// Answers as a [`Recorder`](super::Recorder) wrote it down, without any model: the same events,
/// the same errors, at once.
///
/// A request is answered if one that means the same was recorded: the same system messages,
/// messages, tools, tool choice and settings. When it comes, and whether a stream or a whole reply
/// is wanted, is all the same. Where several were recorded, the answers come in the order in which
/// they were asked for. Any other request is an error, with the code `not_recorded`, that says in
/// what it differs from the nearest that was recorded.
///
/// Tools are no part of a recording: in a replayed run they execute again, and what they return
/// must be what they returned then, since the model is told of it.
///
/// ```
/// use siumai_core::{
///     LlmError,
///     model::{LanguageModel, collect, layers::{Recorder, Replay}},
///     testing::ScriptedModel,
///     types::ChatRequest,
///     user,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), LlmError> {
/// let mut file = Vec::new();
/// let recorder = Recorder::new(ScriptedModel::new().reply("Hello."), &mut file);
/// let reply = collect(recorder.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
/// drop(recorder);
///
/// let replay = Replay::from_reader(&file[..])?;
/// let again = collect(replay.stream(ChatRequest::new(vec![user!("Hi")])).await?).await?;
/// assert_eq!(again, reply);
/// assert_eq!((replay.remaining(), replay.lost()), (0, None));
///
/// let other = replay.stream(ChatRequest::new(vec![user!("Ho")])).await.err().unwrap();
/// assert_eq!(
///     other.to_string(),
///     "this request was not recorded; exchange 1, the nearest, differs in message 1 (user) at \
///      `content[0].text`, character 2; ask what was asked, or record again",
/// );
/// # Ok(())
/// # }
/// ```
///
/// # A recording that broke off
///
/// If the program that recorded died, what it had written still plays. [`lost`](Self::lost) says
/// that something is missing, and so does the error of a request that was not recorded. Anything
/// else that is wrong with a line is an error when the recording is read.
pub struct Replay {
    provider: String,
    model: String,
    secrets: Secrets,
    answers: Mutex<Vec<Answer>>,
    lost: Option<String>,
}

/// An exchange that can be played once.
struct Answer {
    number: usize,
    asked: Meaning,
    was_whole: bool,
    /// What was answered, until it is played.
    reply: Option<(Vec<ModelEvent>, Ended)>,
}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// If it can't be read, is no recording or one of a newer version, or a line is damaged; the
    /// error says which.
    pub fn from_reader(recording: impl Read) -> Result<Self, LlmError> {
        let mut lines = Lines { reader: BufReader::new(recording), number: 0 };
        lines.check_header()?;
        let (mut exchanges, mut end, mut cut) = (Vec::new(), None, None);
        while let Some((bytes, is_last)) = lines.next()? {
            if end.is_some() {
                return Err(lines.damaged("it comes after the end of the recording"));
            }
            match lines.parse(&bytes) {
                Ok(Line::Exchange(exchange)) => exchanges.push(*exchange),
                Ok(Line::End { exchanges }) => end = Some(exchanges),
                // The newline is written last.
                Err(_) if is_last => cut = Some(lines.number),
                Err(error) => return Err(error),
            }
        }
        exchanges.sort_by_key(|it| it.number);
        let lost = match (cut, end) {
            (Some(line), _) => Some(format!("line {line}, the last, is cut off")),
            (None, None) => {
                Some("it has no end; whatever was under way then is missing".to_owned())
            }
            (None, Some(begun)) => missing(&exchanges, begun),
        };
        Self::new(exchanges, lost)
    }

    fn new(exchanges: Vec<Exchange>, lost: Option<String>) -> Result<Self, LlmError> {
        let name = exchanges.first().map(|it| (it.provider.clone(), it.model.clone()));
        let (provider, model) = name.unwrap_or_else(|| ("replay".to_owned(), "none".to_owned()));
        let secrets = Secrets::default();
        let answers: Result<_, _> =
            exchanges.into_iter().map(|it| Answer::new(it, &secrets)).collect();
        Ok(Self { provider, model, answers: Mutex::new(answers?), secrets, lost })
    }

    /// Takes `secret` out of requests before they are compared, as the
    /// [recorder](super::Recorder::scrub) took it out of what it wrote.
    #[must_use]
    pub fn scrub(mut self, secret: impl Into<SecretString>) -> Self {
        self.secrets.add(&secret.into());
        let answers = self.answers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for answer in answers {
            answer.asked.scrub(&self.secrets);
        }
        self
    }

    /// How many exchanges are still to be played.
    pub fn remaining(&self) -> usize {
        self.answers().iter().filter(|it| it.reply.is_some()).count()
    }

    /// What is missing, if whoever recorded did not come to the end.
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// What was recorded for `request` and has not been played; a reply that came as it is wanted
    /// comes before one that did not.
    fn take(&self, request: &ChatRequest) -> Result<(Vec<ModelEvent>, Ended), LlmError> {
        let asked = Meaning::of(request, &self.secrets).map_err(|error| unwritable(&error))?;
        let mut answers = self.answers();
        let fits = |it: &&mut Answer| it.reply.is_some() && it.asked == asked;
        let is_as_wanted = |it: &Answer| it.was_whole == request.is_whole();
        let as_wanted = answers.iter_mut().filter(fits).find(|it| is_as_wanted(it));
        let answer = match as_wanted {
            Some(answer) => Some(answer),
            None => answers.iter_mut().find(fits),
        };
        let reply = answer.and_then(|it| it.reply.take());
        reply.ok_or_else(|| self.not_recorded(&asked, &answers))
    }

    fn not_recorded(&self, asked: &Meaning, answers: &[Answer]) -> LlmError {
        let count = answers.iter().filter(|it| it.asked == *asked).count();
        let differences =
            answers.iter().filter_map(|it| Some((it.number, asked.difference(&it.asked)?)));
        let nearest = differences.max_by_key(|(number, it)| (it.likeness, Reverse(*number)));
        let text = match nearest {
            _ if count > 0 => format!(
                "this request was recorded {}, and every answer has been played; \
                 record a run that asks as often",
                if count == 1 { "once".to_owned() } else { format!("{count} times") }
            ),
            Some((number, Difference { place, .. })) => format!(
                "this request was not recorded; exchange {number}, the nearest, differs in \
                 {place}; ask what was asked, or record again"
            ),
            None => "the recording holds no exchange; record again".to_owned(),
        };
        let error = LlmError::invalid_input(text).with_code("not_recorded");
        match &self.lost {
            Some(lost) => error.noting(&format!("the recording is not whole: {lost}")),
            None => error,
        }
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromStr for Replay {
    type Err = LlmError;

    /// As [`from_reader`](Replay::from_reader).
    fn from_str(recording: &str) -> Result<Self, LlmError> {
        Self::from_reader(recording.as_bytes())
    }
}

#[async_trait]
impl LanguageModel for Replay {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn stream(&self, request: ChatRequest) -> Result<ModelStream<'_>, LlmError> {
        let (events, ended) = self.take(&request)?;
        let error = match ended {
            Ended::Finished | Ended::BrokeOff => None,
            Ended::Failed(error) => Some(error),
            Ended::Refused(error) => return Err(error),
            Ended::Dropped => Some(LlmError::new(
                ErrorKind::Cancelled,
                "the recording has no more of this reply: whoever asked for it went away then",
            )),
        };
        Ok(stream::iter(events.into_iter().map(Ok).chain(error.map(Err))).boxed())
    }

    /// As the model that was recorded: what it was asked says so.
    fn takes_answer_schema(&self, _: &Value, _: &[Tool]) -> bool {
        self.answers().iter().any(|it| it.asked.wants_schema())
    }
}

impl Answer {
    fn new(exchange: Exchange, secrets: &Secrets) -> Result<Self, LlmError> {
        let Exchange { number, request, events, ended, .. } = exchange;
        let asked = Meaning::of(&request, secrets).map_err(|error| unwritable(&error))?;
        Ok(Self { number, asked, was_whole: request.is_whole(), reply: Some((events, ended)) })
    }
}

/// Which of the exchanges that had begun is missing, if one is.
fn missing(exchanges: &[Exchange], begun: usize) -> Option<String> {
    let mut found = exchanges.iter().map(|it| it.number);
    let number = (1..=begun).find(|number| found.next() != Some(*number))?;
    Some(format!("exchange {number} is missing"))
}

/// The lines of a recording that is read.
struct Lines<R> {
    reader: BufReader<R>,
    /// Of the line that was read last, from 1.
    number: usize,
}

impl<R: Read> Lines<R> {
    fn check_header(&mut self) -> Result<(), LlmError> {
        let mut bytes = Vec::new();
        let mut reader = self.reader.by_ref().take(LONGEST_HEADER);
        reader.read_until(b'\n', &mut bytes).map_err(|error| unreadable(&error))?;
        self.number = 1;
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let header: Option<Header> = serde_json::from_slice(text).ok();
        match header.filter(Header::names_the_format) {
            Some(header) if header.version > VERSION => Err(LlmError::invalid_input(format!(
                "line 1: the recording is of version {}, and {VERSION} is the newest known here; \
                 use a newer siumai, or record again",
                header.version
            ))),
            Some(_) => Ok(()),
            None => Err(LlmError::invalid_input(
                "line 1 does not say that this is a recording of siumai; record one first",
            )),
        }
    }

    /// The next line that has something on it, and whether it is the last and not ended.
    fn next(&mut self) -> Result<Option<(Vec<u8>, bool)>, LlmError> {
        loop {
            let mut bytes = Vec::new();
            let read = self.reader.read_until(b'\n', &mut bytes);
            if read.map_err(|error| unreadable(&error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !bytes.trim_ascii().is_empty() {
                let is_last = !bytes.ends_with(b"\n");
                return Ok(Some((bytes, is_last)));
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, LlmError> {
        serde_json::from_slice(bytes).map_err(|error| {
            // Its own text quotes what it found, which may be of a prompt.
            let what = if error.is_data() { "no exchange" } else { "no JSON" };
            let column = error.column();
            self.damaged(&format!("it is {what} at byte {column}"))
        })
    }

    fn damaged(&self, what: &str) -> LlmError {
        let line = self.number;
        let text = format!("line {line} of the recording is damaged: {what}; record again");
        LlmError::invalid_input(text)
    }
}

fn unreadable(error: &io::Error) -> LlmError {
    LlmError::invalid_input(format!("the recording can't be read: {error}"))
}

fn unwritable(error: &serde_json::Error) -> LlmError {
    LlmError::invalid_input(format!("the request has no form in JSON to be compared by: {error}"))
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("remaining", &self.remaining())
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}
