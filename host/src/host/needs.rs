//! What a plugin cannot do without, looked at before any of its code runs in earnest.

use std::env::consts::{ARCH, OS};

use crate::capability::secrets::Secrets;
use crate::catalog::{Description, Inspection};
use crate::error::{Error, Result};
use crate::policy::Grants;

use super::granted::{check_granted, check_offered, said};

/// Refuses a plugin that does not run on this machine.
pub(super) fn check_platform(description: &Description) -> Result<()> {
    if description.runs_on(OS, ARCH) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "plugin `{}` runs on {} alone, and this is {OS}-{ARCH}; use another plugin here",
        description.name,
        description.platforms.join(", ")
    )))
}

/// Refuses a plugin that requires secrets which are granted, but not there.
pub(super) fn check_secrets(description: &Description, secrets: &Secrets) -> Result<()> {
    let required = description.secrets.iter().filter(|secret| secret.required);
    let absent: Vec<_> = required.filter(|secret| !secrets.contains(&secret.name)).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let missing: Vec<_> = absent.iter().map(|secret| said(secret)).collect();
    let commands: Vec<_> =
        absent.iter().map(|secret| format!("cjm-ctl secret set {}", secret.name)).collect();
    Err(Error::invalid(format!(
        "plugin `{}` requires secrets that are granted, but not there: {}; set them: {}",
        description.name,
        missing.join("; "),
        commands.join("; ")
    )))
}

/// Whether a plugin could be loaded with these grants and secrets.
pub(crate) fn check_needs(
    examined: &Inspection,
    description: &Description,
    grants: &Grants,
    secrets: &Secrets,
) -> Result<()> {
    check_offered(&examined.file, &examined.imports)?;
    check_granted(description, &examined.imports, grants)?;
    check_platform(description)?;
    check_secrets(description, secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::secrets::Secret;
    use crate::catalog::{DescriptionData, InstanceMode, SecretNeed};
    use crate::error::Category;

    fn description(platforms: &[&str], secrets: &[(&str, bool)]) -> Description {
        let secret = |&(name, required): &(&str, bool)| SecretNeed {
            name: name.into(),
            description: "A key.".into(),
            required,
        };
        let data = DescriptionData {
            name: "it".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            authors: Vec::new(),
            category: None,
            domain: None,
            platforms: platforms.iter().map(|&platform| platform.to_owned()).collect(),
            secrets: secrets.iter().map(secret).collect(),
            config_schema: "{}".into(),
            actions: Vec::new(),
            instance: InstanceMode::Exclusive,
        };
        Description::new("it", data).unwrap()
    }

    #[test]
    fn a_plugin_for_other_machines_is_refused() {
        assert!(check_platform(&description(&[], &[])).is_ok());
        assert!(check_platform(&description(&["nowhere", OS], &[])).is_ok());
        let error = check_platform(&description(&["nowhere-z80"], &[])).unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().contains("runs on nowhere-z80 alone"), "{error}");
    }

    #[test]
    fn secrets_that_are_required_must_be_there() {
        let description = description(&[], &[("a", true), ("b", false), ("c", true)]);
        let given = |there: &[&str]| {
            let mut secrets = Secrets::default();
            for name in there {
                secrets.insert(*name, Secret::new("value"));
            }
            check_secrets(&description, &secrets)
        };
        assert!(given(&["a", "c"]).is_ok());
        let error = given(&["a"]).unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().ends_with("set them: cjm-ctl secret set c"), "{error}");
        assert!(!error.to_string().contains("`b`"), "{error}");
    }
}
