//! A look at a database that changes nothing in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::fault::{self, Fault};
use super::jobs::JobState;
use super::migrations;
use crate::error::Result;

/// What a look at a data folder's database tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct DatabaseHealth {
    /// The file.
    pub path: PathBuf,
    /// The version of its tables.
    pub version: usize,
    /// The version that this release brings them to when it opens the database.
    pub latest: usize,
    /// The length of the file.
    pub bytes: u64,
    /// The length of what was written but is not in the file yet: it is in the one beside it that ends in `-wal`.
    pub journal_bytes: u64,
    /// Jobs in each state in which there are any.
    pub jobs: BTreeMap<JobState, u64>,
}

impl DatabaseHealth {
    /// Looks at every page of the file, which takes as long as reading it does; others may use it meanwhile. None where
    /// there is no such file.
    ///
    /// # Errors
    ///
    /// `fatal` with what is damaged and how to recover; `invalid-input`, where the file is another program's or a later
    /// release's; and what reading can fail with.
    pub(crate) fn of(path: &Path, busy_timeout: Duration) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        look(path, busy_timeout).map(Some).map_err(|fault| fault.told("check", path))
    }
}

fn look(path: &Path, busy_timeout: Duration) -> Result<DatabaseHealth, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    let version = migrations::version(&connection, path)?;
    let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    match found.as_slice() {
        [only] if only == "ok" => {}
        _ => return Err(Fault::Told(fault::damaged(path, &found.join("; ")))),
    }
    let mut jobs = BTreeMap::new();
    // A database of an earlier release has no jobs yet.
    if connection.table_exists(None, "jobs")? {
        let mut statement = connection.prepare("SELECT state, count(*) FROM jobs GROUP BY state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            jobs.insert(row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0));
        }
    }
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    Ok(DatabaseHealth {
        path: path.to_owned(),
        version,
        latest: migrations::LATEST,
        bytes: length(path),
        journal_bytes: length(Path::new(&journal)),
        jobs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;
    use crate::store::Database;

    fn of(path: &Path) -> Result<Option<DatabaseHealth>> {
        DatabaseHealth::of(path, Duration::from_secs(5))
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(of(&dir.path().join("cjm.db")).unwrap(), None);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_database_in_use_is_looked_at_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cjm.db");
        let _open = Database::open(&path).unwrap();
        let health = of(&path).unwrap().unwrap();
        assert_eq!((health.version, health.latest), (migrations::LATEST, migrations::LATEST));
        assert!(health.bytes > 0 || health.journal_bytes > 0);
    }

    #[test]
    fn damage_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cjm.db");
        drop(Database::open(&path).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        bytes[100..].iter_mut().for_each(|byte| *byte = 0x5a);
        fs::write(&path, &bytes).unwrap();
        let error = of(&path).unwrap_err();
        assert_eq!(error.category(), Category::Fatal, "{error}");
        assert!(error.to_string().contains(".recover"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
