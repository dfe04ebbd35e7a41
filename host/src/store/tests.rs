use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rusqlite::OpenFlags;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::error::Category;

/// Says to this program, when it runs itself, which database it is to work on.
const INSIDE: &str = "CJM_TEST_DATABASE";

fn file() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cjm.db");
    (dir, path)
}

fn opened() -> (TempDir, Database) {
    let (dir, path) = file();
    let database = Database::open(&path).unwrap();
    (dir, database)
}

/// An impatient one.
fn open_at_once(path: &Path) -> Result<Database> {
    Database::open_waiting(path, Duration::from_millis(50))
}

/// A connection of somebody else.
fn other(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

/// Runs one test of this file in a process of its own, on a database.
fn process(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("store::tests::{test}")])
        .env(INSIDE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn stores_configurations_by_instance() {
    let (_dir, database) = opened();
    let table = database.configurations();
    assert_eq!(table.get("a").unwrap(), None);
    table.put("b", "p", &json!({ "x": "ü" })).unwrap();
    table.put("a", "q", &json!({})).unwrap();
    table.put("b", "p", &json!({ "x": 1 })).unwrap();
    let b = table.get("b").unwrap().unwrap();
    assert_eq!((b.plugin.as_str(), &b.config, b.enabled), ("p", &Some(json!({ "x": 1 })), true));
    assert!(b.updated_at > 1_700_000_000_000, "{}", b.updated_at);
    let ids = |plugin| -> Vec<String> {
        table.list(plugin).unwrap().into_iter().map(|stored| stored.instance).collect()
    };
    assert_eq!(ids(None), ["a", "b"]);
    assert_eq!(ids(Some("p")), ["b"]);
    assert_eq!(table.forget("p").unwrap(), 1);
    assert_eq!(ids(None), ["a"]);
}

#[test]
fn whether_an_instance_is_enabled_does_not_hang_on_its_configuration() {
    let (_dir, database) = opened();
    let table = database.configurations();
    table.set_enabled("a", "p", false).unwrap();
    let stored = table.get("a").unwrap().unwrap();
    assert_eq!((stored.config, stored.enabled), (None, false));
    assert!(!table.delete("a").unwrap());
    table.put("a", "p", &json!({})).unwrap();
    assert!(!table.get("a").unwrap().unwrap().enabled);
    assert!(table.delete("a").unwrap());
    assert!(!table.get("a").unwrap().unwrap().enabled);
    table.set_enabled("a", "p", true).unwrap();
    table.put("a", "p", &json!({})).unwrap();
    table.delete("a").unwrap();
    assert_eq!(table.get("a").unwrap(), None);
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let (_dir, database) = opened();
    let table = database.configurations();
    table.put("a", "p", &json!({ "x": 1 })).unwrap();
    let error = table.update("a", "p", |old| {
        assert_eq!(old, Some(json!({ "x": 1 })));
        Err(Error::invalid("no"))
    });
    assert_eq!(error.unwrap_err().to_string(), "no");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        table.update("a", "p", |_| panic!("in the middle"))
    }));
    assert!(panicked.is_err());
    assert_eq!(table.get("a").unwrap().unwrap().config, Some(json!({ "x": 1 })));
    table.put("a", "p", &json!({ "x": 2 })).unwrap();
}

#[test]
fn everything_is_there_when_it_is_opened_again() {
    let (_dir, path) = file();
    Database::open(&path).unwrap().configurations().put("a", "p", &json!({ "x": 1 })).unwrap();
    let database = Database::open(&path).unwrap();
    assert_eq!(database.configurations().get("a").unwrap().unwrap().config, Some(json!({ "x": 1 })));
    database.check().unwrap();
}

#[test]
fn is_opened_as_it_must_be() {
    let (_dir, database) = opened();
    let pragma = |name| -> Value {
        let connection = database.connection();
        let value: rusqlite::types::Value =
            connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        match value {
            rusqlite::types::Value::Integer(number) => json!(number),
            rusqlite::types::Value::Text(text) => json!(text),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("synchronous"), 2);
    assert_eq!(pragma("foreign_keys"), 1);
    assert_eq!(pragma("busy_timeout"), 5000);
    assert_eq!(pragma("user_version"), 4);
    assert_eq!(pragma("application_id"), 0x636a_6d31);
}

#[cfg(unix)]
#[test]
fn is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, database) = opened();
    database.configurations().put("a", "p", &json!({})).unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_file_name_is_never_read_as_an_address() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file:a?mode=memory");
    Database::open(&path).unwrap().configurations().put("a", "p", &json!({})).unwrap();
    assert!(path.exists());
    assert!(Database::open(&path).unwrap().configurations().get("a").unwrap().is_some());
}

