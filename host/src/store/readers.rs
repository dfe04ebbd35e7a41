//! Connections that only read, beside the one that writes.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::BUSY_TIMEOUT;
use super::fault::Fault;

/// Connections that are kept for the next reader. More are opened while more read at once.
const KEPT: usize = 4;

/// Readers of one database. They see what was committed, and wait for nobody.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// Reads one state of the database: nothing changes while `with` looks at it.
    pub(super) fn read<T>(&self, with: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        // A guard that lives through an `if let` would hold up everybody else.
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open()?,
        };
        let value = {
            let transaction = connection.transaction()?;
            with(&transaction)?
        };
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(value)
    }

    fn open(&self) -> Result<Connection, Fault> {
        // To read a database with a write-ahead log is to write to its index.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
