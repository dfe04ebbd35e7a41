mod crash;
mod disk;
mod scan;
mod verify;

use std::fs;
use std::path::Path;

use super::*;
use crate::catalog::digest::Digest;
use crate::catalog::lock::Locked;
use crate::catalog::manifest::Manifest;
use crate::catalog::manifest::tests::sample;
use crate::catalog::trust::{SecretKey, Signature};

/// A plugins folder and its lock file, gone when this is.
struct Place {
    root: tempfile::TempDir,
    folder: PluginFolder,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = PluginFolder::open(root.path().join("plugins"), root.path().join("cjm.lock")).unwrap();
        Self { root, folder }
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.dir().join(file)
    }

    /// Drops a file in, as a person does.
    fn drop_in(&self, file: &str, content: &[u8]) {
        fs::write(self.path(file), content).unwrap();
    }
}

/// A plugin, ready to be installed.
fn staged(name: &str, version: &str, content: &[u8]) -> Staged {
    Staged { bytes: content.to_vec(), manifest: sample(name, version, content), signature: None }
}

fn signed(mut staged: Staged) -> Staged {
    staged.signature = Some(SecretKey::generate("vendor").unwrap().sign(&staged.bytes));
    staged
}

/// Everything that an installation changes.
#[derive(Debug, Clone, PartialEq)]
struct State {
    component: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
    manifest: Option<Manifest>,
    locked: Option<Locked>,
    /// What else lies in the folder.
    hidden: Vec<String>,
}

impl State {
    fn of(folder: &PluginFolder, name: &str) -> Self {
        let read = |file: String| fs::read(folder.dir().join(file)).ok();
        let mut hidden: Vec<_> = fs::read_dir(folder.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|file| file.starts_with('.') && file != layout::LOCK)
            .collect();
        hidden.sort();
        Self {
            component: read(layout::component(name)),
            signature: read(layout::signature(&layout::component(name))),
            manifest: read(layout::manifest(name)).map(|bytes| Manifest::parse(name, &bytes).unwrap()),
            locked: LockFile::read(folder.lock_path()).unwrap().get(name).cloned(),
            hidden,
        }
    }

    fn absent() -> Self {
        Self { component: None, signature: None, manifest: None, locked: None, hidden: Vec::new() }
    }

    fn installed(staged: &Staged) -> Self {
        let manifest = staged.manifest.clone();
        Self {
            component: Some(staged.bytes.clone()),
            signature: staged.signature.as_ref().map(|signature| signature.to_text().into_bytes()),
            locked: Some(Locked {
                name: manifest.code.name.clone(),
                version: manifest.code.version.clone(),
                digest: manifest.install.digest,
                source: manifest.install.source.clone(),
                file: manifest.install.file.clone(),
            }),
            manifest: Some(manifest),
            hidden: Vec::new(),
        }
    }
}

#[test]
fn installs_replaces_and_removes() {
    let place = Place::new();
    let (old, new) = (signed(staged("fox", "1.0.0", b"one")), staged("fox", "2.0.0", b"two"));
    let state = || State::of(&place.folder, "fox");
    for staged in [&old, &new, &old] {
        place.folder.commit(staged).unwrap();
        assert_eq!(state(), State::installed(staged));
    }
    place.folder.commit(&staged("other", "1.0.0", b"other")).unwrap();
    place.folder.remove("fox").unwrap();
    assert_eq!(state(), State::absent());
    assert_eq!(place.folder.scan().unwrap().components.len(), 1);
    let said = place.folder.remove("fox").unwrap_err().to_string();
    assert!(said.contains("there is no plugin `fox`"), "{said}");
}

#[test]
fn what_was_dropped_in_can_be_replaced_and_removed() {
    let place = Place::new();
    place.drop_in("fox.wasm", b"by hand");
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    assert_eq!(place.folder.read("fox.wasm").unwrap().bytes, b"one");
    for name in ["owl", "owl 1.2"] {
        place.drop_in(&layout::component(name), b"by hand");
        place.folder.remove(name).unwrap();
        assert_eq!(State::of(&place.folder, name), State::absent());
    }
}

