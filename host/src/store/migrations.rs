//! From each version of the tables to the next.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Fault;
use crate::error::Error;

/// Marks the file as ours, for `file` and for us: "cjm1".
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"cjm1");

/// The steps in their order. One that was released is never changed: what is to be different becomes a new one.
const STEPS: [&str; 4] = [
    include_str!("migrations/0001_configurations.sql"),
    include_str!("migrations/0002_jobs.sql"),
    include_str!("migrations/0003_sequences.sql"),
    include_str!("migrations/0004_profiles.sql"),
];

/// The version that the last step leads to.
pub(super) const LATEST: usize = STEPS.len();

/// How many steps the database has behind it.
///
/// # Errors
///
/// A file that is another program's, or a later release's.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<usize, Fault> {
    // All of it as it is at one moment: another process may be making the tables.
    let moment = connection.unchecked_transaction()?;
    version_within(&moment, path)
}

fn version_within(connection: &Connection, path: &Path) -> Result<usize, Fault> {
    let of = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (of("application_id")?, of("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let file = path.display();
    match (application, usize::try_from(version)) {
        (0, Ok(0)) if tables == 0 => Ok(0),
        (APPLICATION_ID, Ok(version)) if version <= LATEST => Ok(version),
        (APPLICATION_ID, Ok(version)) => Err(Fault::Told(Error::invalid(format!(
            "the database {file} was written by a later release of cjm (its tables are of version {version}, this \
             release knows {LATEST}); use that release, or another data folder"
        )))),
        _ => Err(Fault::Told(Error::invalid(format!(
            "the database {file} belongs to another program, and was left as it is; choose another data folder, or \
             move it away"
        )))),
    }
}

/// Takes the steps that are missing, all of them or none.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    if version(connection, path)? == LATEST {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been here first.
    let done = version_within(&transaction, path)?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i32::try_from(LATEST).unwrap_or(i32::MAX))?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_step_in_the_order_of_its_number() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations");
        let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), LATEST);
        for (index, (file, step)) in files.iter().zip(STEPS).enumerate() {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name}");
            assert_eq!(std::fs::read_to_string(file).unwrap(), step, "{name}");
        }
    }
}
