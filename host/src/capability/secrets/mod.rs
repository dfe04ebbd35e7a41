//! `cjm:plugin/secrets`: the secrets that a plugin was granted.

mod store;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wasmtime::component::{Access, HasData, Linker};
use wasmtime::{AsContextMut, Result};

use super::bindings::secrets;
use super::job::{JobView, calling};
use super::refusals::Refusals;
use crate::catalog::Capability;
use crate::policy::Grant;
pub(crate) use store::check_scope;
pub use store::{Secret, SecretStore, Secrets, SecretsBackend};

/// The secrets of one plugin. Their values show up nowhere: not in listings, logs or errors.
#[derive(Clone, Default)]
pub(crate) struct SecretsCtx {
    granted: Arc<HashMap<String, Option<Secret>>>,
    /// None where nobody is told.
    refusals: Option<Arc<Refusals>>,
}

impl SecretsCtx {
    /// Of these secrets, those that are granted.
    pub(crate) fn new(granted: &[String], secrets: &Secrets, refusals: Arc<Refusals>) -> Self {
        let granted = granted.iter().map(|name| (name.clone(), secrets.get(name).cloned())).collect();
        Self { granted: Arc::new(granted), refusals: Some(refusals) }
    }

    /// A secret that is granted, and is there.
    fn get(&self, name: &str) -> Option<&Secret> {
        self.granted.get(name)?.as_ref()
    }

    /// Whether to tell somebody that this secret is not granted.
    fn refusal(&self, name: &str) -> Option<&Arc<Refusals>> {
        if self.granted.contains_key(name) { None } else { self.refusals.as_ref() }
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
pub(crate) trait SecretsView: JobView {
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

impl<T: SecretsView> secrets::HostWithStore<T> for SecretsCapability {
    fn get(mut host: Access<'_, T, Self>, name: String) -> Option<String> {
        let ctx = host.get().ctx;
        let Some(refusals) = ctx.refusal(&name).cloned() else {
            return ctx.get(&name).map(|secret| secret.expose().to_owned());
        };
        // A guest may ask for anything: what is no name is not told.
        if let Ok(grant) = Grant::secret(&name) {
            let job = calling(host.as_context_mut(), T::job);
            refusals.tell(job.as_deref(), Capability::Secrets, || (name, grant));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::job::Sinks;

    fn ctx() -> SecretsCtx {
        let sinks = Sinks::new("a".into(), Arc::default());
        let secrets = [("api-key", "hunter2"), ("other", "hunter3")]
            .map(|(name, value)| (name.to_owned(), Secret::new(value)));
        let granted = ["api-key".to_owned(), "not-set".to_owned()];
        SecretsCtx::new(&granted, &secrets.into_iter().collect(), Arc::new(Refusals::new(Arc::new(sinks))))
    }

    #[test]
    fn shows_names_and_never_values() {
        let shown = format!("{:?}", ctx());
        assert!(shown.contains("api-key") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn gives_what_is_granted_and_tells_of_what_is_not() {
        let ctx = ctx();
        assert_eq!(ctx.get("api-key").map(Secret::expose), Some("hunter2"));
        assert!(ctx.get("not-set").is_none() && ctx.refusal("not-set").is_none());
        assert!(ctx.get("other").is_none() && ctx.refusal("other").is_some());
    }
}
