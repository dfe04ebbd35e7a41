//! Files that appear complete or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::{Failure, Result};

/// A file that is written beside its place and moved there once it is complete.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Beside(NamedTempFile),
    /// A device or a pipe: to be written to, never to be replaced.
    Special(fs::File),
}

impl AtomicFile {
    /// Begins a file. What can be wrong with the path shows here, before any work is done for it.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let failed = |error| Failure::io("write", path, &error);
        // Through a link to the file that it names: the link is to stay.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let kind = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(Failure::user(format!("cannot write {}: it is a directory", path.display())));
            }
            Ok(found) if !found.is_file() => {
                Kind::Special(fs::OpenOptions::new().write(true).open(&path).map_err(failed)?)
            }
            _ => {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let mut builder = tempfile::Builder::new();
                builder.prefix(".cjm-").suffix(".part");
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt;
                    // What any other program would create: the user's umask takes its part from this.
                    builder.permissions(fs::Permissions::from_mode(0o666));
                }
                Kind::Beside(builder.tempfile_in(dir).map_err(failed)?)
            }
        };
        Ok(AtomicFile { path, kind })
    }

    /// Adds to the file.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.kind {
            Kind::Beside(file) => file.write_all(bytes),
            Kind::Special(file) => file.write_all(bytes),
        };
        written.map_err(|error| Failure::io("write", &self.path, &error))
    }

    /// Puts the file into its place.
    pub(crate) fn commit(self) -> Result<()> {
        if let Kind::Beside(file) = self.kind {
            file.as_file().sync_all().map_err(|error| Failure::io("write", &self.path, &error))?;
            file.persist(&self.path).map_err(|error| Failure::io("write", &self.path, &error.error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_complete_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        let mut file = AtomicFile::create(&path).unwrap();
        file.write(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_links_are_kept() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let mut null = AtomicFile::create(Path::new("/dev/null")).unwrap();
        null.write(b"x").unwrap();
        null.commit().unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());

        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write(b"new").unwrap();
        file.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_directory_that_is_missing_shows_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let failure = AtomicFile::create(&dir.path().join("no/such/out")).unwrap_err();
        assert_eq!(failure.status().code(), 2);
    }
}
