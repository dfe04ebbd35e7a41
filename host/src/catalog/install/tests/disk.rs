//! A disk that is full, for real: a file system in memory with some hundred kilobytes, in a mount namespace of its own.

use std::process::Command;

use super::*;
use crate::error::{Error, ResourceKind};

const PLACE: &str = "CJM_TEST_SMALL_DISK";

/// What the shell ends with where it cannot mount.
const SKIPPED: i32 = 77;

const PAGE: u64 = 4096;

#[test]
fn a_full_disk_leaves_the_old_state_or_the_new() {
    if let Some(dir) = std::env::var_os(PLACE) {
        return on_small_disk(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let this_test = concat!(module_path!(), "::a_full_disk_leaves_the_old_state_or_the_new");
    let script = format!(
        "mount -t tmpfs -o size=512k none \"${PLACE}\" || exit {SKIPPED}; exec \"$0\" --exact \"$1\""
    );
    let run = Command::new("unshare")
        .args(["-Urm", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(this_test.split_once("::").unwrap().1)
        .env(PLACE, dir.path())
        .output();
    let Ok(run) = run else { return eprintln!("skipped: there is no `unshare` here") };
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    match run.status.code() {
        Some(0) => assert!(said.contains("1 passed"), "{said}"),
        // That of a test that failed.
        Some(101) => panic!("{said}"),
        _ => eprintln!("skipped: no file system can be mounted here: {said}"),
    }
}

fn on_small_disk(dir: &Path) {
    let folder = PluginFolder::open(dir.join("plugins"), dir.join("cjm.lock")).unwrap();
    let (old, new) = (signed(staged("fox", "1.0.0", &[1; 50_000])), staged("fox", "2.0.0", &[2; 60_000]));
    let (mut refused, mut done) = (0, 0);
    for free in 0..40 {
        folder.commit(&old).unwrap();
        let filler = Filler::leaving(dir, free * PAGE);
        let outcome = folder.commit(&new);
        // The disk is full still when the folder is looked at again.
        assert!(folder.scan().unwrap().problems.is_empty());
        let state = State::of(&folder, "fox");
        drop(filler);
        match outcome {
            Ok(()) => {
                assert_eq!(state, State::installed(&new), "with {free} pages free");
                done += 1;
            }
            Err(Error::ResourceExhausted(shortfall)) => {
                assert_eq!(shortfall.kind, ResourceKind::Disk);
                assert!(shortfall.message.contains("free some space"), "{shortfall}");
                assert_eq!(state, State::installed(&old), "with {free} pages free");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 5 && done > 5, "{refused} refused, {done} done");

    let filler = Filler::leaving(dir, 0);
    let outcome = folder.remove("fox");
    let state = State::of(&folder, "fox");
    match outcome {
        Ok(()) => assert_eq!(state, State::absent()),
        Err(error) => assert!(state.component.is_some() && state.locked.is_some(), "{error}"),
    }
    drop(filler);
}

/// A file that takes all space but some.
struct Filler(std::path::PathBuf);

impl Filler {
    fn leaving(dir: &Path, free: u64) -> Self {
        use std::io::Write;
        let path = dir.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        let page = [0; PAGE as usize];
        while file.write_all(&page).is_ok() {}
        file.set_len(file.metadata().unwrap().len() / PAGE * PAGE - free).unwrap();
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
