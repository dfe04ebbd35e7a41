//! Finding `cjm.toml`.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What the file is called.
pub(super) const NAME: &str = "cjm.toml";

/// The file in this folder.
pub(super) fn in_dir(dir: &Path) -> Result<Option<PathBuf>> {
    let path = dir.join(NAME);
    match path.metadata() {
        Ok(_) => Ok(Some(path)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::io("look for", &path, &error)),
    }
}

/// The file in this folder, or the nearest of those that it is in.
pub(super) fn upwards(dir: &Path) -> Result<Option<PathBuf>> {
    for dir in dir.ancestors() {
        if let Some(path) = in_dir(dir)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
