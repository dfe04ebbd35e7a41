//! `cjm:plugin/secrets`: the secrets that a plugin was granted.

mod store;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{Access, HasData, Linker};

use super::bindings::secrets;
pub(crate) use store::check_scope;
pub use store::{Secret, SecretStore, Secrets, SecretsBackend};

/// The secrets of one plugin. Their values show up nowhere: not in listings, logs or errors.
#[derive(Clone, Default)]
pub(crate) struct SecretsCtx {
    granted: Arc<HashMap<String, String>>,
}

impl SecretsCtx {
    pub(crate) fn new(granted: HashMap<String, String>) -> Self {
        Self { granted: Arc::new(granted) }
    }
}

impl fmt::Debug for SecretsCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.granted.keys()).finish()
    }
}

/// A borrow of the state.
pub(crate) struct SecretsCtxView<'a> {
    pub(crate) ctx: &'a SecretsCtx,
}

/// What the data of a Store implements to lend this capability.
pub(crate) trait SecretsView: Send + 'static {
    fn secrets(&mut self) -> SecretsCtxView<'_>;
}

struct SecretsCapability;

impl HasData for SecretsCapability {
    type Data<'a> = SecretsCtxView<'a>;
}

pub(crate) fn add_to_linker<T: SecretsView>(linker: &mut Linker<T>) -> Result<()> {
    secrets::add_to_linker::<T, SecretsCapability>(linker, T::secrets)
}

impl secrets::Host for SecretsCtxView<'_> {}

impl<T: 'static> secrets::HostWithStore<T> for SecretsCapability {
    fn get(mut host: Access<'_, T, Self>, name: String) -> Option<String> {
        host.get().ctx.granted.get(&name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_names_and_never_values() {
        let ctx = SecretsCtx::new(HashMap::from([("api-key".to_owned(), "hunter2".to_owned())]));
        let shown = format!("{ctx:?}");
        assert!(shown.contains("api-key") && !shown.contains("hunter2"), "{shown}");
    }
}
