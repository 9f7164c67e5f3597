//! Who answers a run: a model, one that is recorded, or a recording.
use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use siumai::{
    Siumai,
    model::{
        LanguageModel,
        layers::{Recorder, Replay},
    },
};

use crate::{
    args::RecordingArgs,
    failure::{Exit, Failure},
};

/// Who answers a run.
pub(crate) enum Source {
    Asked(Siumai),
    Recorded { recorder: Arc<Recorder<Siumai, File>>, path: PathBuf },
    Replayed(Arc<Replay>),
}

impl Source {
    /// `client`, recorded if that is wanted. `keys` are not.
    ///
    /// # Errors
    ///
    /// If the recording can't be begun.
    pub(crate) fn asked(
        client: Siumai,
        args: &RecordingArgs,
        keys: &[SecretString],
    ) -> Result<Self, Failure> {
        let Some(path) = &args.record else { return Ok(Self::Asked(client)) };
        let file = create(path, args.overwrite)?;
        let recorder = keys.iter().cloned().fold(client.record(file), Recorder::scrub);
        Ok(Self::Recorded { recorder: Arc::new(recorder), path: path.clone() })
    }

    /// The recording at `path`, which holds none of `keys`.
    ///
    /// # Errors
    ///
    /// If it can't be read, or is none.
    pub(crate) fn replayed(path: &Path, keys: &[SecretString]) -> Result<Self, Failure> {
        let name = path.display();
        let file = File::open(path).map_err(|error| {
            Failure::usage(format!(
                "the recording {name} can't be opened: {error}; make one with --record {name}"
            ))
        })?;
        let replay = Replay::from_reader(file)
            .map_err(|error| Failure::usage(format!("the recording {name}: {error}")))?;
        Ok(Self::Replayed(Arc::new(keys.iter().cloned().fold(replay, Replay::scrub))))
    }

    pub(crate) fn model(&self) -> Arc<dyn LanguageModel> {
        match self {
            Self::Asked(client) => Arc::new(client.clone()),
            Self::Recorded { recorder, .. } => Arc::clone(recorder) as _,
            Self::Replayed(replay) => Arc::clone(replay) as _,
        }
    }

    /// What of it the user should know before the run.
    pub(crate) fn lost(&self) -> Option<String> {
        let Self::Replayed(replay) = self else { return None };
        Some(format!("the recording is not whole: {}", replay.lost()?))
    }

    /// What of it the user should know after a run that went well.
    pub(crate) fn left(&self) -> Option<String> {
        let Self::Replayed(replay) = self else { return None };
        match replay.remaining() {
            0 => None,
            1 => Some("1 recorded exchange was not played".to_owned()),
            count => Some(format!("{count} recorded exchanges were not played")),
        }
    }

    /// Ends the recording, if one is made, behind a run that ended with `exit`.
    ///
    /// # Errors
    ///
    /// If it is not whole: whoever wanted it has to know, even if the run went well.
    pub(crate) fn finish(&self, exit: Exit) -> Result<Exit, Failure> {
        let Self::Recorded { recorder, path } = self else { return Ok(exit) };
        recorder.finish().map(|()| exit).map_err(|error| Failure {
            exit: if exit == Exit::Done { Exit::Failed } else { exit },
            message: format!("the recording {} is not whole: {error}", path.display()),
        })
    }
}

/// Makes a file for a recording. What is neither file nor folder, such as a pipe, is written to.
fn create(path: &Path, overwrite: bool) -> Result<File, Failure> {
    let name = path.display();
    let unwritable = |why: &dyn fmt::Display| {
        Failure::usage(format!(
            "the recording {name} can't be written: {why}; give --record another name"
        ))
    };
    let mut options = OpenOptions::new();
    match path.metadata() {
        Ok(found) if found.is_dir() => return Err(unwritable(&"it is a folder")),
        Ok(found) if !found.is_file() => options.write(true),
        _ if overwrite => options.write(true).create(true).truncate(true),
        _ => options.write(true).create_new(true),
    };
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "the file {name} exists; give --record another name, or add --overwrite to replace it"
        )),
        _ => unwritable(&error),
    })
}
