//! What `cjm.toml` says of one plugin.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::catalog::{Digest, InstanceMode};
use crate::error::{Error, Result};
use crate::policy::{Grants, LimitOverrides};

/// What stands under `[plugins.NAME]`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct PluginSettings {
    /// What is installed under this name.
    pub source: Option<PluginSource>,
    /// The digest that it must have.
    pub digest: Option<Digest>,
    /// The configuration of its instances as long as none is stored for them: an object.
    pub config: Option<Value>,
    /// The ids of the instances to load. None stands for one, with the plugin's name.
    pub instances: Option<Vec<String>>,
    /// How calls share an instance, against what the plugin asks for.
    pub mode: Option<InstanceMode>,
    /// What it may use. Folders are absolute.
    pub grants: Grants,
    /// Limits that differ from those of all plugins.
    pub limits: LimitOverrides,
}

impl PluginSettings {
    /// The ids of the instances to load; `name` is the plugin's.
    pub fn instance_ids<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.instances.iter().flatten().map(String::as_str);
        own.chain(self.instances.is_none().then_some(name))
    }
}

/// Where a component is fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PluginSource {
    /// An address, `https://` or `http://`.
    Url(String),
    /// A file.
    Path(PathBuf),
}

impl PluginSource {
    /// Tells addresses and paths apart; relative paths are relative to `dir`.
    pub(super) fn parse(text: &str, dir: &Path) -> Result<Self> {
        match text.split_once("://") {
            Some((scheme, rest)) if ["https", "http"].contains(&scheme.to_ascii_lowercase().as_str()) => {
                if rest.is_empty() {
                    return Err(Error::invalid(format!("`{text}` is an address without a host")));
                }
                Ok(PluginSource::Url(text.to_owned()))
            }
            Some((scheme, _)) if scheme.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c)) => {
                Err(Error::invalid(format!(
                    "nothing is fetched by `{scheme}`; write a path, or an address that begins with https://"
                )))
            }
            _ if text.is_empty() => Err(Error::invalid("a path or an address is needed")),
            _ => Ok(PluginSource::Path(dir.join(text))),
        }
    }
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PluginSource::Url(url) => f.write_str(url),
            PluginSource::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_are_told_apart() {
        let parse = |text| PluginSource::parse(text, Path::new("/project"));
        let path = |path: &str| PluginSource::Path(path.into());
        assert_eq!(parse("a/b.wasm").unwrap(), path("/project/a/b.wasm"));
        assert_eq!(parse("/a/b.wasm").unwrap(), path("/a/b.wasm"));
        assert_eq!(parse("a b://c.wasm").unwrap(), path("/project/a b://c.wasm"));
        let url = "HTTPS://example.org/a.wasm";
        assert_eq!(parse(url).unwrap(), PluginSource::Url(url.into()));
        for bad in ["", "oci://example.org/a", "https://"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_instance_is_loaded_where_none_is_named() {
        let mut settings = PluginSettings::default();
        let ids = |settings: &PluginSettings| -> Vec<String> {
            settings.instance_ids("p").map(str::to_owned).collect()
        };
        assert_eq!(ids(&settings), ["p"]);
        settings.instances = Some(vec!["a".into(), "b".into()]);
        assert_eq!(ids(&settings), ["a", "b"]);
        settings.instances = Some(Vec::new());
        assert_eq!(ids(&settings), [] as [&str; 0]);
    }
}
