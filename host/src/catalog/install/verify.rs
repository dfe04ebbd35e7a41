//! Holding what is installed against what was written down about it.

use std::collections::BTreeSet;

use super::{PluginFolder, Stored, View, layout};
use crate::catalog::lock::Locked;
use crate::catalog::manifest::Manifest;
use crate::catalog::name;
use crate::catalog::trust::{Evidence, TrustedKeys, Verdict};
use crate::error::{Error, Result};

impl PluginFolder {
    /// A verdict on each plugin, or on the one of this name, by the bytes that are there: those in the folder, in the
    /// order of their files, and then those that were installed and are not there.
    ///
    /// Reads every component whole.
    pub fn verify(&self, name: Option<&str>, keys: &TrustedKeys) -> Result<Vec<Verdict>> {
        let view = self.view()?;
        let listing = view.listing()?;
        let lock = view.lock()?;
        let wanted =
            |plugin: &str, file: &str| name.is_none_or(|name| name == plugin || name == layout::stem(file));
        let mut verdicts = Vec::new();
        let mut seen = BTreeSet::new();
        for file in &listing.components {
            let locked = lock.iter().find(|locked| locked.file == *file);
            let known_as = locked.map_or(layout::stem(file), |locked| locked.name.as_str());
            seen.insert(known_as.to_owned());
            let unusable =
                |error| Verdict::unusable(known_as, file, locked.map(|locked| locked.digest), error);
            let found = match view.find(file) {
                Ok(found) => found,
                Err(error) => {
                    verdicts.extend(wanted(known_as, file).then(|| unusable(error)));
                    continue;
                }
            };
            let name = found.manifest.map_or(known_as.to_owned(), |manifest| manifest.code.name);
            if wanted(&name, file) {
                verdicts.push(match view.read(file) {
                    Ok(stored) => view.verdict(&stored, &name, keys)?,
                    Err(error) => unusable(error),
                });
            }
            seen.insert(name);
        }
        let missing = |name: &str, file: &str, locked, recorded| {
            let evidence = Evidence { name, file, component: None, locked, recorded, signature: None };
            Verdict::of(evidence, keys)
        };
        for Locked { name, file, digest, .. } in lock.iter().filter(|locked| !seen.contains(&locked.name)) {
            if wanted(name, file) {
                verdicts.push(missing(name, file, Some(*digest), None));
            }
        }
        for stem in view.manifests_alone(&listing.components, &listing.manifests) {
            let file = layout::component(&stem);
            let manifest = Manifest::read(&self.dir.join(layout::manifest(&stem)))?;
            if lock.get(&stem).is_none() && wanted(&stem, &file) {
                verdicts.push(missing(&stem, &file, None, Some(manifest.install.digest)));
            }
        }
        match name {
            Some(name) if verdicts.is_empty() => Err(Error::invalid(format!(
                "there is no plugin `{}` in {}, nor in {}",
                name::shown(name),
                self.dir.display(),
                self.lock.display()
            ))),
            _ => Ok(verdicts),
        }
    }
}

impl View {
    /// Holds a component that was read against the lock file, its manifest and its signature. `name` is what the
    /// plugin calls itself.
    ///
    /// Where the lock file cannot be read, that is the error: a component is not taken for unlocked because of it.
    pub fn verdict(&self, stored: &Stored, name: &str, keys: &TrustedKeys) -> Result<Verdict> {
        let lock = self.lock()?;
        let file = stored.found.file.as_str();
        // By its name or by its file: neither must let it pass for a plugin that nobody pinned.
        let locked = lock.get(name).or_else(|| lock.iter().find(|locked| locked.file == file));
        let evidence = Evidence {
            name,
            file,
            component: Some((&stored.bytes, stored.digest)),
            locked: locked.map(|locked| locked.digest),
            recorded: stored.found.manifest.as_ref().map(|manifest| manifest.install.digest),
            signature: stored.signature.as_deref(),
        };
        Ok(Verdict::of(evidence, keys))
    }
}
