//! Downloads.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use ureq::http::uri::{PathAndQuery, Scheme};
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::{FetchProgress, Fetched, cancelled};
use crate::catalog::inspect::MAX_COMPONENT_BYTES;
use crate::catalog::trust::Signature;
use crate::error::{Error, Result};

const MAX_REDIRECTS: u32 = 10;
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(60 * 60);

/// No signature is as long as this.
const MAX_SIGNATURE: usize = 4 << 10;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// What downloads go through, and whom they believe.
#[derive(Default)]
pub(super) struct Client {
    proxy: Option<Proxy>,
    /// The authorities; none for those that the system trusts.
    roots: Option<RootCerts>,
}

impl Client {
    /// With the proxy of the environment, and the authorities that the system trusts.
    pub(super) fn new() -> Self {
        Self { proxy: Proxy::try_from_env(), roots: None }
    }

    #[cfg(test)]
    pub(super) fn with(proxy: Option<Proxy>, roots: Option<RootCerts>) -> Self {
        Self { proxy, roots }
    }

    pub(super) fn fetch(&self, address: &str, progress: &mut FetchProgress<'_>) -> Result<Fetched> {
        let source = without_user(address);
        let uri: Uri = address.parse().map_err(|error| {
            Error::invalid(format!("`{source}` is no address that can be fetched: {error}"))
        })?;
        let agent = self.agent(&uri);
        let mut response = request(&agent, &uri, &source)?;
        check_status(&source, &response)?;
        let bytes = read(&mut response, &source, MAX_COMPONENT_BYTES, progress)?;
        if is_page(&response, &bytes) {
            return Err(Error::invalid(format!(
                "{source} answers with a web page, not with a component: give the address of the file itself, not \
                 that of a page about it"
            )));
        }
        Ok(Fetched { bytes, signature: signature(&agent, &uri)?, source })
    }

