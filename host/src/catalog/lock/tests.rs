use std::fs;

use super::*;

fn plugin(name: &str) -> Locked {
    Locked {
        name: name.into(),
        version: Version::new(1, 2, 3),
        digest: Digest::of(name.as_bytes()),
        source: format!("https://example.org/{name}.wasm"),
        file: format!("{name}.wasm"),
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cjm.lock");
    (dir, path)
}

fn refused(text: &str) -> String {
    let (_dir, path) = folder();
    fs::write(&path, text).unwrap();
    LockFile::read(&path).unwrap_err().to_string()
}

#[test]
fn is_sorted_versioned_and_says_that_it_is_written_by_a_program() {
    let (_dir, path) = folder();
    LockFile::edit(&path, |lock| {
        lock.insert(plugin("b"))?;
        lock.insert(plugin("a"))
    })
    .unwrap();
    let digest = |name: &str| Digest::of(name.as_bytes());
    let text = fs::read_to_string(&path).unwrap();
    let body = format!(
        r#"version = 1

[[plugin]]
name = "a"
version = "1.2.3"
digest = "{}"
source = "https://example.org/a.wasm"
file = "a.wasm"

[[plugin]]
name = "b"
version = "1.2.3"
digest = "{}"
source = "https://example.org/b.wasm"
file = "b.wasm"
"#,
        digest("a"),
        digest("b")
    );
    assert_eq!(text, format!("{HEADER}{body}"));
    assert!(text.starts_with("# "));
    let lock = LockFile::read(&path).unwrap();
    assert_eq!(lock.iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(lock.get("b"), Some(&plugin("b")));
}

#[test]
fn a_missing_file_is_an_empty_one_and_stays_missing_until_something_is_in_it() {
    let (_dir, path) = folder();
    assert_eq!(LockFile::read(&path).unwrap().iter().count(), 0);
    LockFile::edit(&path, |lock| Ok(lock.remove("a"))).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let (_dir, path) = folder();
    LockFile::edit(&path, |lock| lock.insert(plugin("a"))).unwrap();
    let before = fs::read(&path).unwrap();
    let failed: Result<()> = LockFile::edit(&path, |lock| {
        lock.remove("a");
        Err(Error::invalid("no"))
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn writers_take_turns_so_that_no_change_is_lost() {
    let (_dir, path) = folder();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for n in 0..5 {
                    LockFile::edit(path, |lock| lock.insert(plugin(&format!("p{writer}-{n}")))).unwrap();
                }
            });
        }
    });
    assert_eq!(LockFile::read(&path).unwrap().iter().count(), 40);
}

#[test]
fn holds_a_digest_against_what_is_pinned() {
    let (_dir, path) = folder();
    let mut lock = LockFile::read(&path).unwrap();
    lock.insert(plugin("a")).unwrap();
    assert!(lock.check("a", &Digest::of(b"a")).is_ok());
    let said = lock.check("a", &Digest::of(b"b")).unwrap_err().to_string();
    assert!(said.contains("`a` was altered") && said.contains(&Digest::of(b"a").to_string()), "{said}");
    assert!(lock.check("b", &Digest::of(b"b")).unwrap_err().to_string().contains("is not in"));
}

#[test]
fn hostile_names_do_not_get_in() {
    let (_dir, path) = folder();
    let mut lock = LockFile::read(&path).unwrap();
    for name in ["../a", "", "a/b", "a.b"] {
        assert!(lock.insert(Locked { name: name.into(), ..plugin("a") }).is_err(), "{name}");
    }
    for file in ["../a.wasm", "/etc/passwd", "a", ".a.wasm", "b/a.wasm"] {
        assert!(lock.insert(Locked { file: file.into(), ..plugin("a") }).is_err(), "{file}");
    }
    assert_eq!(lock.iter().count(), 0);
}

#[test]
fn says_what_is_wrong_with_an_altered_file() {
    let entry = |text: &str| {
        let (_dir, path) = folder();
        let mut lock = LockFile::read(&path).unwrap();
        lock.insert(plugin("a")).unwrap();
        let (from, to) = text.split_once(" -> ").unwrap();
        let whole = lock.to_text().unwrap();
        assert!(whole.contains(from), "{from}");
        refused(&whole.replace(from, to))
    };
    for (text, reason) in [
        ("version = 1\n -> version = 2\n", "has version 2; this host reads 1: update the host"),
        ("version = 1\n -> version = \"1\"\n", "has version \"1\"; this host reads 1"),
        ("version = 1\n -> \n", "it was cut, or is no lock file"),
        ("digest = \"sha256: -> digest = \"sha256:0", "64 hex digits"),
        ("digest = \"sha256: -> digest = \"md5:", "a digest is written"),
        ("version = \"1.2.3\" -> version = \"one\"", "unexpected character"),
        ("name = \"a\" -> name = \"../a\"", "`../a` is not a name"),
        ("file = \"a.wasm\" -> file = \"../a.wasm\"", "not the plain name"),
        ("source -> origin", "unknown field `origin`"),
        ("[[plugin]] -> [[plugins]]", "unknown field `plugins`"),
        ("[[plugin]] -> [[plugin]", "not TOML"),
    ] {
        let said = entry(text);
        assert!(said.contains(reason) && said.contains("cjm.lock"), "{text}: {said}");
    }
    assert!(refused("").contains("it was cut"));
}

#[test]
fn a_plugin_that_is_there_twice_is_an_error() {
    let (_dir, path) = folder();
    let mut lock = LockFile::read(&path).unwrap();
    lock.insert(plugin("a")).unwrap();
    let text = lock.to_text().unwrap();
    let again = &text[text.find("[[plugin]]").unwrap()..];
    assert!(refused(&format!("{text}\n{again}")).contains("it has `a` twice"));
}

#[test]
fn no_cut_passes_as_another_lock_unless_it_loses_a_plugin_whole() {
    let (_dir, path) = folder();
    let mut lock = LockFile::read(&path).unwrap();
    lock.insert(plugin("a")).unwrap();
    lock.insert(plugin("b")).unwrap();
    let text = lock.to_text().unwrap();
    for end in 0..text.len() {
        fs::write(&path, &text[..end]).unwrap();
        if let Ok(part) = LockFile::read(&path) {
            assert!(part.iter().all(|plugin| lock.get(&plugin.name) == Some(plugin)), "cut at {end}");
        }
    }
}

#[test]
fn what_is_remembered_is_what_the_file_says() {
    let (_dir, path) = folder();
    let remembered = Remembered::default();
    assert_eq!(remembered.read(&path).unwrap().iter().count(), 0);
    for name in ["a", "b"] {
        LockFile::edit(&path, |lock| lock.insert(plugin(name))).unwrap();
        for _ in 0..2 {
            assert_eq!(*remembered.read(&path).unwrap(), LockFile::read(&path).unwrap());
        }
    }
    fs::write(&path, "damaged").unwrap();
    assert!(remembered.read(&path).is_err() && remembered.read(&path).is_err());
    fs::remove_file(&path).unwrap();
    assert_eq!(remembered.read(&path).unwrap().iter().count(), 0);
}
