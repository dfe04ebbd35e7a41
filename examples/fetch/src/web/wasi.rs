//! Requests over `wasi:http` 0.3.

use std::time::Duration;

use url::Url;
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

use super::bindings::wasi::http::client;
use super::bindings::wasi::http::types::{
    ErrorCode, Headers, Request, RequestOptions, Response, Scheme, Trailers,
};
use super::bindings::wit_future;
use crate::visit::{Answer, Body, Failure};

/// How much of a body is read at once.
const PART_BYTES: usize = 64 << 10;

/// The end of a body: its trailers, or why it broke off.
type End = FutureReader<Result<Option<Trailers>, ErrorCode>>;

/// The body of an answer. Reading to its end, or dropping it, frees the connection.
#[derive(Debug)]
pub(crate) struct Incoming {
    parts: StreamReader<u8>,
    end: Option<End>,
}

pub(super) async fn get(url: &Url, patience: Duration) -> Result<Answer<Incoming>, Failure> {
    let request = request(url, patience)
        .ok_or_else(|| Failure::Lasting("the host takes no such request".to_owned()))?;
    let response = client::send(request).await.map_err(failure)?;
    let status = response.get_status_code();
    let headers = response.get_headers().copy_all();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).trim().to_owned();
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect();
    let (_, processed) = wit_future::new(|| Ok(()));
    let (parts, end) = Response::consume_body(response, processed);
    Ok(Answer { status, headers, body: Incoming { parts, end: Some(end) } })
}

fn request(url: &Url, patience: Duration) -> Option<Request> {
    let headers = [("accept", "text/html, text/plain;q=0.9"), ("user-agent", "cjm-fetch/0.1")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let headers = Headers::from_list(&headers).ok()?;
    let nanos = u64::try_from(patience.as_nanos()).ok();
    let options = RequestOptions::new();
    // A host that knows no such patience has its own.
    let _ = options.set_connect_timeout(nanos);
    let _ = options.set_first_byte_timeout(nanos);
    let _ = options.set_between_bytes_timeout(nanos);
    let (_, trailers) = wit_future::new(|| Ok(None));
    // What becomes of a request is told by its answer.
    let (request, _sent) = Request::new(headers, None, trailers, Some(options));
    let scheme = if url.scheme() == "http" { Scheme::Http } else { Scheme::Https };
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    request.set_scheme(Some(&scheme)).ok()?;
    request.set_authority(Some(url.authority())).ok()?;
    request.set_path_with_query(Some(&path)).ok()?;
    Some(request)
}

impl Body for Incoming {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let (result, part) = self.parts.read(Vec::with_capacity(PART_BYTES)).await;
            match result {
                StreamResult::Complete(_) if part.is_empty() => {}
                StreamResult::Complete(_) => return Ok(Some(part)),
                StreamResult::Dropped | StreamResult::Cancelled if !part.is_empty() => return Ok(Some(part)),
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        match self.end.take() {
            Some(end) => end.await.map(|_| None).map_err(failure),
            None => Ok(None),
        }
    }
}

/// Why there is no answer, in words for people.
fn failure(error: ErrorCode) -> Failure {
    use ErrorCode as Code;
    let passing = |words: &str| Failure::Passing(words.to_owned());
    let lasting = |words: &str| Failure::Lasting(words.to_owned());
    match error {
        Code::HttpRequestDenied => Failure::NotGranted("the plugin was not granted this place".to_owned()),
        Code::DestinationIpProhibited => {
            Failure::NotGranted("it is at an address that the plugin was not granted".to_owned())
        }
        Code::DnsTimeout | Code::DnsError(_) | Code::DestinationNotFound => passing("its name leads nowhere"),
        Code::ConnectionRefused => passing("nobody listens there"),
        Code::DestinationUnavailable | Code::DestinationIpUnroutable => passing("it cannot be reached"),
        Code::ConnectionTimeout | Code::ConnectionReadTimeout | Code::ConnectionWriteTimeout => {
            passing("it takes too long")
        }
        Code::HttpResponseTimeout => passing("it takes too long"),
        Code::ConnectionTerminated | Code::HttpResponseIncomplete => passing("the connection broke off"),
        Code::ConnectionLimitReached => passing("too many requests are under way"),
        Code::TlsCertificateError => lasting("its certificate is not valid"),
        Code::TlsProtocolError | Code::TlsAlertReceived(_) => lasting("no secure connection can be made"),
        error => Failure::Lasting(format!("{error:?}")),
    }
}