#[test]
fn what_does_not_belong_together_is_not_installed() {
    let place = Place::new();
    let good = staged("fox", "1.0.0", b"one");
    let mut other_bytes = good.clone();
    other_bytes.bytes = b"two".to_vec();
    let mut other_file = good.clone();
    other_file.manifest.install.file = "owl.wasm".into();
    let mut hostile = good.clone();
    hostile.manifest.code.name = "../fox".into();
    let mut dotted = good.clone();
    dotted.manifest.code.name = "fox.1".into();
    for (staged, said) in [
        (other_bytes, "another component"),
        (other_file, "another file"),
        (hostile, "`../fox` is not a name"),
    ] {
        let error = place.folder.commit(&staged).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(place.folder.remove("../fox").is_err());
    assert_eq!(State::of(&place.folder, "fox"), State::absent());
}

#[test]
fn a_name_that_differs_only_in_case_is_refused() {
    let place = Place::new();
    place.folder.commit(&staged("Fox", "1.0.0", b"one")).unwrap();
    let said = place.folder.commit(&staged("fox", "1.0.0", b"two")).unwrap_err().to_string();
    assert!(said.contains("`Fox.wasm` is in the plugins folder already"), "{said}");
    assert_eq!(State::of(&place.folder, "fox").locked, None);
}

#[test]
fn a_folder_in_the_way_is_told_before_anything_is_changed() {
    let place = Place::new();
    fs::create_dir(place.path("fox.wasm")).unwrap();
    let said = place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap_err().to_string();
    assert!(said.contains("is a folder: move it away"), "{said}");
    assert_eq!(State::of(&place.folder, "fox"), State::absent());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_is_replaced_and_not_followed() {
    let place = Place::new();
    let outside = place.root.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    std::os::unix::fs::symlink(&outside, place.path("fox.wasm")).unwrap();
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"precious");
    assert_eq!(place.folder.read("fox.wasm").unwrap().bytes, b"one");
}

#[cfg(unix)]
#[test]
fn installed_files_have_the_access_of_their_folder() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (folder, file) in [(0o755, 0o644), (0o750, 0o640), (0o700, 0o600)] {
        fs::set_permissions(place.folder.dir(), fs::Permissions::from_mode(folder)).unwrap();
        place.folder.commit(&signed(staged("fox", "1.0.0", &[folder as u8]))).unwrap();
        for name in place.folder.files_of("fox") {
            assert_eq!(mode(&place.path(&name)), file, "{name} in {folder:o}");
        }
    }
}

#[test]
fn installers_and_readers_at_once_see_one_state_or_the_other() {
    let place = Place::new();
    place.folder.commit(&staged("fox", "1.0.0", &[0])).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let installers: Vec<_> = (0..4_u8)
            .map(|writer| {
                // A handle of its own, as another process has.
                let folder = PluginFolder::open(place.folder.dir(), place.folder.lock_path()).unwrap();
                scope.spawn(move || {
                    for n in 0..5 {
                        let content = [writer, n];
                        folder.commit(&staged("fox", &format!("{writer}.{n}.0"), &content)).unwrap();
                        folder.commit(&staged(&format!("fox-{writer}-{n}"), "1.0.0", &content)).unwrap();
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let view = place.folder.view().unwrap();
                let scan = view.scan().unwrap();
                assert!(scan.problems.is_empty(), "{:?}", scan.problems);
                let fox = view.read("fox.wasm").unwrap();
                assert_eq!(fox.found.manifest.unwrap().install.digest, fox.digest);
                view.lock().unwrap().check("fox", &fox.digest).unwrap();
            }
        });
        for installer in installers {
            installer.join().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(place.folder.scan().unwrap().components.len(), 21);
    assert_eq!(LockFile::read(place.folder.lock_path()).unwrap().iter().count(), 21);
    assert_eq!(State::of(&place.folder, "fox").hidden, Vec::<String>::new());
}

#[test]
fn a_manifest_is_changed_in_whole_or_not_at_all() {
    let place = Place::new();
    let staged = staged("fox", "1.0.0", b"one");
    place.folder.commit(&staged).unwrap();
    let granted = place
        .folder
        .edit_manifest("fox.wasm", |manifest| {
            let mut manifest = manifest?.unwrap();
            manifest.overrides.grants.insert("gpu".parse()?);
            Ok(manifest)
        })
        .unwrap();
    assert!(granted.overrides.grants.gpu);
    assert_eq!(State::of(&place.folder, "fox").manifest, Some(granted.clone()));
    assert!(place.folder.edit_manifest("fox.wasm", |_| Err(Error::invalid("no"))).is_err());
    assert!(place.folder.edit_manifest("fox.wasm", |_| Ok(sample("owl", "1.0.0", b""))).is_err());
    assert!(place.folder.edit_manifest("../fox.wasm", |_| Ok(granted.clone())).is_err());
    assert!(place.folder.edit_manifest("owl.wasm", |_| Ok(granted.clone())).is_err());
    assert_eq!(State::of(&place.folder, "fox").manifest, Some(granted));
}

#[test]
fn a_manifest_that_is_missing_or_damaged_can_be_written_anew() {
    let place = Place::new();
    place.drop_in("fox.wasm", b"by hand");
    let new = sample("fox", "1.0.0", b"by hand");
    for damaged in [false, true] {
        if damaged {
            place.drop_in("fox.json", b"{");
        }
        let written = place.folder.edit_manifest("fox.wasm", |before| {
            assert_eq!(before.is_err(), damaged);
            assert!(before.is_err() || before.is_ok_and(|before| before.is_none()));
            Ok(new.clone())
        });
        assert_eq!(written.unwrap(), new);
        assert_eq!(place.folder.read("fox.wasm").unwrap().found.manifest, Some(new.clone()));
    }
}
