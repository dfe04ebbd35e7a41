//! Files that are written in whole or not at all, and locks between processes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, ResourceKind, Result};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever the user's umask lets read.
    Shared,
    /// The owner alone.
    Private,
}

/// Puts a file in its place, whole and on the disk, or leaves what was there: after a crash at any point there is the
/// old content or the new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let (file, dir) = write_temporary(path, bytes, access)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

/// A file with this content in the folder of `path`, on the disk, and that folder.
fn write_temporary<'a>(
    path: &'a Path,
    bytes: &[u8],
    access: Access,
) -> io::Result<(NamedTempFile, &'a Path)> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    // Temporary files are readable by their owner alone, and stay so when they are renamed.
    let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(dir)?;
    file.write_all(bytes).map_err(|error| match error.kind() {
        // There is no room for more: as much a limit of the disk as a quota.
        io::ErrorKind::FileTooLarge => io::Error::new(io::ErrorKind::QuotaExceeded, error),
        _ => error,
    })?;
    if access == Access::Shared {
        share(file.as_file(), dir)?;
    }
    file.as_file().sync_all()?;
    Ok((file, dir))
}

/// Writes a file that is not there yet, whole and on the disk. One that is there is left alone, and is an error.
pub(crate) fn write_new(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let (file, dir) = write_temporary(path, bytes, access)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

/// Has a folder's entries reach the disk, so that a rename in it outlives a crash of the machine.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Elsewhere folders cannot be opened like files; renames are journalled there.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives a file the access that the folder gives to others for reading.
#[cfg(unix)]
fn share(file: &File, dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let readable = fs::metadata(dir)?.permissions().mode() & 0o044;
    file.set_permissions(fs::Permissions::from_mode(0o600 | readable))
}

#[cfg(not(unix))]
fn share(_file: &File, _dir: &Path) -> io::Result<()> {
    Ok(())
}

/// A file's content; none where there is no such file. A file over `limit` bytes is an error, read no further.
pub(crate) fn read_if_there(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is over {limit} bytes long")));
    }
    Ok(Some(bytes))
}

/// Makes a folder, and those above it, where they are missing.
pub(crate) fn create_dir(path: &Path, access: Access) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if access == Access::Private {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    #[cfg(not(unix))]
    let _ = access;
    builder.create(path)
}

/// A lock that is held against other processes, and against other locks of this one, until it is dropped or the process
/// ends in any way.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for the lock. The file stays behind, empty: to remove it would let two processes hold "the" lock.
    pub(crate) fn exclusive(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(Self { _file: file })
    }

    /// Takes the lock if nobody holds it; none where somebody does.
    pub(crate) fn try_exclusive(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits for a lock that any number hold at once while none is exclusive. None where the file is not there and
    /// cannot be made: where nobody can write, there is nobody to be kept out.
    pub(crate) fn shared(path: &Path) -> io::Result<Option<Self>> {
        use io::ErrorKind as Kind;
        let opened = File::open(path).or_else(|error| match error.kind() {
            Kind::NotFound => File::options().create(true).truncate(false).read(true).write(true).open(path),
            _ => Err(error),
        });
        match opened {
            Ok(file) => {
                file.lock_shared()?;
                Ok(Some(Self { _file: file }))
            }
            Err(error) if matches!(error.kind(), Kind::PermissionDenied | Kind::ReadOnlyFilesystem) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Error {
    /// What became of a file or folder: `doing` is what was attempted, for example `read`. A full disk is
    /// `resource-exhausted`; what the user can mend is `invalid-input`; the rest is `fatal`.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let message = format!("cannot {doing} {}: {error}", path.display());
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => {
                Error::exhausted(ResourceKind::Disk, message + "; free some space there", None, None)
            }
            Kind::NotFound
            | Kind::PermissionDenied
            | Kind::AlreadyExists
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::FileTooLarge
            | Kind::ReadOnlyFilesystem
            | Kind::InvalidFilename
            | Kind::InvalidInput
            | Kind::InvalidData => Error::invalid(message + "; check the path and its permissions"),
            _ => Error::fatal(message),
        }
    }
}

/// Reads a file in whole; see [`read_if_there`]. One that is not there is an error that says so.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    match read_if_there(path, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Error::io("read", path, &io::ErrorKind::NotFound.into())),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_in_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_atomically(&path, b"one", Access::Shared).unwrap();
        write_atomically(&path, b"two", Access::Shared).unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_atomically(&path, b"", Access::Private).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "four").unwrap();
        assert!(read(&path, 4).is_ok());
        let error = read(&path, 3).unwrap_err();
        assert!(error.to_string().contains("over 3 bytes"), "{error}");
        assert!(read_if_there(&dir.path().join("b"), 1).unwrap().is_none());
    }
}
