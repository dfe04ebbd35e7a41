//! Where HTTP requests may go.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::policy::address::Reach;

/// A place that HTTP requests may go to: scheme, host and port.
///
/// The host is a name (`example.org`), all names below one (`*.example.org`, which is not `example.org` itself), an IP
/// address, or any (`*`). The port is the scheme's own unless another is named; `*` is any. Names are also held
/// against the addresses that they stand for: one that leads into a private network or to this machine is refused,
/// unless the grant is `private`. An IP address, or `localhost`, is granted by being named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkGrant {
    scheme: Scheme,
    host: HostPattern,
    port: PortPattern,
    pub(super) private: bool,
}

/// The schemes of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Not encrypted.
    Http,
    /// Encrypted, to a server that proved who it is.
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// Names that end in this, which begins with a dot.
    Below(String),
    Name(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortPattern {
    Any,
    One(u16),
}

impl Scheme {
    /// The name, as in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port where none is named.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl NetworkGrant {
    /// Whether names may stand for private addresses.
    pub fn is_private(&self) -> bool {
        self.private
    }

    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// Whether requests to this place are granted, as far as its name tells.
    pub(crate) fn covers(&self, place: &Place) -> bool {
        let host = match (&self.host, &place.host) {
            (HostPattern::Any, _) => true,
            (HostPattern::Below(suffix), PlaceHost::Name(name)) => name.ends_with(suffix.as_str()),
            (HostPattern::Name(pattern), PlaceHost::Name(name)) => pattern == name,
            (HostPattern::Address(pattern), PlaceHost::Address(address)) => pattern == address,
            _ => false,
        };
        let port = match self.port {
            PortPattern::Any => true,
            PortPattern::One(port) => port == place.port,
        };
        self.scheme == place.scheme && host && port
    }

    /// Whether a place that this grant covers may have that address.
    pub(crate) fn covers_address(&self, address: IpAddr) -> bool {
        let reach = Reach::of(address);
        match &self.host {
            // The operator wrote down that very address.
            HostPattern::Address(_) => reach != Reach::Nowhere,
            HostPattern::Name(name) if name == LOCALHOST && reach == Reach::Loopback => true,
            _ => match reach {
                Reach::Public => true,
                Reach::Loopback | Reach::Private => self.private,
                // Where clouds keep the credentials of their machines.
                Reach::LinkLocal | Reach::Nowhere => false,
            },
        }
    }
}

const LOCALHOST: &str = "localhost";

/// Where one request wants to go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    scheme: Scheme,
    host: PlaceHost,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum PlaceHost {
    Name(String),
    Address(IpAddr),
}

impl Place {
    /// `host` as in a URL: an IPv6 address has brackets. None where it is no host.
    pub(crate) fn new(scheme: Scheme, host: &str, port: Option<u16>) -> Option<Self> {
        let host = match address(host) {
            Some(address) => PlaceHost::Address(address),
            None => PlaceHost::Name(host_name(host)?),
        };
        Some(Self { scheme, host, port: port.unwrap_or(scheme.default_port()) })
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the place is named by one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.host {
            PlaceHost::Address(address) => Some(address),
            PlaceHost::Name(_) => None,
        }
    }

    /// The grant that would cover this place; `private`, where its address is.
    pub(crate) fn grant(&self, private: bool) -> NetworkGrant {
        let host = match &self.host {
            PlaceHost::Name(name) => HostPattern::Name(name.clone()),
            PlaceHost::Address(address) => HostPattern::Address(*address),
        };
        let named = matches!(&host, HostPattern::Address(_)) || host == HostPattern::Name(LOCALHOST.into());
        let private = private && !named;
        NetworkGrant { scheme: self.scheme, host, port: PortPattern::One(self.port), private }
    }
}

/// As in the grant that covers it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.grant(false).fmt(f)
    }
}

/// An IP address as in a URL. One of IPv4 that is written as one of IPv6 is the one of IPv4.
fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical()),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// A name as in DNS, in one spelling: lower case, without the dot that may end it.
fn host_name(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = host.len() <= 253
        && host.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(plain));
    fits.then_some(host)
}

/// `SCHEME://HOST[:PORT]`, and after it `,private` where names may stand for private addresses.
impl FromStr for NetworkGrant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_suffix(",private") {
            Some(url) => parse_url(url, true),
            None => parse_url(text, false),
        }
    }
}

fn parse_url(text: &str, private: bool) -> Result<NetworkGrant> {
    let invalid = |why: &str| {
        Error::invalid(format!(
            "`{}` is no place that can be granted: {why}; write scheme, host and port, for example \
             `https://*.example.org:8443`",
            text.escape_debug()
        ))
    };
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        _ => return Err(invalid("it does not begin with `http://` or `https://`")),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return Err(invalid("paths and queries are not told apart"));
    }
    if rest.contains('@') {
        return Err(invalid("it names a user"));
    }
    if !rest.is_ascii() {
        return Err(invalid("its host is not ASCII; write such a name in its `xn--` form"));
    }
    let (host, port) = match rest.rsplit_once(':') {
        // The colons of an IPv6 address are inside of brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match port {
        None => PortPattern::One(scheme.default_port()),
        Some("*") => PortPattern::Any,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 && !text.contains('+') => PortPattern::One(port),
            _ => return Err(invalid("its port is none of 1 to 65535, or `*`")),
        },
    };
    let host = match host {
        "*" => HostPattern::Any,
        _ => match (address(host), host.strip_prefix("*.")) {
            (Some(address), _) => HostPattern::Address(address),
            (None, Some(suffix)) => match host_name(suffix) {
                Some(suffix) => HostPattern::Below(format!(".{suffix}")),
                None => return Err(invalid("its host is neither a name nor an address")),
            },
            (None, None) => match host_name(host) {
                Some(name) => HostPattern::Name(name),
                None => return Err(invalid("its host is neither a name nor an address")),
            },
        },
    };
    Ok(NetworkGrant { scheme, host, port, private })
}

impl fmt::Display for NetworkGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Url(self).fmt(f)?;
        if self.private { f.write_str(",private") } else { Ok(()) }
    }
}

struct Url<'a>(&'a NetworkGrant);

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NetworkGrant { scheme, host, port, .. } = self.0;
        write!(f, "{}://", scheme.as_str())?;
        match host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Below(suffix) => write!(f, "*{suffix}")?,
            HostPattern::Name(name) => f.write_str(name)?,
            HostPattern::Address(IpAddr::V4(address)) => address.fmt(f)?,
            HostPattern::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        match port {
            PortPattern::Any => f.write_str(":*"),
            PortPattern::One(port) if *port == scheme.default_port() => Ok(()),
            PortPattern::One(port) => write!(f, ":{port}"),
        }
    }
}

/// A table, for a place that may have a private address.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    #[serde(default)]
    private: bool,
}

impl Serialize for NetworkGrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let url = Url(self).to_string();
        if self.private {
            Table { url, private: true }.serialize(serializer)
        } else {
            serializer.serialize_str(&url)
        }
    }
}

impl<'de> Deserialize<'de> for NetworkGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = NetworkGrant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text such as \"https://example.org\", or a table { url, private }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<NetworkGrant, E> {
                parse_url(text, false).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NetworkGrant, A::Error> {
                let Table { url, private } = Table::deserialize(MapAccessDeserializer::new(map))?;
                parse_url(&url, private).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
