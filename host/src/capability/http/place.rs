//! Which place a URI names.

use ::http::Uri;
use ::http::uri::Scheme as UriScheme;

use crate::policy::{Place, Scheme};

/// The place that a request goes to; none where the URI names none.
pub(super) fn of(uri: &Uri) -> Option<Place> {
    let scheme = match uri.scheme() {
        Some(scheme) if *scheme == UriScheme::HTTP => Scheme::Http,
        Some(scheme) if *scheme == UriScheme::HTTPS => Scheme::Https,
        _ => return None,
    };
    let authority = uri.authority()?;
    // Who is asked would not be who is named first.
    if authority.as_str().contains('@') {
        return None;
    }
    // A port that is there and is none is no port that was left out.
    let port = authority.port_u16();
    if port.is_none() && authority.as_str().len() != authority.host().len() {
        return None;
    }
    Place::new(scheme, authority.host(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_one_place_or_none() {
        let place = |uri: &str| of(&uri.parse().unwrap()).map(|place| place.to_string());
        assert_eq!(place("https://Example.org/a?b").as_deref(), Some("https://example.org"));
        assert_eq!(place("http://[::ffff:127.0.0.1]:8080/").as_deref(), Some("http://127.0.0.1:8080"));
        for uri in ["ftp://a/", "/a", "a:80", "https://good.org@evil.org/", "https://a:/", "https://a_b..c/"]
        {
            assert_eq!(place(uri), None, "{uri}");
        }
    }
}
