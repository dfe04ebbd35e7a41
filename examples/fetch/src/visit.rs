//! Going to a page, and on to where it leads, until there is a text.

use std::time::{Duration, SystemTime};

use cjm_guest::{Error, Job, ResourceKind, Result};
use url::Url;

use crate::{Config, Fetched, Page, decode};

/// Who answers requests: the network, or a test.
pub trait Web {
    /// The body of an answer, which is not read yet.
    type Body: Body;

    /// Asks for a page.
    fn get(&self, url: &Url, config: &Config) -> impl Future<Output = Result<Answer<Self::Body>, Failure>>;
}

/// The body of an answer.
pub trait Body {
    /// Its next part; none at its end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>>;
}

/// An answer, as far as it matters here.
#[derive(Debug)]
pub struct Answer<B> {
    /// The status.
    pub status: u16,
    /// A header, by its name in lower case. Of several, the first.
    pub headers: Vec<(String, String)>,
    /// What comes after the headers.
    pub body: B,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The plugin was not granted this place, or the place is at an address that was not.
    NotGranted(String),
    /// It may go better later.
    Passing(String),
    /// It will not go better.
    Lasting(String),
}

impl<B> Answer<B> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Refuses what is not on the web.
pub(crate) fn check(url: &Url) -> Result<()> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::invalid_field(
            "/url",
            format!("`{url}` is not on the web: write https://… or http://…"),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid_field(
            "/url",
            "the address holds a user's name or password: leave them out",
        ));
    }
    Ok(())
}

/// Fetches the page at `url`, following where it leads on. Each step is a request of its own, which the host checks.
///
/// # Errors
///
/// `invalid-input`, where the address or one that it leads on to cannot be used, or was not granted; `transient`, where
/// it may go better later; `resource-exhausted`, where the page is too large.
pub async fn visit(web: &impl Web, job: &Job, config: &Config, url: Url) -> Result<Fetched> {
    let mut at = url;
    for _ in 0..=config.max_redirects {
        at.set_fragment(None);
        job.progress(None, format!("asking {}", at.host_str().unwrap_or_default()));
        let answer = web.get(&at, config).await.map_err(|failure| failure.at(&at))?;
        match next(&answer, &at)? {
            Some(next) => at = next,
            None => return read(job, config, at, answer).await,
        }
    }
    Err(Error::invalid_field("/url", format!("the page leads on more than {} times", config.max_redirects)))
}

/// Where an answer leads on to.
fn next<B>(answer: &Answer<B>, at: &Url) -> Result<Option<Url>> {
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (answer.status, answer.header("location")) else {
        return Ok(None);
    };
    let next = at.join(location).map_err(|error| {
        Error::invalid_field("/url", format!("{at} leads on to `{location}`, which is no address: {error}"))
    })?;
    check(&next)?;
    Ok(Some(next))
}

async fn read<B: Body>(job: &Job, config: &Config, url: Url, mut answer: Answer<B>) -> Result<Fetched> {
    let status = answer.status;
    if status == 429 || status == 408 || status >= 500 {
        let error = Error::transient(format!("{url} answers {status}"));
        let wait = answer.header("retry-after").and_then(|text| wait(text, SystemTime::now()));
        return Err(wait.map_or(error.clone(), |wait| error.retry_after(wait)));
    }
    if let Some(coding) = answer.header("content-encoding").filter(|coding| *coding != "identity") {
        return Err(Error::fatal(format!("{url} comes as `{coding}`, which was not asked for")));
    }
    let content_type = answer.header("content-type").map(str::to_owned);
    let kind = Kind::of(content_type.as_deref()).ok_or_else(|| {
        let found = content_type.as_deref().unwrap_or_default();
        Error::invalid_field("/url", format!("{url} is `{found}`: neither HTML nor plain text"))
    })?;
    let expected = answer.header("content-length").and_then(|length| length.parse().ok());
    let bytes = bytes(job, config, &url, expected, &mut answer.body).await?;
    job.progress(1.0, "reading the page");
    let text = decode(&bytes, content_type.as_deref());
    let Page { title, text, links } = match kind {
        Kind::Html => Page::read(&text, &url, job)?,
        Kind::Text => Page { title: None, text: text.trim().to_owned(), links: Vec::new() },
    };
    job.usage("bytes", bytes.len() as f64);
    Ok(Fetched { url: url.into(), status, title, text, links })
}

async fn bytes(
    job: &Job,
    config: &Config,
    url: &Url,
    expected: Option<u64>,
    body: &mut impl Body,
) -> Result<Vec<u8>> {
    let too_large = |size: u64| {
        let kind = ResourceKind::Other("page-bytes".to_owned());
        let message = format!("{url} is over {} bytes long; raise `max_bytes` to read it", config.max_bytes);
        Err(Error::exhausted(kind, message).needing(size).available(config.max_bytes))
    };
    match expected {
        Some(size) if size > config.max_bytes => return too_large(size),
        _ => {}
    }
    let mut bytes = Vec::new();
    while let Some(part) = body.next().await.map_err(|failure| failure.at(url))? {
        let size = (bytes.len() + part.len()) as u64;
        if size > config.max_bytes {
            return too_large(size);
        }
        bytes.extend_from_slice(&part);
        let fraction = expected.map(|expected| size as f64 / expected.max(1) as f64);
        job.progress(fraction, format!("{size} bytes"));
    }
    Ok(bytes)
}

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Text,
}

impl Kind {
    fn of(content_type: Option<&str>) -> Option<Self> {
        let Some(content_type) = content_type else { return Some(Kind::Html) };
        match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "text/html" | "application/xhtml+xml" => Some(Kind::Html),
            essence if essence.starts_with("text/") => Some(Kind::Text),
            _ => None,
        }
    }
}

/// How long to wait, as `retry-after` says: in seconds, or until a date.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

impl Failure {
    fn at(self, url: &Url) -> Error {
        match self {
            Failure::NotGranted(what) => {
                Error::invalid_field("/url", format!("{url} cannot be asked: {what}"))
            }
            Failure::Passing(what) => Error::transient(format!("{url} does not answer: {what}")),
            Failure::Lasting(what) => Error::fatal(format!("{url} does not answer: {what}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_seconds_or_until_a_date() {
        let now =
            httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap_or(SystemTime::UNIX_EPOCH);
        assert_eq!(wait(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("soon", now), None);
    }
}
