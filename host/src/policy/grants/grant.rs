//! One grant, in the form in which it is written on a command line and in messages.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{EnvironmentGrant, FolderGrant, NetworkGrant, SocketGrant};
use crate::error::{Error, Result};

/// One thing that a plugin may use.
///
/// Its text is `folder=HOST:GUEST[:ro|rw]`, `network=URL[,private]`, `environment=NAME[=VALUE]`, `secret=NAME`, `gpu`
/// or `socket=tcp|udp://NETWORK[:PORT]`.
///
/// # Examples
///
/// ```
/// use cjm_host::Grant;
///
/// # fn main() -> cjm_host::Result<()> {
/// let grant: Grant = "network=http://intranet:8080,private".parse()?;
/// assert_eq!(grant.to_string(), "network=http://intranet:8080,private");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Grant {
    /// A folder of the machine.
    Folder(FolderGrant),
    /// Where HTTP requests may go.
    Network(NetworkGrant),
    /// An environment variable.
    Environment(EnvironmentGrant),
    /// A secret, by name.
    Secret(String),
    /// The machine's GPUs.
    Gpu,
    /// Where connections of any kind may go, or datagrams.
    Socket(SocketGrant),
}

impl Grant {
    /// A secret.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where no secret can have that name.
    pub fn secret(name: &str) -> Result<Self> {
        secret_name(name)?;
        Ok(Grant::Secret(name.to_owned()))
    }

    /// Has a relative path of the machine begin at `base`, for example the folder that a command is run in.
    pub fn rebase(&mut self, base: &Path) {
        if let Grant::Folder(folder) = self {
            folder.rebase(base);
        }
    }
}

impl FromStr for Grant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some(("folder", folder)) => folder.parse().map(Grant::Folder),
            Some(("network", place)) => place.parse().map(Grant::Network),
            Some(("environment", variable)) => variable.parse().map(Grant::Environment),
            Some(("secret", name)) => Self::secret(name),
            Some(("socket", addresses)) => addresses.parse().map(Grant::Socket),
            None if text == "gpu" => Ok(Grant::Gpu),
            _ => Err(Error::invalid(format!(
                "`{}` is no grant; write one of folder=HOST:GUEST[:ro|rw], network=URL[,private], \
                 environment=NAME[=VALUE], secret=NAME, gpu, socket=tcp://NETWORK[:PORT]",
                text.escape_debug()
            ))),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Folder(folder) => write!(f, "folder={folder}"),
            Grant::Network(place) => write!(f, "network={place}"),
            Grant::Environment(variable) => write!(f, "environment={variable}"),
            Grant::Secret(name) => write!(f, "secret={name}"),
            Grant::Gpu => f.write_str("gpu"),
            Grant::Socket(addresses) => write!(f, "socket={addresses}"),
        }
    }
}

impl TryFrom<String> for Grant {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Grant> for String {
    fn from(grant: Grant) -> Self {
        grant.to_string()
    }
}

/// The names that secrets can be stored under.
fn secret_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(Error::invalid(format!(
            "`{}` cannot be a secret's name; use 1 to 64 characters of [A-Za-z0-9_.-], for example `api-key`",
            name.escape_debug()
        )));
    }
    Ok(())
}

pub(super) fn secret_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().try_for_each(|name| secret_name(name)).map_err(D::Error::custom)?;
    Ok(names)
}
