//! Opening the file.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::{self, Fault};
use super::migrations;
use crate::error::Error;

/// Statements that are kept prepared: more than there are.
const STATEMENTS: usize = 128;

/// How long to wait before trying again what SQLite itself does not wait for.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn open(path: &Path, busy_timeout: Duration) -> Result<Connection, Fault> {
    create(path).map_err(|error| Fault::Told(Error::io("make the database", path, &error)))?;
    // Without URIs: a file may be named `file:a?b`.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // The file may have been made by somebody else: what its schema says is not to be trusted.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;

    // Nothing is written to a file that turns out to be something else.
    let deadline = Instant::now() + busy_timeout;
    while_busy(deadline, || migrations::version(&connection, path))?;
    if connection.is_readonly("main")? {
        return Err(Fault::Told(fault::read_only(path)));
    }
    while_busy(deadline, || write_ahead(&connection, path))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    while_busy(deadline, || migrations::run(&mut connection, path))?;
    Ok(connection)
}

/// Makes the file with its owner's access alone, so that there is no moment in which others can open it.
fn create(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Readers do not wait for the writer, nor the writer for them.
fn write_ahead(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(Fault::Told(Error::invalid(format!(
        "the database {} is where files cannot be shared between processes (its journal stays `{mode}`); put the data \
         folder on a disk of this machine",
        path.display()
    ))))
}

/// Tries again until others have let go. SQLite does that itself, but not where it changes the journal's mode or
/// recovers after a crash.
fn while_busy<T>(deadline: Instant, mut attempt: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    loop {
        match attempt() {
            Err(fault) if fault.is_busy() && Instant::now() < deadline => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
}
