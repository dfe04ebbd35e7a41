//! What outlives the process, in one SQLite file.
//!
//! Everything here blocks: async callers use `spawn_blocking`. Several processes may use one file at the same time.

mod check;
mod configurations;
mod events;
mod fault;
mod group;
mod jobs;
mod migrations;
mod open;
mod profiles;
mod readers;
mod sequences;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::{Error, Result};
pub use check::DatabaseHealth;
pub(crate) use configurations::{Configurations, StoredConfiguration};
pub(crate) use events::{About, EventQuery, Events, StoredEvent};
pub(crate) use fault::Fault;
pub(crate) use group::{Batch, Writer};
pub use jobs::JobState;
pub(crate) use jobs::{
    Claim, Content, Ending, Found, JobQuery, JobRow, Jobs, Keyed, Listed, NewRow, NewStep, OpenJob, Payload,
    Which,
};
pub(crate) use profiles::{Ended, ProfileKey, ProfileQuery, Sample, StoredProfile, Welford};
use readers::Readers;
pub(crate) use sequences::{Course, NewSequenceRow, Release, SequenceQuery, SequenceRow, Sequences};
pub use sequences::{SequenceMode, SequenceState};

/// How long one statement waits for other processes before it fails as `transient`.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The database of a data folder. Cheap to clone.
///
/// What was written is on the disk when the call returns, and is there after a crash of the process or the machine.
#[derive(Clone)]
pub(crate) struct Database(Arc<Inner>);

struct Inner {
    path: PathBuf,
    /// The one connection that writes.
    connection: Mutex<Connection>,
    readers: Readers,
}

impl Database {
    /// Opens the file, which is made, for its owner alone, where there is none; the folder must be there. A database
    /// of an earlier release is brought up to date.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the path cannot be used, or the file is another program's or a later release's: such a
    /// file is not changed. `transient`, where another process holds it for longer than five seconds. `fatal`, where
    /// it is damaged or no database. `resource-exhausted`, where the disk is full.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_waiting(path, BUSY_TIMEOUT)
    }

    fn open_waiting(path: &Path, busy_timeout: Duration) -> Result<Self> {
        let connection = open::open(path, busy_timeout).map_err(|fault| fault.told("open", path))?;
        let readers = Readers::new(path.to_owned());
        Ok(Self(Arc::new(Inner { path: path.to_owned(), connection: Mutex::new(connection), readers })))
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// The configurations of instances.
    pub(crate) fn configurations(&self) -> Configurations<'_> {
        Configurations::new(self)
    }

    /// The jobs.
    pub(crate) fn jobs(&self) -> Jobs<'_> {
        Jobs::new(self)
    }

    /// The sequences.
    pub(crate) fn sequences(&self) -> Sequences<'_> {
        Sequences::new(self)
    }

    /// What happened.
    pub(crate) fn events(&self) -> Events<'_> {
        Events::new(self)
    }

    /// Gives back the space of what was deleted. Nobody writes meanwhile, and it needs as much free space as the file
    /// takes.
    pub(crate) fn vacuum(&self) -> Result<()> {
        let vacuum = |connection: &Connection| -> Result<(), Fault> {
            connection.execute_batch("VACUUM; PRAGMA optimize")?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        };
        vacuum(&self.connection()).map_err(|fault| fault.told("vacuum", &self.0.path))
    }

    /// Looks at every page of the file. It takes as long as reading the file does, and others may use it meanwhile.
    ///
    /// # Errors
    ///
    /// `fatal` with what is damaged and how to recover; and what reading can fail with.
    pub(crate) fn check(&self) -> Result<()> {
        let found: Vec<String> = self.read("check", |connection| {
            let mut statement = connection.prepare("PRAGMA quick_check(10)")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })?;
        match found.as_slice() {
            [only] if only == "ok" => Ok(()),
            _ => Err(fault::damaged(&self.0.path, &found.join("; "))),
        }
    }

    /// As if the disk had room for so many pages, or for those that are there.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.connection().execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();
    }

    /// Reads; `doing` is what is said to have failed, for example `list the configurations in`.
    fn read<T>(&self, doing: &str, with: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        with(&self.connection()).map_err(|fault| fault.told(doing, &self.0.path))
    }

    /// Reads on a connection of its own, beside whoever writes.
    fn read_beside<T>(&self, doing: &str, with: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        self.0.readers.read(with).map_err(|fault| fault.told(doing, &self.0.path))
    }

    /// Writes, all of it or nothing. No other process writes in between what `with` reads and writes.
    fn write<T>(&self, doing: &str, with: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut connection = self.connection();
        let all = || -> Result<T, Fault> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = with(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        all().map_err(|fault| fault.told(doing, &self.0.path))
    }

    /// A thread that panicked left no half of a transaction behind: it was rolled back on the way.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.0.path.display())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Told(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
