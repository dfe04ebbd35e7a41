//! Whom `https` believes: the operating system's certificate authorities, or Mozilla's where it names none.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

/// The configuration of this process, made when the first `https` request is sent. Reading the authorities' files
/// takes a while, so that it is done on a thread that may block.
pub(super) async fn config() -> Option<Arc<ClientConfig>> {
    static CONFIG: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();
    let make = || async {
        match tokio::task::spawn_blocking(|| with_roots(native_roots())).await {
            Ok(Ok(config)) => Ok(config),
            Ok(Err(error)) => {
                tracing::error!(%error, "TLS cannot be set up");
                Err(())
            }
            // Broken off: the process ends.
            Err(_) => Err(()),
        }
    };
    CONFIG.get_or_try_init(make).await.ok().cloned()
}

pub(super) fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn native_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::debug!(%error, "a certificate authority of the system cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_always_believed() {
        assert!(!native_roots().is_empty());
        with_roots(native_roots()).unwrap();
    }
}
