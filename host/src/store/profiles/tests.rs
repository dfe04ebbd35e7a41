//! The table of profiles, and what becomes of it where something goes wrong.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::error::{Error, Result};
use crate::store::{Database, Writer};

fn opened() -> (TempDir, Database, Writer) {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(&dir.path().join("cjm.db")).unwrap();
    let writer = started(&database);
    (dir, database, writer)
}

fn started(database: &Database) -> Writer {
    Writer::start(database.clone(), Arc::new(|_| ())).unwrap()
}

fn key(instance: &str) -> ProfileKey {
    ProfileKey { instance: instance.into(), configuration: [7; 32] }
}

fn sample(instance: &str) -> Sample {
    let ended = Ended {
        well: true,
        duration_ms: 1.5,
        memory_bytes: Some(1 << 30),
        cpu_time_ms: None,
        gpu_memory_bytes: Some(5),
    };
    Sample { key: key(instance), ended: Some(ended), usage: vec![("tokens".into(), 2.5)] }
}

async fn count(writer: &Writer, instance: &'static str) -> Result<()> {
    let count = move |batch: &mut Batch<'_>| {
        batch.sample(sample(instance));
        Ok(())
    };
    writer.write("count in", count, |_| ()).await
}

fn samples(writer: &Writer, instance: &str) -> Option<u64> {
    writer.profiles().get(instance, &[7; 32]).map(|profile| profile.samples)
}

/// What somebody else does with the file.
fn meanwhile(database: &Database, sql: &str) {
    Connection::open(database.path()).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn what_is_in_memory_is_what_is_on_the_disk() {
    let (_dir, database, writer) = opened();
    for instance in ["a", "b", "a"] {
        count(&writer, instance).await.unwrap();
    }
    let again = started(&database);
    for instance in ["a", "b"] {
        let stored = again.profiles().get(instance, &[7; 32]).unwrap();
        assert_eq!(writer.profiles().get(instance, &[7; 32]).unwrap(), stored);
    }
    assert_eq!((samples(&again, "a"), samples(&again, "c")), (Some(2), None));
    let a = again.profiles().get("a", &[7; 32]).unwrap();
    assert_eq!(
        (a.memory.mean(), a.memory.deviation(), a.gpu.count(), a.cpu.count()),
        (1_073_741_824.0, 0.0, 2, 0)
    );
    assert_eq!(a.usage["tokens"], 5.0);
}

#[tokio::test]
async fn what_an_operation_counted_is_undone_with_it() {
    let (_dir, _database, writer) = opened();
    count(&writer, "a").await.unwrap();
    let fail = |batch: &mut Batch<'_>| -> std::result::Result<(), crate::store::Fault> {
        batch.sample(sample("a"));
        batch.forget_profiles(ProfileQuery::default());
        Err(Error::fatal("as it was told").into())
    };
    writer.write("fail in", fail, |_| ()).await.unwrap_err();
    count(&writer, "a").await.unwrap();
    assert_eq!(samples(&writer, "a"), Some(2));
}

#[tokio::test]
async fn what_is_forgotten_begins_anew_also_within_one_operation() {
    let (_dir, database, writer) = opened();
    count(&writer, "a").await.unwrap();
    count(&writer, "b").await.unwrap();
    let all = |batch: &mut Batch<'_>| {
        batch.sample(sample("a"));
        batch.sample(sample("c"));
        batch.forget_profiles(ProfileQuery::default());
        batch.sample(sample("b"));
        Ok(())
    };
    writer.write("count in", all, |_| ()).await.unwrap();
    for writer in [&writer, &started(&database)] {
        assert_eq!(["a", "b", "c"].map(|instance| samples(writer, instance)), [None, Some(1), None]);
    }
}

#[tokio::test]
async fn an_operation_does_not_fail_with_the_profile_that_it_counts_in() {
    let (_dir, database, writer) = opened();
    meanwhile(
        &database,
        "CREATE TRIGGER refuse BEFORE INSERT ON profiles BEGIN SELECT raise(ABORT, 'no'); END",
    );
    let put = |batch: &mut Batch<'_>| {
        batch.sample(sample("a"));
        batch.connection.execute_batch("CREATE TABLE kept (x)")?;
        Ok(())
    };
    writer.write("write to", put, |_| ()).await.unwrap();
    assert_eq!(samples(&writer, "a"), None);
    meanwhile(&database, "DROP TRIGGER refuse; DROP TABLE kept");
    count(&writer, "a").await.unwrap();
    assert_eq!(samples(&writer, "a"), Some(1));
}

#[tokio::test]
async fn a_damaged_profile_begins_anew_and_takes_no_other_with_it() {
    for damage in ["usage = '[]'", "memory_mean = 9e999", "duration_count = 1, configuration = zeroblob(32)"]
    {
        let (_dir, database, writer) = opened();
        for instance in ["a", "a", "b"] {
            count(&writer, instance).await.unwrap();
        }
        meanwhile(&database, &format!("UPDATE profiles SET {damage} WHERE instance = 'a'"));
        let writer = started(&database);
        assert_eq!((samples(&writer, "a"), samples(&writer, "b")), (None, Some(1)), "{damage}");
        count(&writer, "a").await.unwrap();
        assert_eq!(samples(&started(&database), "a"), Some(1), "{damage}");
    }
}

#[tokio::test]
async fn of_too_many_profiles_those_go_that_were_not_changed_for_the_longest_time() {
    let (_dir, database, writer) = opened();
    for instance in ["a", "b", "c"] {
        count(&writer, instance).await.unwrap();
    }
    meanwhile(&database, "UPDATE profiles SET updated_at = 5 WHERE instance = 'b'");
    let profiles = started(&database);
    assert_eq!(profiles.profiles().over(2), [key("b")]);
    assert_eq!(profiles.profiles().over(3), []);
}

#[test]
fn units_of_usage_are_bounded() {
    let mut profile = StoredProfile::new(key("a"), 0);
    let usage = (0..2 * UNITS).map(|n| (n.to_string(), f64::MAX)).collect();
    let sample = Sample { key: key("a"), ended: None, usage };
    profile.add(sample.clone(), 1);
    profile.add(sample, 2);
    assert_eq!((profile.usage.len(), profile.usage["0"]), (UNITS, f64::MAX));
    assert_eq!((profile.samples, profile.updated_at, profile.since), (0, 2, 0));
}