    fn agent(&self, uri: &Uri) -> Agent {
        let roots = self.roots.clone().unwrap_or_else(system_roots);
        Agent::config_builder()
            .https_only(uri.scheme() == Some(&Scheme::HTTPS))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            .proxy(self.proxy.clone())
            .user_agent(concat!("cjm/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .timeout_global(Some(WHOLE))
            .build()
            .new_agent()
    }
}

/// The signature beside what was fetched, if there is one.
fn signature(agent: &Agent, of: &Uri) -> Result<Option<Signature>> {
    let Some(uri) = beside(of) else { return Ok(None) };
    let source = without_user(&uri.to_string());
    let mut response = request(agent, &uri, &source)?;
    // Some stores deny what they do not have.
    if [401, 403, 404, 410].contains(&response.status().as_u16()) {
        return Ok(None);
    }
    check_status(&source, &response)?;
    let bytes = read(&mut response, &source, MAX_SIGNATURE, &mut |_, _| ControlFlow::Continue(()));
    match bytes {
        // Others answer with a page.
        Ok(bytes) if is_page(&response, &bytes) => Ok(None),
        Err(Error::InvalidInput(_)) if is_page(&response, &[]) => Ok(None),
        bytes => Signature::parse_as(&format!("the signature {source}"), &bytes?).map(Some),
    }
}

fn request(agent: &Agent, uri: &Uri, source: &str) -> Result<Response<Body>> {
    agent
        .get(uri)
        .header(ACCEPT, "application/wasm, application/octet-stream;q=0.9, */*;q=0.5")
        .call()
        .map_err(|error| failed(source, error))
}

fn read(
    response: &mut Response<Body>,
    source: &str,
    limit: usize,
    progress: &mut FetchProgress<'_>,
) -> Result<Vec<u8>> {
    let total = header(response, CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if total.is_some_and(|total: u64| total > limit as u64) {
        return Err(too_large(source, limit));
    }
    let mut body = response.body_mut().with_config().limit(limit as u64).reader();
    let mut bytes = Vec::new();
    loop {
        if progress(bytes.len() as u64, total).is_break() {
            return Err(cancelled(source));
        }
        let before = bytes.len();
        match body.by_ref().take(CHUNK as u64).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() == before => return Ok(bytes),
            Ok(_) => {}
            Err(error) => {
                return Err(match ureq::Error::from(error) {
                    ureq::Error::BodyExceedsLimit(_) => too_large(source, limit),
                    error => failed(source, error),
                });
            }
        }
    }
}

fn too_large(source: &str, limit: usize) -> Error {
    Error::invalid(format!("{source} is over {limit} bytes long, more than is fetched"))
}

/// What to make of an answer that is not the file.
fn check_status(source: &str, response: &Response<Body>) -> Result<()> {
    let status = response.status();
    if status.is_success() && status != StatusCode::NO_CONTENT {
        return Ok(());
    }
    let message = format!("{source} was not fetched: the server answers {status}");
    let busy = [408, 425, 429].contains(&status.as_u16()) || status.is_server_error();
    if busy {
        let retry_after = header(response, RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        return Err(Error::Transient { message, retry_after: retry_after.map(Duration::from_secs) });
    }
    Err(Error::invalid(match status.as_u16() {
        401 | 403 => message + "; it may want a name and a password, as in https://name:password@host/",
        404 | 410 => message + "; check the address",
        _ => message,
    }))
}

/// What to make of it that there is no answer.
fn failed(source: &str, error: ureq::Error) -> Error {
    use ureq::Error as Failure;
    let invalid = |why: String| Error::invalid(format!("{source} was not fetched: {why}"));
    let transient = |why: String| Error::Transient {
        message: format!("{source} was not fetched: {why}; try again later"),
        retry_after: None,
    };
    match error {
        Failure::RequireHttpsOnly(to) => invalid(format!(
            "it redirects to {}, away from https, where others can alter it",
            without_user(&to)
        )),
        Failure::TooManyRedirects => invalid(format!("it redirects more than {MAX_REDIRECTS} times")),
        Failure::HostNotFound => transient("its host cannot be found".into()),
        Failure::ConnectionFailed => transient("its host cannot be reached".into()),
        Failure::Timeout(_) => transient("its host does not answer in time".into()),
        Failure::Io(error) if is_of_tls(&error) => invalid(format!("its host cannot be trusted: {error}")),
        Failure::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            transient("it was cut off".into())
        }
        Failure::Io(error) => transient(error.to_string()),
        error @ (Failure::Tls(_) | Failure::Rustls(_)) => {
            invalid(format!("its host cannot be trusted: {error}"))
        }
        error @ Failure::ConnectProxyFailed(_) => transient(error.to_string()),
        other => invalid(other.to_string()),
    }
}

fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// A page for people, with which servers answer instead of a file.
fn is_page(response: &Response<Body>, bytes: &[u8]) -> bool {
    let named = header(response, CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.trim_start().to_ascii_lowercase();
        kind.starts_with("text/html") || kind.starts_with("application/xhtml")
    });
    let start = bytes.trim_ascii_start().get(..14).unwrap_or(bytes.trim_ascii_start()).to_ascii_lowercase();
    (named && !bytes.starts_with(b"\0asm"))
        || start.starts_with(b"<!doctype html")
        || start.starts_with(b"<html")
}

fn header<B>(response: &Response<B>, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// Where the signature of a file lies: `.sig` after its path, before its query. None where no file is named.
fn beside(uri: &Uri) -> Option<Uri> {
    if uri.path().ends_with('/') || uri.path().is_empty() {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}.sig{query}", uri.path())).ok()?);
    Uri::from_parts(parts).ok()
}

/// An address without the name and password in it, fit to be shown and kept.
pub(super) fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// The authorities that the system trusts; where it names none, those that browsers trust.
fn system_roots() -> RootCerts {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return RootCerts::WebPki;
    }
    RootCerts::Specific(Arc::new(found.iter().map(|found| Certificate::from_der(found).to_owned()).collect()))
}
