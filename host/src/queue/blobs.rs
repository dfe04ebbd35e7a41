//! Files for inputs and results that are too large for rows, named by their digest.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::Digest;
use crate::error::{Error, Result};
use crate::file::{Access, create_dir, read, write_new};
use crate::store::{Content, Payload};
use crate::value::{Blob, Value};

/// What is larger goes into a file: a row is rewritten in whole, and read in whole.
const THRESHOLD: usize = 64 << 10;

/// Whether a value is stored in its row.
pub(super) fn is_small(value: &Value) -> bool {
    value.len() <= THRESHOLD
}

/// The folder, and the files that are about to be named in a row.
#[derive(Debug)]
pub(super) struct Blobs {
    dir: PathBuf,
    pins: Mutex<HashMap<Digest, usize>>,
}

/// Keeps a file from being swept until the row that names it is there.
#[derive(Debug)]
pub(super) struct Pin {
    blobs: Arc<Blobs>,
    digest: Digest,
}

impl Blobs {
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join("blobs");
        create_dir(&dir, Access::Private).map_err(|error| Error::io("make the folder", &dir, &error))?;
        Ok(Self { dir, pins: Mutex::default() })
    }

    /// Takes a value apart into what is stored of it. A large one is in its file, and on the disk, when this returns;
    /// the pin is to be kept until the row is. Blocks.
    pub(super) fn store(self: &Arc<Self>, value: &Value) -> Result<(Payload, Option<Pin>)> {
        let (media_type, bytes) = match value {
            Value::Json(text) => (None, text.as_bytes()),
            Value::Blob(Blob { media_type, data }) => (Some(media_type.clone()), data.as_slice()),
        };
        if is_small(value) {
            return Ok((Payload { media_type, content: Content::Here(bytes.to_vec()) }, None));
        }
        let digest = Digest::of(bytes);
        let pin = self.pin(digest);
        let path = self.path(&digest);
        match write_new(&path, bytes, Access::Private) {
            Ok(()) => {}
            // Whoever was first wrote the same; unless the file was damaged since.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let same = read(&path, bytes.len() as u64).is_ok_and(|there| there == bytes);
                if !same {
                    crate::file::write_atomically(&path, bytes, Access::Private)
                        .map_err(|error| Error::io("write", &path, &error))?;
                }
            }
            Err(error) => return Err(Error::io("write", &path, &error)),
        }
        Ok((Payload { media_type, content: Content::File(*digest.as_bytes()) }, Some(pin)))
    }

    /// The value that is stored as this. Blocks.
    ///
    /// # Errors
    ///
    /// `fatal`, where its file is missing or was altered.
    pub(super) fn load(&self, payload: Payload) -> Result<Value> {
        let bytes = match payload.content {
            Content::Here(bytes) => bytes,
            Content::File(raw) => {
                let digest = Digest::from_bytes(raw);
                let path = self.path(&digest);
                let bytes = fs::read(&path).map_err(|error| missing(&path, &error.to_string()))?;
                if Digest::of(&bytes) != digest {
                    return Err(missing(&path, "its content is not what was written"));
                }
                bytes
            }
        };
        match payload.media_type {
            Some(media_type) => Ok(Value::blob(media_type, bytes)),
            None => String::from_utf8(bytes).map(Value::Json).map_err(|_| {
                Error::fatal("stored JSON is not UTF-8: the database was damaged; submit the job again")
            }),
        }
    }

    /// Deletes the files that `is_used` says nobody needs; how many. Blocks.
    pub(super) fn sweep(&self, is_used: impl Fn(&[u8; 32]) -> Result<bool>) -> Result<usize> {
        let failed = |error: io::Error| Error::io("look into", &self.dir, &error);
        let mut swept = 0;
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // While pins are held, nobody begins to write, or to rely on, a file.
            let pins = self.pins();
            let unneeded = match format!("sha256:{name}").parse::<Digest>() {
                Ok(digest) => !pins.contains_key(&digest) && !is_used(digest.as_bytes())?,
                // What a crash left of a file that was being written; with nobody writing now.
                Err(_) => name.starts_with(".writing-") && pins.is_empty(),
            };
            if unneeded && fs::remove_file(&path).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.hex())
    }

    fn pin(self: &Arc<Self>, digest: Digest) -> Pin {
        *self.pins().entry(digest).or_default() += 1;
        Pin { blobs: self.clone(), digest }
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<Digest, usize>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.blobs.pins();
        if let Some(count) = pins.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.digest);
            }
        }
    }
}

fn missing(path: &Path, why: &str) -> Error {
    Error::fatal(format!(
        "the input or result of a job in {} cannot be read: {why}; put the file back from a backup, or submit the job \
         again",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Arc<Blobs>) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::open(dir.path()).unwrap());
        (dir, blobs)
    }

    fn files(blobs: &Blobs) -> usize {
        fs::read_dir(&blobs.dir).unwrap().count()
    }

    #[test]
    fn what_is_large_goes_to_a_file_and_the_same_only_once() {
        let (_dir, blobs) = blobs();
        let large = Value::blob("image/png", vec![7; THRESHOLD + 1]);
        for value in [Value::Json("1".into()), Value::blob("a/b", vec![0; THRESHOLD]), large.clone(), large] {
            let (payload, _pin) = blobs.store(&value).unwrap();
            assert_eq!(blobs.load(payload).unwrap(), value);
        }
        assert_eq!(files(&blobs), 1);
    }

    #[test]
    fn only_what_nobody_needs_is_swept() {
        let (_dir, blobs) = blobs();
        let store = |byte| blobs.store(&Value::blob("a/b", vec![byte; THRESHOLD + 1])).unwrap();
        let ((_, pinned), (used, _), _unused) = (store(1), store(2), store(3).0);
        let Content::File(used) = used.content else { panic!("it is large") };
        fs::write(blobs.dir.join("not-ours"), "").unwrap();
        fs::write(blobs.dir.join(".writing-abc"), "").unwrap();
        assert_eq!(blobs.sweep(|digest| Ok(*digest == used)).unwrap(), 1);
        drop(pinned);
        assert_eq!(blobs.sweep(|digest| Ok(*digest == used)).unwrap(), 2);
        assert_eq!(files(&blobs), 2);
    }

    #[test]
    fn a_file_that_was_altered_is_told_and_mended_by_the_next_who_writes_it() {
        let (_dir, blobs) = blobs();
        let value = Value::blob("a/b", vec![1; THRESHOLD + 1]);
        let (payload, _pin) = blobs.store(&value).unwrap();
        let path = fs::read_dir(&blobs.dir).unwrap().next().unwrap().unwrap().path();
        fs::write(&path, "other").unwrap();
        let error = blobs.load(payload.clone()).unwrap_err();
        assert!(error.to_string().contains("not what was written"), "{error}");
        blobs.store(&value).unwrap();
        assert_eq!(blobs.load(payload.clone()).unwrap(), value);
        fs::remove_file(&path).unwrap();
        assert_eq!(blobs.load(payload).unwrap_err().category(), crate::error::Category::Fatal);
    }
}
