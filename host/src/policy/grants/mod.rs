//! What a plugin may use: parsed once, closed by default.

mod environment;
mod folder;
mod grant;
mod missing;
mod network;
mod socket;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use environment::EnvironmentGrant;
pub use folder::{FolderAccess, FolderGrant, GuestPath};
pub use grant::Grant;
pub(crate) use network::Place;
pub use network::{NetworkGrant, Scheme};
pub use socket::{SocketGrant, SocketProtocol};

/// What an operator lets one plugin use beyond computing; all that is not named is refused.
///
/// It is what stands under `[plugins.NAME.grants]` in `cjm.toml`, and reads from TOML and JSON alike. Unknown keys
/// are errors.
///
/// # Examples
///
/// ```
/// use cjm_host::{Grant, Grants};
///
/// # fn main() -> cjm_host::Result<()> {
/// let mut grants = Grants::default();
/// grants.insert("network=https://*.example.org".parse()?);
/// grants.insert("folder=data/in:/in:ro".parse()?);
/// assert!(!grants.insert("network=https://*.example.org".parse()?), "it was granted already");
/// assert!(grants.to_toml("fetch").starts_with("[plugins.fetch.grants]\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grants {
    /// Folders of the machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<FolderGrant>,
    /// Where HTTP requests may go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<NetworkGrant>,
    /// Environment variables that are passed through, or set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<EnvironmentGrant>,
    /// Secrets, by name.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "grant::secret_names")]
    pub secrets: Vec<String>,
    /// The machine's GPUs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gpu: bool,
    /// Where connections of any kind may go, and datagrams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<SocketGrant>,
}

impl Grants {
    /// Adds one grant. A grant that differs from a known one only in being wider takes its place: a folder that may be
    /// written, too, or a destination that may have a private address. False where it was granted already.
    pub fn insert(&mut self, grant: Grant) -> bool {
        match grant {
            Grant::Folder(new) => match self.folders.iter_mut().find(|known| known.is_same_folder(&new)) {
                Some(known) => widen(&mut known.access, new.access),
                None => push(&mut self.folders, new),
            },
            Grant::Network(new) => match self.network.iter_mut().find(|known| known.is_same_place(&new)) {
                Some(known) => widen(&mut known.private, new.private),
                None => push(&mut self.network, new),
            },
            Grant::Environment(new) => insert(&mut self.environment, new),
            Grant::Secret(new) => insert(&mut self.secrets, new),
            Grant::Gpu => !std::mem::replace(&mut self.gpu, true),
            Grant::Socket(new) => insert(&mut self.sockets, new),
        }
    }

    /// Takes one grant away; a folder or a destination whatever its access. False where it was not granted. What a
    /// wider grant covers stays granted by that.
    pub fn remove(&mut self, grant: &Grant) -> bool {
        match grant {
            Grant::Folder(gone) => remove(&mut self.folders, |known| known.is_same_folder(gone)),
            Grant::Network(gone) => remove(&mut self.network, |known| known.is_same_place(gone)),
            Grant::Environment(gone) => remove(&mut self.environment, |known| known == gone),
            Grant::Secret(gone) => remove(&mut self.secrets, |known| known == gone),
            Grant::Gpu => std::mem::take(&mut self.gpu),
            Grant::Socket(gone) => remove(&mut self.sockets, |known| known == gone),
        }
    }

    /// Adds all that another grants.
    pub fn union(&mut self, others: &Grants) {
        for grant in others.iter() {
            self.insert(grant);
        }
    }

    /// The grants one by one, in the order of this structure's fields.
    pub fn iter(&self) -> impl Iterator<Item = Grant> + '_ {
        let folders = self.folders.iter().cloned().map(Grant::Folder);
        let network = self.network.iter().cloned().map(Grant::Network);
        let environment = self.environment.iter().cloned().map(Grant::Environment);
        let secrets = self.secrets.iter().cloned().map(Grant::Secret);
        let gpu = self.gpu.then_some(Grant::Gpu).into_iter();
        let sockets = self.sockets.iter().cloned().map(Grant::Socket);
        folders.chain(network).chain(environment).chain(secrets).chain(gpu).chain(sockets)
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Has relative paths of the machine begin at `base`, for example the folder of the file that they stood in.
    pub fn rebase(&mut self, base: &Path) {
        for folder in &mut self.folders {
            folder.rebase(base);
        }
    }

    /// The grants as a plugin's table in `cjm.toml`, ready to be pasted.
    pub fn to_toml(&self, plugin: &str) -> String {
        let mut text = format!("[plugins.{}.grants]\n", toml_key(plugin));
        let mut line = |key: &str, value: String| {
            text.push_str(key);
            text.push_str(" = ");
            text.push_str(&value);
            text.push('\n');
        };
        if !self.folders.is_empty() {
            line("folders", inline(&self.folders));
        }
        if !self.network.is_empty() {
            line("network", inline(&self.network));
        }
        if !self.environment.is_empty() {
            line("environment", inline(&self.environment));
        }
        if !self.secrets.is_empty() {
            line("secrets", inline(&self.secrets));
        }
        if self.gpu {
            line("gpu", "true".to_owned());
        }
        if !self.sockets.is_empty() {
            line("sockets", inline(&self.sockets));
        }
        text
    }
}

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        let mut all = Self::default();
        all.extend(grants);
        all
    }
}

impl Extend<Grant> for Grants {
    fn extend<I: IntoIterator<Item = Grant>>(&mut self, grants: I) {
        for grant in grants {
            self.insert(grant);
        }
    }
}

fn widen<T: Ord>(known: &mut T, new: T) -> bool {
    let wider = new > *known;
    if wider {
        *known = new;
    }
    wider
}

fn push<T>(known: &mut Vec<T>, new: T) -> bool {
    known.push(new);
    true
}

fn insert<T: PartialEq>(known: &mut Vec<T>, new: T) -> bool {
    !known.contains(&new) && push(known, new)
}

fn remove<T>(known: &mut Vec<T>, gone: impl Fn(&T) -> bool) -> bool {
    let before = known.len();
    known.retain(|known| !gone(known));
    known.len() < before
}

/// A value on one line. What cannot be written as TOML does not occur in grants.
fn inline<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = String::new();
    match value.serialize(toml::ser::ValueSerializer::new(&mut text)) {
        Ok(_) => text,
        Err(_) => String::new(),
    }
}

/// A key as it is written in TOML: quoted where it must be.
fn toml_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { inline(&key) }
}

#[cfg(test)]
mod tests;
