//! What both ends of the wire agree on.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use cjm_host::{Blob, Category, Error, Holder, QueueStats, Result, Value};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

/// The media type of a value that is bytes, percent-encoded. A value without it is JSON. `content-type` alone would not
/// do: it cannot hold everything that a plugin may call a media type, and bytes may be of the type of JSON.
pub(crate) const MEDIA_TYPE: HeaderName = HeaderName::from_static("cjm-media-type");

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Who runs the jobs of a data folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Status {
    /// The release of the process.
    pub version: String,
    /// The process, and since when it holds the queue.
    #[serde(flatten)]
    pub holder: Holder,
    /// The data folder.
    pub data_dir: PathBuf,
    /// How many jobs and events there are.
    #[serde(flatten)]
    pub stats: QueueStats,
}

/// The answer to a submission.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Submitted<T> {
    pub(crate) id: T,
}

/// The answer to what changes a job: whether it did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) done: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Priority {
    pub(crate) priority: i32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Purged {
    pub(crate) purged: u64,
}

/// The status of an answer that is an error. The body has the rest.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error.category() {
        Category::InvalidInput => StatusCode::BAD_REQUEST,
        Category::NotGranted => StatusCode::FORBIDDEN,
        Category::NotLoaded => StatusCode::NOT_FOUND,
        Category::Disabled | Category::Cancelled => StatusCode::CONFLICT,
        Category::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Category::Transient => StatusCode::SERVICE_UNAVAILABLE,
        Category::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        // The taxonomy may grow.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A value as a body and what it has to be told of it.
pub(crate) fn pack(value: Value) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    match value {
        Value::Json(text) => {
            headers.insert(CONTENT_TYPE, JSON);
            (headers, text.into())
        }
        Value::Blob(Blob { media_type, data }) => {
            let plain = HeaderValue::from_str(&media_type).ok().filter(|_| media_type.contains('/'));
            let unnamed = HeaderValue::from_static("application/octet-stream");
            headers.insert(CONTENT_TYPE, plain.unwrap_or(unnamed));
            if let Ok(escaped) = HeaderValue::from_str(&escape(&media_type)) {
                headers.insert(MEDIA_TYPE, escaped);
            }
            (headers, data.into())
        }
    }
}

/// The opposite.
///
/// # Errors
///
/// `fatal`, where the other side packed it otherwise.
pub(crate) fn unpack(headers: &HeaderMap, body: Bytes) -> Result<Value> {
    match headers.get(MEDIA_TYPE) {
        None => String::from_utf8(body.into())
            .map(Value::Json)
            .map_err(|error| Error::fatal(format!("the worker sent JSON that is no text: {error}"))),
        Some(escaped) => {
            let media_type = escaped.to_str().ok().and_then(unescape);
            let media_type = media_type
                .ok_or_else(|| Error::fatal("the worker sent bytes of a media type that cannot be read"))?;
            Ok(Value::Blob(Blob { media_type, data: body.into() }))
        }
    }
}

/// Percent-encodes all but what is plain everywhere (RFC 3986, unreserved).
pub(crate) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// How long is to be waited, as a parameter.
pub(crate) fn timeout(timeout: Option<Duration>) -> Vec<(String, String)> {
    let millis = |timeout: Duration| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    timeout.map(|timeout| ("timeout-ms".to_owned(), millis(timeout).to_string())).into_iter().collect()
}

/// Where a request goes.
pub(crate) fn target(path: &str, parameters: &[(String, String)]) -> String {
    let mut target = path.to_owned();
    for (index, (name, value)) in parameters.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.push_str(&format!("{}={}", escape(name), escape(value)));
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_when_it_is_unpacked() {
        for value in [
            Value::Json(r#"{"z":12345678901234567890123,"a":1.10}"#.to_owned()),
            Value::blob("image/png", [0, 159, 255]),
            Value::blob("application/json", "{}"),
            Value::blob("text/plain; charset=\"ü\"\r\nx: y", ""),
            Value::blob("", [1]),
        ] {
            let (headers, body) = pack(value.clone());
            assert_eq!(unpack(&headers, body).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_value_is_told() {
        let (mut headers, body) = pack(Value::blob("a/b", ""));
        for odd in ["%", "%4", "%zz", "%FF"] {
            headers.insert(MEDIA_TYPE, HeaderValue::from_static(odd));
            assert!(unpack(&headers, body.clone()).is_err(), "{odd}");
        }
        assert!(unpack(&HeaderMap::new(), Bytes::from_static(&[0xff])).is_err());
    }

    #[test]
    fn what_is_odd_in_a_parameter_is_escaped() {
        let parameters = [("label.a&b".to_owned(), "c=d é".to_owned()), ("e".to_owned(), String::new())];
        assert_eq!(target("/v1/jobs", &parameters), "/v1/jobs?label.a%26b=c%3Dd%20%C3%A9&e=");
        assert_eq!(target("/v1/jobs", &[]), "/v1/jobs");
    }
}
