//! What an instance is lent beyond computing, as it was granted.

use std::sync::Arc;

use crate::capability::http::HttpClient;
use crate::capability::job::Sinks;
use crate::capability::refusals::Refusals;
use crate::capability::secrets::{Secrets, SecretsCtx};
use crate::capability::wasi::WasiLoan;
use crate::error::Result;
use crate::policy::Grants;

/// What every Store of one instance is lent. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lent {
    pub(super) secrets: SecretsCtx,
    pub(super) wasi: WasiLoan,
    /// None where no place is granted.
    pub(super) http: Option<Arc<HttpClient>>,
}

impl Lent {
    /// What these grants lend. Of the secrets, those that are granted.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where a folder that is granted cannot be lent.
    pub(crate) fn new(grants: &Grants, secrets: &Secrets, sinks: &Arc<Sinks>) -> Result<Self> {
        let refusals = Arc::new(Refusals::new(sinks.clone()));
        let http = (!grants.network.is_empty())
            .then(|| Arc::new(HttpClient::new(grants.network.clone(), refusals.clone())));
        let wasi = WasiLoan::new(grants, &refusals)?;
        Ok(Self { secrets: SecretsCtx::new(&grants.secrets, secrets, refusals), wasi, http })
    }

    /// Nothing, for a plugin that is asked what it is.
    pub(crate) fn nothing() -> Self {
        Self { secrets: SecretsCtx::default(), wasi: WasiLoan::default(), http: None }
    }
}
