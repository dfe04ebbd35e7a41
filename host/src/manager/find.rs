//! Finding plugins by what they are for and what they can do.

use std::sync::Arc;

use super::Manager;
use super::record::{Discovery, Record};
use crate::catalog::Capability;
use crate::error::{Error, Result};

/// What to look for: a plugin must fit everything that is asked.
///
/// # Examples
///
/// ```
/// use cjm_host::{Capability, Query};
///
/// let offline = Query::default().category("transcription").domain("audio").without(Capability::Network);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a query does nothing before it is handed to `Manager::find`"]
pub struct Query {
    name: Option<String>,
    category: Option<String>,
    domain: Option<String>,
    role: Option<String>,
    with: Vec<Capability>,
    without: Vec<Capability>,
    platform: Option<String>,
}

impl Query {
    /// Plugins of this name; `*` stands for any characters.
    pub fn name(mut self, pattern: impl Into<String>) -> Self {
        self.name = Some(pattern.into());
        self
    }

    /// Plugins for this kind of work.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Plugins that work on this.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Plugins that export this interface, for example `cjm:plugin/streaming`; with a version, in that version.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// Plugins that import something of this capability.
    pub fn with(mut self, capability: Capability) -> Self {
        self.with.push(capability);
        self
    }

    /// Plugins that import nothing of this capability.
    pub fn without(mut self, capability: Capability) -> Self {
        self.without.push(capability);
        self
    }

    /// Plugins that run there: `<os>` or `<os>-<arch>`, for example `linux-x86_64`.
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Whether a plugin fits.
    pub fn matches(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let imports = |capability: &Capability| record.inspection.imports.contains_key(capability);
        let description = &record.description;
        self.name.as_deref().is_none_or(|pattern| fits(pattern, &record.name))
            && is(&self.category, description.category.as_deref())
            && is(&self.domain, description.domain.as_deref())
            && self.role.as_deref().is_none_or(|role| exports(record, role))
            && self.with.iter().all(imports)
            && !self.without.iter().any(imports)
            && self.platform.as_deref().is_none_or(|platform| {
                let (os, arch) = platform.split_once('-').unwrap_or((platform, ""));
                description.runs_on(os, arch)
            })
    }
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        match left.find(part) {
            Some(at) => left = left.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    left.ends_with(last)
}

/// Whether a plugin exports this interface, named with its version or without.
fn exports(record: &Record, role: &str) -> bool {
    record.inspection.exports.iter().any(|export| {
        let unversioned = export.name.split_once('@').map_or(export.name.as_str(), |(name, _)| name);
        export.name == role || unversioned == role
    })
}

/// The plugin that plays a role, and what was wrong with there being several.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Canonical {
    /// The plugin: the only one, or where several fit the first by name.
    pub record: Arc<Record>,
    /// Where several fit: which, and how to choose.
    pub warning: Option<String>,
}

impl Manager {
    /// The plugins that fit, by name. A fresh look at what the last [`discover`](Self::discover) found.
    pub fn find(&self, query: &Query) -> Vec<Arc<Record>> {
        self.discovery().plugins.iter().filter(|record| query.matches(record)).cloned().collect()
    }

    /// The plugin that plays a role, that is exports an interface, for example `acme:speech/transcriber`. Plugins that
    /// cannot be loaded are left out.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where none does.
    pub fn canonical(&self, role: &str) -> Result<Canonical> {
        let canonical = canonical(&self.discovery(), role)?;
        if let Some(warning) = &canonical.warning {
            tracing::warn!(role, "{warning}");
        }
        Ok(canonical)
    }
}

fn canonical(discovery: &Discovery, role: &str) -> Result<Canonical> {
    let fit = |record: &&Arc<Record>| record.refusal.is_none() && exports(record, role);
    let all: Vec<&Arc<Record>> = discovery.plugins.iter().filter(fit).collect();
    let Some(first) = all.first() else {
        return Err(Error::NotLoaded {
            plugin: role.to_owned(),
            reason: "no plugin in the plugins folder exports this interface; install one that does".into(),
        });
    };
    let warning = (all.len() > 1).then(|| {
        let names: Vec<_> = all.iter().map(|record| format!("`{}`", record.name)).collect();
        format!(
            "{} plugins export `{role}`: {}; `{}` is taken. Name the one that is meant, or remove the others",
            all.len(),
            names.join(", "),
            first.name
        )
    });
    Ok(Canonical { record: Arc::clone(first), warning })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("fetch", "fetch", true),
            ("fetch", "fetcher", false),
            ("f*", "fetch", true),
            ("*ch", "fetch", true),
            ("f*t*h", "fetch", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("f*x*h", "fetch", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
