//! What a component imports, held against what this host has and against what was granted.

use std::collections::BTreeMap;

use crate::catalog::{Capability, Inspection};
use crate::error::{Error, Result};
use crate::policy::{Grant, Grants};

type Imports = BTreeMap<Capability, Vec<String>>;

/// Whether a component could be loaded with these grants.
pub(crate) fn check_grants(plugin: &str, inspection: &Inspection, grants: &Grants) -> Result<()> {
    check_offered(&inspection.file, &inspection.imports)?;
    check_granted(plugin, &inspection.imports, grants)
}

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

/// Refuses a component that imports what it was not granted, with the grants that would do.
pub(super) fn check_granted(plugin: &str, imports: &Imports, grants: &Grants) -> Result<()> {
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
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::not_granted(plugin, format!("plugin `{plugin}`"), missing, &wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            check_granted("fetch", &imports, &grants)
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
    fn what_the_host_does_not_have_cannot_be_granted() {
        check_offered("a.wasm", &imports(&["wasi:http/client@0.3.0"])).unwrap();
        for name in ["acme:tools/saw@1.0.0", "wasi:nn/tensor@0.2.0"] {
            let error = check_offered("a.wasm", &imports(&[name])).unwrap_err().to_string();
            assert!(error.contains("a.wasm") && error.contains(name), "{error}");
        }
    }
}
