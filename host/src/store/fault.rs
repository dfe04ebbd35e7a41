//! What SQLite says, in the words of the taxonomy.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::error::{Error, ResourceKind};

/// Why something with the database failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite failed; which file it was about is not said yet.
    Sql(rusqlite::Error),
    /// Said in full.
    Told(Error),
}

impl Fault {
    /// Whether others hold the file.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Fault::Sql(error) if matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
        ))
    }

    /// The error; `doing` is what was attempted with the file at `path`.
    pub(super) fn told(self, doing: &str, path: &Path) -> Error {
        let error = match self {
            Fault::Told(error) => return error,
            Fault::Sql(error) => error,
        };
        let file = path.display();
        let message = format!("cannot {doing} {file}: {error}");
        let code = match (error.sqlite_error_code(), &error) {
            (Some(code), _) => code,
            // Tables are strict, so that a value of another type is damage.
            (
                None,
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..),
            ) => ErrorCode::DatabaseCorrupt,
            (None, rusqlite::Error::Utf8Error(..)) => ErrorCode::DatabaseCorrupt,
            (None, _) => return Error::fatal(message),
        };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                let message = format!(
                    "cannot {doing} {file}: another process has it locked; try again when that has ended (`fuser -v \
                     {file}` shows which it is)"
                );
                Error::Transient { message, retry_after: Some(Duration::from_secs(1)) }
            }
            ErrorCode::DatabaseCorrupt => damaged(path, &error.to_string()),
            ErrorCode::NotADatabase => not_a_database(path),
            ErrorCode::DiskFull => {
                Error::exhausted(ResourceKind::Disk, message + "; free some space there", None, None)
            }
            ErrorCode::OutOfMemory => {
                Error::exhausted(ResourceKind::SystemMemory, message + "; free some memory", None, None)
            }
            ErrorCode::ReadOnly => read_only(path),
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Error::invalid(
                message
                    + "; check the path, and that its folder can be written: the database keeps files beside it",
            ),
            _ => Error::fatal(message),
        }
    }
}

/// The file is a database of which some part cannot be read.
pub(super) fn damaged(path: &Path, what: &str) -> Error {
    let file = path.display();
    Error::fatal(format!(
        "the database {file} is damaged ({what}). With everything that uses it stopped, save what can be read: `sqlite3 \
         {file} .recover | sqlite3 recovered.db`, then put recovered.db in its place; or move {file}, {file}-wal and \
         {file}-shm away to begin anew, without what was stored in it"
    ))
}

fn not_a_database(path: &Path) -> Error {
    let file = path.display();
    Error::fatal(format!(
        "{file} is not a database: it is another file, or its beginning was overwritten. It was left as it is. If it \
         was a database, `sqlite3 {file} .recover` may find something in it; otherwise move it away, and a new one is \
         made"
    ))
}

pub(super) fn read_only(path: &Path) -> Error {
    let file = path.display();
    Error::invalid(format!(
        "the database {file} can be read but not written; give yourself the right to (`chmod u+w {file}`, and its \
         folder's), or choose another data folder"
    ))
}
