//! A data folder's queue belongs to one process at a time.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::time::rfc3339;
use crate::error::{Error, Result};
use crate::file::{Access, FileLock, read_if_there, write_atomically};

const LOCK: &str = "queue.lock";
const RECORD: &str = "queue-holder.json";

/// More than the record can be long.
const RECORD_BYTES: u64 = 4096;

/// How often, and how long after, a lock that somebody has is tried again.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(10);

/// Who holds the queue of a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Holder {
    /// The id of the process.
    pub pid: u32,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: SystemTime,
}

/// Held until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: FileLock,
}

impl Hold {
    /// # Errors
    ///
    /// `transient`, where another holds it, with who that is; what files can fail with.
    pub(super) fn take(data_dir: &Path) -> Result<Self> {
        let (lock, record) = (data_dir.join(LOCK), data_dir.join(RECORD));
        let attempt = || FileLock::try_exclusive(&lock).map_err(|error| Error::io("lock", &lock, &error));
        let mut taken = attempt()?;
        for _ in 0..LOOKS {
            if taken.is_some() {
                break;
            }
            // It may be somebody who only looks.
            std::thread::sleep(LOOK);
            taken = attempt()?;
        }
        let Some(taken) = taken else { return Err(held(data_dir)) };
        let holder = Holder { pid: std::process::id(), since: SystemTime::now() };
        let json = serde_json::to_vec(&holder).unwrap_or_default();
        write_atomically(&record, &json, Access::Shared)
            .map_err(|error| Error::io("write", &record, &error))?;
        Ok(Self { _lock: taken })
    }
}

impl Holder {
    /// Who holds the queue of a data folder now; none where nobody does.
    ///
    /// # Errors
    ///
    /// What files can fail with; `transient`, where the holder is just about to say who it is.
    pub fn of(data_dir: &Path) -> Result<Option<Self>> {
        let lock = data_dir.join(LOCK);
        // To ask is to take it for a moment: who opens the queue just then is refused, and can try again.
        if !lock.exists()
            || FileLock::try_exclusive(&lock).map_err(|error| Error::io("lock", &lock, &error))?.is_some()
        {
            return Ok(None);
        }
        recorded(data_dir).map(Some).ok_or_else(|| held(data_dir))
    }
}

/// Who wrote last that it holds the queue.
fn recorded(data_dir: &Path) -> Option<Holder> {
    serde_json::from_slice(&read_if_there(&data_dir.join(RECORD), RECORD_BYTES).ok()??).ok()
}

fn held(data_dir: &Path) -> Error {
    let who = match recorded(data_dir) {
        Some(Holder { pid, since }) => {
            format!("process {pid}, since {}", humantime::format_rfc3339_seconds(since))
        }
        // It may be just about to write it.
        None => "another process".to_owned(),
    };
    Error::Transient {
        message: format!(
            "the jobs of {} are run by {who}: submit to that one, stop it, or choose another data folder",
            data_dir.display()
        ),
        retry_after: Some(Duration::from_secs(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_id_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let hold = Hold::take(dir.path()).unwrap();
        let error = Hold::take(dir.path()).unwrap_err();
        assert_eq!(error.category(), crate::error::Category::Transient);
        assert!(error.to_string().contains(&format!("process {},", std::process::id())), "{error}");
        assert_eq!(Holder::of(dir.path()).unwrap().unwrap().pid, std::process::id());
        drop(hold);
        assert_eq!(Holder::of(dir.path()).unwrap(), None);
        Hold::take(dir.path()).unwrap();
    }

    #[test]
    fn a_record_that_cannot_be_read_keeps_nobody_out_and_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let hold = Hold::take(dir.path()).unwrap();
        std::fs::write(dir.path().join(RECORD), "{").unwrap();
        assert!(Hold::take(dir.path()).unwrap_err().to_string().contains("another process"));
        drop(hold);
        Hold::take(dir.path()).unwrap();
    }
}
