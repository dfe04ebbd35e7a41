//! Folders of the machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};

/// A folder of the machine, with all that is below it, as the plugin sees it. Links that lead out of the folder lead
/// nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderGrant {
    /// The folder on the machine.
    #[serde(deserialize_with = "host_path")]
    pub host: PathBuf,
    /// Where the plugin finds it: a path from the root, for example `/in`.
    pub guest: GuestPath,
    /// What the plugin may do there. Default: read.
    #[serde(default)]
    pub access: FolderAccess,
}

/// What a plugin may do in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FolderAccess {
    /// Read and list.
    #[default]
    #[serde(rename = "ro")]
    ReadOnly,
    /// Also write, make and remove.
    #[serde(rename = "rw")]
    ReadWrite,
}

/// Where a plugin finds a folder: a path from the root, of plain names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GuestPath(String);

impl FolderGrant {
    pub(super) fn is_same_folder(&self, other: &Self) -> bool {
        self.guest == other.guest && self.host == other.host
    }

    pub(super) fn rebase(&mut self, base: &Path) {
        // A path that is absolute takes the place of its base.
        self.host = base.join(&self.host);
    }
}

fn host_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.is_empty() || path.contains('\0') {
        return Err(D::Error::custom("a folder of the machine is needed, for example \"data/in\""));
    }
    Ok(path.into())
}

impl GuestPath {
    /// The path, for example `/in`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GuestPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\\', ':', '\0']);
        let names = text.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        match names {
            Some("") => Ok(Self("/".to_owned())),
            Some(names) if names.split('/').all(plain) => Ok(Self(format!("/{names}"))),
            _ => Err(Error::invalid(format!(
                "`{}` cannot be a folder's path in the plugin; write one from the root, of plain names, for example \
                 `/in`",
                text.escape_debug()
            ))),
        }
    }
}

impl TryFrom<String> for GuestPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<GuestPath> for String {
    fn from(path: GuestPath) -> Self {
        path.0
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `HOST:GUEST[:ro|rw]`. The path in the plugin begins after the last `:/`, so that those of the machine may have
/// colons.
impl FromStr for FolderGrant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (paths, access) = match text.rsplit_once(':') {
            Some((paths, "ro")) => (paths, FolderAccess::ReadOnly),
            Some((paths, "rw")) => (paths, FolderAccess::ReadWrite),
            _ => (text, FolderAccess::default()),
        };
        match paths.rfind(":/").map(|at| paths.split_at(at)) {
            Some((host, guest)) if !host.is_empty() && !host.contains('\0') => {
                Ok(Self { host: host.into(), guest: guest.trim_start_matches(':').parse()?, access })
            }
            _ => Err(Error::invalid(format!(
                "`{}` names no folder and its place; write `HOST:GUEST`, with `:rw` where it may be written, for \
                 example `data/in:/in`",
                text.escape_debug()
            ))),
        }
    }
}

impl fmt::Display for FolderGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.host.display(), self.guest, self.access)
    }
}

impl fmt::Display for FolderAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FolderAccess::ReadOnly => "ro",
            FolderAccess::ReadWrite => "rw",
        })
    }
}
