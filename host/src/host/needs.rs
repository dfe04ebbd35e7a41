//! What a plugin cannot do without, looked at before any of its code runs in earnest.

use std::env::consts::{ARCH, OS};

use crate::capability::secrets::Secrets;
use crate::catalog::{Description, SecretNeed};
use crate::error::{Error, Result};
use crate::policy::{Grant, Grants};

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

/// Refuses a plugin that was not granted the secrets that it requires, or to which they cannot be given.
pub(super) fn check_secrets(description: &Description, grants: &Grants, secrets: &Secrets) -> Result<()> {
    let required = || description.secrets.iter().filter(|secret| secret.required);
    let said = |secret: &SecretNeed| format!("the secret `{}`: {}", secret.name, secret.description);
    let plugin = &description.name;
    let ungranted: Vec<_> = required().filter(|secret| !grants.secrets.contains(&secret.name)).collect();
    if !ungranted.is_empty() {
        let missing = ungranted.iter().map(|secret| said(secret)).collect();
        let wanted = ungranted.iter().map(|secret| Grant::Secret(secret.name.clone())).collect();
        return Err(Error::not_granted(plugin, format!("plugin `{plugin}`"), missing, &wanted));
    }
    let absent: Vec<_> = required().filter(|secret| secrets.get(&secret.name).is_none()).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let missing: Vec<_> = absent.iter().map(|secret| said(secret)).collect();
    let commands: Vec<_> =
        absent.iter().map(|secret| format!("cjm-ctl secret set {}", secret.name)).collect();
    Err(Error::invalid(format!(
        "plugin `{plugin}` requires secrets that are granted, but not there: {}; set them: {}",
        missing.join("; "),
        commands.join("; ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::secrets::Secret;
    use crate::catalog::{DescriptionData, InstanceMode};
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
    fn secrets_that_are_required_must_be_granted_and_there() {
        let description = description(&[], &[("a", true), ("b", false), ("c", true)]);
        let given = |granted: &[&str], there: &[&str]| {
            let grants = granted.iter().map(|&name| Grant::Secret(name.to_owned())).collect();
            let mut secrets = Secrets::default();
            for name in there {
                secrets.insert(*name, Secret::new("value"));
            }
            check_secrets(&description, &grants, &secrets)
        };
        assert!(given(&["a", "c"], &["a", "c"]).is_ok());
        let error = given(&["c"], &["a", "c"]).unwrap_err();
        assert_eq!(error.category(), Category::NotGranted);
        let said = error.to_string();
        assert!(
            said.contains("the secret `a`: A key.") && said.contains("cjm-ctl grant it secret=a"),
            "{said}"
        );
        assert!(!said.contains("`b`") && !said.contains("`c`"), "{said}");
        let error = given(&["a", "c"], &["a"]).unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().ends_with("set them: cjm-ctl secret set c"), "{error}");
    }
}
