//! Compiled code on disk, under the component's digest and the engine's compatibility.
//!
//! Compiled code is machine code that the host will run outside of any sandbox, so that a file is loaded only if it
//! carries the message authentication code (HMAC-SHA-256) of this cache's own key over its name and content. The key
//! is a file that only the owner can read, in a folder that only the owner can write.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::catalog::Digest;
use crate::error::{Error, Result};

/// Begins every file; the digit changes with the layout.
const MAGIC: &[u8; 8] = b"cjmcode1";
const TAG_BYTES: usize = 32;
const KEY_BYTES: usize = 32;

/// When the folder is larger than this, the files that were written first go.
const MAX_BYTES: u64 = 4 << 30;

pub(crate) struct CompileCache {
    dir: PathBuf,
    key: hmac::Key,
}

/// Names the configurations that share compiled code: an engine of another version or with other settings has
/// another name.
pub(super) fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl CompileCache {
    /// Opens the folder, making it and its key where they are missing. A folder that others can write is refused.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::fatal(format!(
                "the compile cache in {} cannot be used: {error}; choose another folder, or run without a cache",
                dir.display()
            ))
        };
        create_private_dir(dir).map_err(failed)?;
        check_private(dir)?;
        let key = read_or_make_key(&dir.join("key")).map_err(failed)?;
        Ok(Self { dir: dir.to_path_buf(), key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// The compiled component, or none where there is none that this cache wrote for this engine.
    pub(super) fn load(&self, engine: &Engine, compatibility: &str, digest: &Digest) -> Option<Component> {
        let path = self.path(compatibility, digest);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "compiled code cannot be read; compiling anew");
                return None;
            }
        };
        let loaded =
            self.open_file(&file, compatibility, digest).ok_or("it was altered or cut").and_then(|code| {
                // SAFETY: the bytes are what `Component::serialize` gave: they carry the authentication code of a key
                // that only this user can read. They are in memory of our own, so that nobody changes them after the
                // check. wasmtime itself refuses code of an engine of another version or configuration.
                #[allow(unsafe_code)]
                unsafe { Component::deserialize(engine, code) }.map_err(|_| "it is for another engine")
            });
        match loaded {
            Ok(component) => Some(component),
            Err(reason) => {
                tracing::warn!(reason, file = %path.display(), "compiled code was not used; compiling anew");
                None
            }
        }
    }

    /// Writes compiled code, in whole or not at all.
    pub(super) fn store(
        &self,
        compatibility: &str,
        digest: &Digest,
        component: &Component,
    ) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        let tag = self.tag(compatibility, digest, &code);
        self.make_room(code.len() as u64)?;
        let path = self.path(compatibility, digest);
        let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(&self.dir)?;
        file.write_all(MAGIC)?;
        file.write_all(tag.as_ref())?;
        file.write_all(&code)?;
        file.persist(&path)?;
        Ok(())
    }

    fn path(&self, compatibility: &str, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{}-{compatibility}.cwasm", digest.hex()))
    }

    /// The code in a file, if its authentication code is right.
    fn open_file<'a>(&self, file: &'a [u8], compatibility: &str, digest: &Digest) -> Option<&'a [u8]> {
        let rest = file.strip_prefix(MAGIC)?;
        let (tag, code) = rest.split_at_checked(TAG_BYTES)?;
        // Nobody is there to measure how long the comparison takes.
        (self.tag(compatibility, digest, code).as_ref() == tag).then_some(code)
    }

    fn tag(&self, compatibility: &str, digest: &Digest, code: &[u8]) -> hmac::Tag {
        let mut message = hmac::Context::with_key(&self.key);
        for part in [compatibility.as_bytes(), &[0], digest.as_bytes(), code] {
            message.update(part);
        }
        message.sign()
    }

    fn make_room(&self, wanted: u64) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let path = entry.path();
            let meta = entry.metadata()?;
            if meta.is_file() && path.extension().is_some_and(|extension| extension == "cwasm") {
                files.push((meta.modified()?, meta.len(), path));
            }
        }
        let mut total = files.iter().map(|(_, len, _)| len).sum::<u64>() + wanted;
        files.sort();
        for (_, len, path) in files {
            if total <= MAX_BYTES {
                break;
            }
            fs::remove_file(path)?;
            total -= len;
        }
        Ok(())
    }
}

fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(unix)]
fn check_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(dir).map(|meta| meta.permissions().mode()).unwrap_or(0);
    if mode & 0o022 != 0 {
        return Err(Error::fatal(format!(
            "the compile cache in {} can be written by others, who could have the host run code of theirs: \
             `chmod go-w` it, or choose another folder",
            dir.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_dir: &Path) -> Result<()> {
    Ok(())
}

fn read_or_make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    // Temporary files are readable by their owner alone, and stay so when they are renamed.
    let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(dir)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Another process was first: its key is the one.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => match read_key(path)? {
            Some(key) => Ok(key),
            None => {
                error.file.persist(path).map_err(|error| error.error)?;
                Ok(key)
            }
        },
        Err(error) => Err(error.error),
    }
}

/// The key, or none where there is none or it is cut. With another key every file is compiled anew, nothing more.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let mut key = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(key.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn setup() -> (tempfile::TempDir, Engine, Component, Digest) {
        let engine = Engine::default();
        let component = Component::from_binary(&engine, COMPONENT).unwrap();
        (tempfile::tempdir().unwrap(), engine, component, Digest::of(COMPONENT))
    }

    fn only_file(dir: &Path) -> PathBuf {
        let mut files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "cwasm")).unwrap()
    }

    #[test]
    fn gives_back_what_it_stored_to_the_same_engine_only() {
        let (dir, engine, component, digest) = setup();
        let cache = CompileCache::open(dir.path()).unwrap();
        assert!(cache.load(&engine, "a", &digest).is_none());
        cache.store("a", &digest, &component).unwrap();
        assert!(cache.load(&engine, "a", &digest).is_some());
        assert!(cache.load(&engine, "b", &digest).is_none());
        assert!(
            CompileCache::open(dir.path()).unwrap().load(&engine, "a", &digest).is_some(),
            "the key is kept"
        );
    }

    #[test]
    fn never_loads_an_altered_file() {
        let (dir, engine, component, digest) = setup();
        let cache = CompileCache::open(dir.path()).unwrap();
        cache.store("a", &digest, &component).unwrap();
        let path = only_file(dir.path());
        let good = fs::read(&path).unwrap();
        for position in (0..good.len()).step_by(good.len() / 97 + 1) {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(cache.load(&engine, "a", &digest).is_none(), "byte {position} was altered");
        }
        for length in [0, 7, 8, 39, 40, good.len() - 1] {
            fs::write(&path, &good[..length]).unwrap();
            assert!(cache.load(&engine, "a", &digest).is_none(), "cut to {length} bytes");
        }
        fs::write(&path, &good).unwrap();
        assert!(cache.load(&engine, "a", &digest).is_some());
    }

    #[test]
    fn never_loads_a_file_under_another_name() {
        let (dir, engine, component, digest) = setup();
        let cache = CompileCache::open(dir.path()).unwrap();
        cache.store("a", &digest, &component).unwrap();
        let other = Digest::of(b"another component");
        fs::rename(cache.path("a", &digest), cache.path("a", &other)).unwrap();
        assert!(cache.load(&engine, "a", &other).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_folder_that_others_can_write() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(CompileCache::open(dir.path()).is_err());
    }
}
