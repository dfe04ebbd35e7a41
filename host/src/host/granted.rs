//! What a component imports, held against what this host has and against what was granted.

use std::collections::BTreeMap;

use crate::catalog::{Capability, Description, SecretNeed};
use crate::error::{Error, Result};
use crate::policy::{Grant, Grants};

type Imports = BTreeMap<Capability, Vec<String>>;

/// Refuses a component that needs what this host does not have, before any of its code is compiled.
pub(super) fn check_offered(file: &str, imports: &Imports) -> Result<()> {
    if let Some(unknown) = imports.get(&Capability::Other) {
        return Err(Error::invalid(format!(
            "{file} imports what this host does not have: {}; build it without, or update the host",
            unknown.join(", ")
        )));
    }
    if let Some(gpu) = imports.get(&Capability::Gpu) {
        return Err(Error::invalid(format!(
            "{file} imports interfaces of GPUs: {}; this host offers none yet, granted or not: build it without, or \
             update the host",
            gpu.join(", ")
        )));
    }
    Ok(())
}

/// Refuses a plugin that was not granted what it imports, or a secret that it requires: all that is missing at once, with
/// the grants that would do.
pub(super) fn check_granted(description: &Description, imports: &Imports, grants: &Grants) -> Result<()> {
    let needed = [
        (Capability::Network, grants.network.is_empty(), "network=https://*"),
        (Capability::Sockets, grants.sockets.is_empty(), "socket=tcp://0.0.0.0/0"),
    ];
    let (mut missing, mut wanted) = (Vec::new(), Grants::default());
    for (capability, closed, grant) in needed {
        if let (Some(names), true) = (imports.get(&capability), closed) {
            missing.extend(names.iter().cloned());
            wanted.insert(grant.parse::<Grant>()?);
        }
    }
    let required = description.secrets.iter().filter(|secret| secret.required);
    for secret in required.filter(|secret| !grants.secrets.contains(&secret.name)) {
        missing.push(said(secret));
        wanted.insert(Grant::Secret(secret.name.clone()));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let plugin = &description.name;
    Err(Error::not_granted(plugin, format!("plugin `{plugin}`"), missing, &wanted))
}

/// A secret as an operator has to know it.
pub(super) fn said(secret: &SecretNeed) -> String {
    format!("the secret `{}`: {}", secret.name, secret.description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{DescriptionData, InstanceMode};

    fn description(secrets: &[(&str, bool)]) -> Description {
        let secret = |&(name, required): &(&str, bool)| SecretNeed {
            name: name.into(),
            description: "A key.".into(),
            required,
        };
        let data = DescriptionData {
            name: "fetch".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            authors: Vec::new(),
            category: None,
            domain: None,
            platforms: Vec::new(),
            secrets: secrets.iter().map(secret).collect(),
            config_schema: "{}".into(),
            actions: Vec::new(),
            instance: InstanceMode::Exclusive,
        };
        Description::new("it", data).unwrap()
    }

    fn imports(names: &[&str]) -> Imports {
        let mut imports = Imports::new();
        for name in names {
            imports.entry(Capability::of_import(name)).or_default().push((*name).to_owned());
        }
        imports
    }

    #[test]
    fn each_capability_needs_a_grant_of_its_own() {
        let imports = imports(&[
            "wasi:filesystem/types@0.2.0",
            "wasi:http/client@0.3.0",
            "wasi:http/types@0.3.0",
            "wasi:sockets/tcp@0.2.0",
        ]);
        let refusal = |grants: &[&str]| {
            let grants: Grants = grants.iter().map(|text| text.parse::<Grant>().unwrap()).collect();
            check_granted(&description(&[]), &imports, &grants)
        };
        let Err(Error::NotGranted(all)) = refusal(&["gpu", "secret=a"]) else { panic!("it is granted") };
        assert_eq!(
            all.missing,
            ["wasi:http/client@0.3.0", "wasi:http/types@0.3.0", "wasi:sockets/tcp@0.2.0"]
        );
        assert_eq!(all.grants, ["network=https://*", "socket=tcp://0.0.0.0/0"]);
        let Err(Error::NotGranted(sockets)) = refusal(&["network=https://a"]) else {
            panic!("it is granted")
        };
        assert_eq!(sockets.missing, ["wasi:sockets/tcp@0.2.0"]);
        refusal(&["network=https://a", "socket=tcp://10.0.0.1:80"]).unwrap();
    }

    #[test]
    fn secrets_that_are_required_are_refused_together_with_the_rest() {
        let description = description(&[("a", true), ("b", false)]);
        let imports = imports(&["wasi:http/client@0.3.0"]);
        let Err(Error::NotGranted(all)) = check_granted(&description, &imports, &Grants::default()) else {
            panic!("it is granted")
        };
        assert_eq!(all.missing, ["wasi:http/client@0.3.0", "the secret `a`: A key."]);
        assert_eq!(all.grants, ["network=https://*", "secret=a"]);
        let granted: Grants =
            ["network=https://a", "secret=a"].iter().map(|text| text.parse::<Grant>().unwrap()).collect();
        check_granted(&description, &imports, &granted).unwrap();
    }

    #[test]
    fn what_the_host_does_not_have_cannot_be_granted() {
        check_offered("a.wasm", &imports(&["wasi:http/client@0.3.0"])).unwrap();
        for name in ["acme:tools/saw@1.0.0", "wasi:nn/tensor@0.2.0"] {
            let error = check_offered("a.wasm", &imports(&[name])).unwrap_err().to_string();
            assert!(error.contains("a.wasm") && error.contains(name), "{error}");
        }
    }
}
