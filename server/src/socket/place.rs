//! Where the socket of a data folder is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cjm_host::{Error, Result};

/// The socket in the data folder, or a link to where it is.
pub(super) const NAME: &str = "worker.sock";

/// What is made in a folder before it is put in its place; no longer than [`NAME`].
pub(super) const STAGING: &str = ".listen";

/// The longest path that a socket can have, in bytes: `sun_path` without the zero at its end.
const LONGEST: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// Whether a socket can have this path.
pub(super) fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= LONGEST
}

/// The one path of a data folder, however it is called; none where there is no such folder.
pub(super) fn canonical(data_dir: &Path) -> Result<Option<PathBuf>> {
    let named = if data_dir.as_os_str().is_empty() { Path::new(".") } else { data_dir };
    match named.canonicalize() {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("find the data folder", named, &error)),
    }
}

/// The folder of the socket of a data folder whose own path is too long.
pub(super) fn elsewhere(data_dir: &Path) -> PathBuf {
    let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let base = named.filter(|dir| dir.is_absolute() && dir.is_dir()).unwrap_or_else(std::env::temp_dir);
    base.join(format!("cjm-{:016x}", hash(data_dir.as_os_str().as_encoded_bytes())))
}

/// FNV-1a: the same in all processes and releases. Who could make two folders meet could as well write into them.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What became of a file or folder.
pub(super) fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Error {
    let message = format!("cannot {doing} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::exhausted(cjm_host::ResourceKind::Disk, message + "; free some space there", None, None)
        }
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::Unsupported
        | ErrorKind::InvalidInput => Error::invalid(message + "; check the path and its permissions"),
        _ => Error::fatal(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_elsewhere_is_short_and_each_folders_own() {
        let (one, other) = (elsewhere(Path::new("/a")), elsewhere(Path::new("/b")));
        assert_ne!(one, other);
        assert_eq!(one, elsewhere(Path::new("/a")));
        assert!(fits(&one.join(NAME)), "{}", one.display());
    }

    #[test]
    fn what_is_made_first_has_no_longer_a_path_than_what_it_becomes() {
        assert!(Path::new(STAGING).join("s").as_os_str().len() <= NAME.len());
        assert!(fits(Path::new(&"x".repeat(LONGEST))) && !fits(Path::new(&"x".repeat(LONGEST + 1))));
    }
}
