//! The file itself: how it is made and opened, and the versions of what is in it.
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use siumai_core::LlmError;

use super::failure::{damaged_file, failed, not_a_journal, sqlite, system};

/// How long one waits for another who writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What tells a journal from other databases: `siuj`.
const APPLICATION: i32 = 0x7369_756a;

/// What leads from each version to the next. What stands here never changes; it is added to.
const MIGRATIONS: [&str; 1] = ["CREATE TABLE runs (
        id TEXT NOT NULL PRIMARY KEY,
        metadata TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        records INTEGER NOT NULL,
        checksum BLOB NOT NULL,
        lease TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE records (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        version INTEGER NOT NULL,
        kind TEXT NOT NULL,
        effect TEXT,
        body TEXT NOT NULL,
        checksum BLOB NOT NULL,
        PRIMARY KEY (run_id, place)
    ) STRICT;"];

/// Opens the journal at `path`, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, LlmError> {
    make_folder(path)?;
    // Two who make or migrate the same file at once would get in each other's way.
    let _alone = alone(path)?;
    match path.metadata() {
        Ok(file) if file.len() == 0 => return Err(damaged_file(path, "it is empty")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
        Err(error) => return Err(system(path, error)),
    }
    connect(path)
}

/// Holds others back who open the journal, or begin to drive runs of it, until it is dropped.
pub(super) fn alone(path: &Path) -> Result<File, LlmError> {
    let held = private().create(true).open(beside(path, "lock"));
    held.and_then(|file| file.lock().map(|()| file)).map_err(|error| system(path, error))
}

/// The name of a file that belongs to the journal at `path`.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-");
    name.push(what);
    name.into()
}

/// To write a file that nobody else may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_folder(path: &Path) -> Result<(), LlmError> {
    let mut folders = DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    let made = path.parent().map_or(Ok(()), |it| folders.create(it));
    made.map_err(|error| system(path, error))
}

/// Makes the file beside its place and moves it there when it is whole: whoever dies in between
/// leaves no journal, and not half of one. SQLite gives the files it makes the same rights.
fn make(path: &Path) -> Result<(), LlmError> {
    let new = beside(path, "new");
    for left in [new.clone(), beside(&new, "wal"), beside(&new, "shm")] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(system(path, error));
            }
            _ => {}
        }
    }
    private().create_new(true).open(&new).map_err(|error| system(path, error))?;
    let whole = connect(&new)?;
    whole.close().map_err(|(_, error)| sqlite(path, error))?;
    fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(|error| system(path, error))
}

/// Sees to it that the file's name is as lasting as what is in it.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
        return File::open(folder)?.sync_all();
    }
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, LlmError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let mut connection = connection.map_err(|error| sqlite(path, error))?;
    let version = version(path, &connection)?;
    configure(&connection).map_err(|error| sqlite(path, error))?;
    migrate(&mut connection, version).map_err(|error| sqlite(path, error))?;
    Ok(connection)
}

/// The version of what is in the file; 0 if there is nothing yet.
fn version(path: &Path, connection: &Connection) -> Result<usize, LlmError> {
    let read = |name: &str| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        value.map_err(|error| sqlite(path, error))
    };
    let (application, version) = (read("application_id")?, read("user_version")?);
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    let is_empty = tables.map_err(|error| sqlite(path, error)).map(|count: i64| count == 0)?;
    if application == 0 && version == 0 && is_empty {
        return Ok(0);
    }
    if application != APPLICATION {
        return Err(not_a_journal(path, "it is a database of another program"));
    }
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(version) if version > known => Err(failed(
            "newer_version",
            format!(
                "the journal {} is of version {version}, and this library reads up to {known}; \
                 update it",
                path.display()
            ),
        )),
        Ok(version) if version > 0 => Ok(version),
        _ => Err(damaged_file(path, &format!("it can't be of version {version}"))),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Elsewhere than on macOS it changes nothing; there, a sync is none without it.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    // What a file says is not trusted more than need be.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "journal_mode", "WAL")
}

fn migrate(connection: &mut Connection, from: usize) -> rusqlite::Result<()> {
    for (version, change) in (1_u32..).zip(MIGRATIONS).skip(from) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(change)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