#[test]
fn a_database_of_a_later_release_is_refused_and_left_as_it_is() {
    let (_dir, path) = file();
    drop(Database::open(&path).unwrap());
    other(&path).pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains("later release"), "{error}");
    assert!(error.to_string().contains("version 99, this release knows 4"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let (_dir, path) = file();
    fs::write(&path, "").unwrap();
    other(&path).execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains("belongs to another program"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    other(&path).pragma_update(None, "application_id", 7).unwrap();
    assert!(Database::open(&path).unwrap_err().to_string().contains("belongs to another program"));
}

#[test]
fn a_step_that_fails_leaves_the_version_before_it() {
    let (_dir, path) = file();
    fs::write(&path, "").unwrap();
    let mut connection = other(&path);
    // What the step is to make is there already, without being ours.
    connection.execute_batch("CREATE TABLE configurations (x)").unwrap();
    connection.pragma_update(None, "application_id", 0x636a_6d31).unwrap();
    assert!(migrations::run(&mut connection, &path).is_err());
    assert_eq!(migrations::version(&connection, &path).unwrap(), 0);
    let columns: i64 = connection
        .query_row("SELECT count(*) FROM pragma_table_info('configurations')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(columns, 1);
}

#[test]
fn a_locked_database_is_transient_and_says_what_to_do() {
    let (_dir, path) = file();
    let database = open_at_once(&path).unwrap();
    let mut holder = other(&path);
    let held = holder.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let error = database.configurations().put("a", "p", &json!({})).unwrap_err();
    assert!(matches!(&error, Error::Transient { retry_after: Some(_), .. }), "{error:?}");
    assert!(error.to_string().contains("another process has it locked"), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    // Readers go on.
    assert_eq!(database.configurations().list(None).unwrap(), []);
    assert!(open_at_once(&path).is_ok());
    drop(held);
    database.configurations().put("a", "p", &json!({})).unwrap();
}

#[test]
fn a_database_that_another_process_has_to_itself_cannot_be_opened() {
    let (_dir, path) = file();
    drop(Database::open(&path).unwrap());
    let holder = other(&path);
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let error = open_at_once(&path).unwrap_err();
    assert_eq!(error.category(), Category::Transient, "{error}");
    assert!(error.to_string().contains("cannot open"), "{error}");
    drop(holder);
    open_at_once(&path).unwrap();
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let (_dir, path) = file();
    for content in ["# cjm".repeat(1_000).into_bytes(), vec![0; 4096], b"short".to_vec()] {
        fs::write(&path, &content).unwrap();
        let error = Database::open(&path).unwrap_err();
        assert_eq!(error.category(), Category::Fatal, "{error}");
        assert!(error.to_string().contains("is not a database"), "{error}");
        assert!(error.to_string().contains("move it away"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let folder = path.with_file_name("folder");
    fs::create_dir(&folder).unwrap();
    assert_eq!(Database::open(&folder).unwrap_err().category(), Category::InvalidInput);
    let nowhere = path.with_file_name("nowhere").join("cjm.db");
    assert_eq!(Database::open(&nowhere).unwrap_err().category(), Category::InvalidInput);
}

/// Uses a database in every way; the last error, if there is any.
fn used(path: &Path) -> Result<()> {
    let database = Database::open(path)?;
    let table = database.configurations();
    database.check()?;
    table.list(None)?;
    table.get("i7")?;
    table.set_enabled("i8", "p", false)?;
    table.put("i9", "p", &json!({ "x": "y" }))
}

#[test]
fn damage_anywhere_is_told_or_does_no_harm() {
    let (_dir, path) = file();
    let database = Database::open(&path).unwrap();
    for index in 0..200 {
        let filling = json!({ "x": "z".repeat(200) });
        database.configurations().put(&format!("i{index}"), "p", &filling).unwrap();
    }
    // The last connection to close puts everything into the one file.
    drop(database);
    let good = fs::read(&path).unwrap();
    assert!(good.len() > 8 * 4096, "{}", good.len());
    let mut damaged = Vec::new();
    let pages = good.len() / 4096;
    // The heads of the pages, where their structure is, and somewhere in each.
    for at in (0..pages).flat_map(|page| [0, 3, 5, 8, 9, 700, 4095].map(|byte| page * 4096 + byte)) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        damaged.push((format!("byte {at}"), bytes));
    }
    for length in [1, 99, 512, 4096, 4097, good.len() / 2, good.len() - 4096, good.len() - 1] {
        damaged.push((format!("cut to {length}"), good[..length].to_vec()));
    }
    let mut told = 0;
    for (what, bytes) in damaged {
        fs::write(&path, &bytes).unwrap();
        if let Err(error) = used(&path) {
            told += 1;
            // The head of the file also says whose it is, and of which version.
            assert!(matches!(error.category(), Category::Fatal | Category::InvalidInput), "{what}: {error}");
            assert!(error.to_string().contains(&path.display().to_string()), "{what}: {error}");
        }
        for beside in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{beside}", path.display()));
        }
    }
    assert!(told > pages, "{told}");
    fs::write(&path, &good).unwrap();
    used(&path).unwrap();
}

#[test]
fn damage_is_told_with_the_file_and_the_way_out() {
    let (_dir, path) = file();
    drop(Database::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let from = 4096;
    bytes[from..from + 4096].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let said = used(&path).unwrap_err();
    assert_eq!(said.category(), Category::Fatal);
    let said = said.to_string();
    assert!(said.contains(&format!("sqlite3 {} .recover", path.display())), "{said}");
    assert!(said.contains("move"), "{said}");
}

#[test]
fn a_full_disk_is_exhaustion_and_nothing_is_lost() {
    let (_dir, database) = opened();
    let table = database.configurations();
    table.put("a", "p", &json!({ "x": 1 })).unwrap();
    database.connection().execute_batch("PRAGMA max_page_count = 4").unwrap();
    let large = json!({ "x": "y".repeat(1 << 20) });
    let error = table.put("a", "p", &large).unwrap_err();
    assert_eq!(error.category(), Category::ResourceExhausted, "{error}");
    assert!(error.is_retriable());
    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(table.get("a").unwrap().unwrap().config, Some(json!({ "x": 1 })));
}

#[test]
fn what_cannot_be_written_says_how_to_mend_it() {
    let (_dir, database) = opened();
    database.connection().execute_batch("PRAGMA query_only = true").unwrap();
    let error = database.configurations().put("a", "p", &json!({})).unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains("chmod u+w"), "{error}");
}

#[test]
fn several_processes_open_and_write_at_once_and_nothing_is_lost() {
    const PROCESSES: usize = 4;
    const CHANGES: u64 = 50;
    if let Some(path) = std::env::var_os(INSIDE) {
        let database = Database::open(Path::new(&path)).unwrap();
        for _ in 0..CHANGES {
            let one_more = |old: Option<Value>| {
                let count = old.map_or(0, |old| old["count"].as_u64().unwrap());
                Ok(json!({ "count": count + 1 }))
            };
            database.configurations().update("a", "p", one_more).unwrap();
        }
        return;
    }
    let (_dir, path) = file();
    let test = "several_processes_open_and_write_at_once_and_nothing_is_lost";
    let processes: Vec<_> = (0..PROCESSES).map(|_| process(test, &path)).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let stored = Database::open(&path).unwrap().configurations().get("a").unwrap().unwrap();
    assert_eq!(stored.config, Some(json!({ "count": PROCESSES as u64 * CHANGES })));
}

#[test]
fn what_was_written_outlives_a_killed_process() {
    if let Some(path) = std::env::var_os(INSIDE) {
        let database = Database::open(Path::new(&path)).unwrap();
        for count in 0.. {
            database.configurations().put("a", "p", &json!({ "count": count })).unwrap();
            println!("written {count}");
        }
    }
    let (_dir, path) = file();
    let mut process = process("what_was_written_outlives_a_killed_process", &path);
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let counts = lines.filter_map(|line| line.unwrap().strip_prefix("written ")?.parse::<u64>().ok());
    let last = counts.take(20).last().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let database = Database::open(&path).unwrap();
    let stored = database.configurations().get("a").unwrap().unwrap().config.unwrap();
    assert!(stored["count"].as_u64().unwrap() >= last, "{stored} after {last}");
    database.check().unwrap();
}

#[test]
fn a_database_that_others_are_just_making_is_not_taken_for_another_programs() {
    for _ in 0..20 {
        let (_dir, path) = file();
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| Database::open(&path))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }
}
