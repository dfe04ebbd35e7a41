//! Why a request failed, in the words that `wasi:http` has for it.

use std::error::Error as StdError;
use std::io;

use wasmtime_wasi_http::Error;

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the address is not granted")]
    Prohibited,
    #[error("the name has no address")]
    NoAddress,
    #[error("the URI names no place")]
    NoPlace,
    #[error("nobody listens there")]
    Refused,
    #[error("the place cannot be reached")]
    Unreachable,
    #[error("connecting took too long")]
    TimedOut,
    #[error("the certificate is not valid for this place")]
    Certificate,
    #[error("the other side ended the TLS handshake: {1}")]
    Alert(u8, String),
    #[error("the TLS handshake failed")]
    Tls,
    #[error("the connection failed: {0}")]
    Other(String),
}

impl ConnectError {
    /// What became of an attempt to connect and to set up TLS.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        if let Some(error) = find::<rustls::Error>(error) {
            return match error {
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                    Self::Certificate
                }
                rustls::Error::AlertReceived(alert) => Self::Alert(u8::from(*alert), format!("{alert:?}")),
                _ => Self::Tls,
            };
        }
        use io::ErrorKind as Kind;
        match find::<io::Error>(error).map(io::Error::kind) {
            Some(Kind::ConnectionRefused) => Self::Refused,
            Some(Kind::TimedOut) => Self::TimedOut,
            Some(Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown) => Self::Unreachable,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Prohibited => Error::DestinationIpProhibited,
            ConnectError::NoAddress => {
                Error::DnsError { rcode: Some("address not available".to_owned()), info_code: None }
            }
            ConnectError::NoPlace => Error::HttpRequestUriInvalid,
            ConnectError::Refused => Error::ConnectionRefused,
            ConnectError::Unreachable => Error::DestinationUnavailable,
            ConnectError::TimedOut => Error::ConnectionTimeout,
            ConnectError::Certificate => Error::TlsCertificateError,
            ConnectError::Alert(id, message) => {
                Error::TlsAlertReceived { alert_id: Some(id), alert_message: Some(message) }
            }
            ConnectError::Tls => Error::TlsProtocolError,
            ConnectError::Other(message) => Error::InternalError(Some(message)),
        }
    }
}

/// What became of a request.
pub(super) fn of_request(error: &hyper_util::client::legacy::Error) -> Error {
    if let Some(error) = find::<ConnectError>(error) {
        return error.clone().into();
    }
    // The guest's own body was at fault.
    match find::<Error>(error) {
        Some(Error::HttpRequestBodySize(size)) => return Error::HttpRequestBodySize(*size),
        Some(error) => return Error::InternalError(Some(error.to_string())),
        None => {}
    }
    find::<hyper::Error>(error).map_or(Error::HttpProtocolError, of_hyper)
}

/// What became of a connection.
pub(super) fn of_hyper(error: &hyper::Error) -> Error {
    let io = find::<io::Error>(error).map(io::Error::kind);
    if error.is_incomplete_message() || io == Some(io::ErrorKind::UnexpectedEof) {
        Error::HttpResponseIncomplete
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_closed() || error.is_canceled() || io.is_some() {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}

/// The first error of this type in a chain of causes. An `io::Error` that wraps another hides it from the chain.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}
