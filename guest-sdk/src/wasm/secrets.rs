//! Secrets from the host.

pub(crate) fn secret(name: &str) -> Option<String> {
    super::bindings::imports::cjm::plugin::secrets::get(name)
}
