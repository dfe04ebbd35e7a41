//! Compiled code on disk, under the component's digest and the engine's compatibility; and beside it what is known of
//! the component.
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
        let name = code_name(compatibility, digest);
        let file = self.read(&name)?;
        let code = payload(&file)?;
        // SAFETY: the bytes are what `Component::serialize` gave: they carry the authentication code of a key that
        // only this user can read. They are in memory of our own, so that nobody changes them after the check.
        // wasmtime itself refuses code of an engine of another version or configuration.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, code) };
        component
            .inspect_err(
                |error| tracing::warn!(%error, file = name, "compiled code was not used; compiling anew"),
            )
            .ok()
    }

    /// Writes compiled code, in whole or not at all.
    pub(super) fn store(
        &self,
        compatibility: &str,
        digest: &Digest,
        component: &Component,
    ) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        self.write(&code_name(compatibility, digest), &code)
    }

    /// What is known of a component, as it was stored.
    pub(crate) fn load_facts(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.read(&facts_name(digest)).and_then(|file| payload(&file).map(<[u8]>::to_vec))
    }

    /// Keeps what is known of a component: it holds for as long as its bytes are the same.
    pub(crate) fn store_facts(&self, digest: &Digest, facts: &[u8]) -> io::Result<()> {
        self.write(&facts_name(digest), facts)
    }

    /// A file of this cache's own writing, whole; none where there is none.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = match fs::read(self.dir.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, file = name, "a cached file cannot be read");
                return None;
            }
        };
        let tag = file.strip_prefix(MAGIC).and_then(|rest| rest.get(..TAG_BYTES));
        // Nobody is there to measure how long the comparison takes.
        let authentic =
            tag.zip(payload(&file)).is_some_and(|(tag, payload)| self.tag(name, payload).as_ref() == tag);
        if !authentic {
            tracing::warn!(file = name, "a cached file was altered or cut, and is not used");
            return None;
        }
        Some(file)
    }

    fn write(&self, name: &str, payload: &[u8]) -> io::Result<()> {
        self.make_room(payload.len() as u64)?;
        let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(&self.dir)?;
        file.write_all(MAGIC)?;
        file.write_all(self.tag(name, payload).as_ref())?;
        file.write_all(payload)?;
        file.persist(self.dir.join(name))?;
        Ok(())
    }

    /// The authentication code of a file, which holds for its name and its content.
    fn tag(&self, name: &str, payload: &[u8]) -> hmac::Tag {
        let mut message = hmac::Context::with_key(&self.key);
        for part in [name.as_bytes(), &[0], payload] {
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
            if meta.is_file() && path.extension().is_some() {
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

fn code_name(compatibility: &str, digest: &Digest) -> String {
    format!("{}-{compatibility}.cwasm", digest.hex())
}

fn facts_name(digest: &Digest) -> String {
    format!("{}.json", digest.hex())
}

fn payload(file: &[u8]) -> Option<&[u8]> {
    file.strip_prefix(MAGIC)?.get(TAG_BYTES..)
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
        fs::rename(dir.path().join(code_name("a", &digest)), dir.path().join(code_name("a", &other)))
            .unwrap();
        assert!(cache.load(&engine, "a", &other).is_none());
    }

    #[test]
    fn keeps_facts_under_the_same_protection() {
        let (dir, _, _, digest) = setup();
        let cache = CompileCache::open(dir.path()).unwrap();
        assert!(cache.load_facts(&digest).is_none());
        cache.store_facts(&digest, b"{}").unwrap();
        assert_eq!(cache.load_facts(&digest).unwrap(), b"{}");
        fs::write(dir.path().join(facts_name(&digest)), b"{}").unwrap();
        assert!(cache.load_facts(&digest).is_none());
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
