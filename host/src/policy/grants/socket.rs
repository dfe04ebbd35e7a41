//! Where connections of any kind may go, and datagrams.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Addresses that a plugin may connect to, or send datagrams to and have answers from. It may listen nowhere.
///
/// `tcp://10.0.0.0/8:5432`: protocol, network or single address, and port; without a port, any. An address of IPv6 has
/// brackets: `udp://[fd00::/8]:53`. Names cannot be granted, for they stand for other addresses tomorrow; but a plugin
/// that has any such grant may ask for the addresses of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SocketGrant {
    protocol: SocketProtocol,
    net: IpNet,
    port: Option<u16>,
}

/// The protocols of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketProtocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl SocketGrant {
    /// The protocol.
    pub fn protocol(&self) -> SocketProtocol {
        self.protocol
    }

    /// The grant that would cover this address alone.
    pub(crate) fn of(protocol: SocketProtocol, address: SocketAddr) -> Self {
        Self { protocol, net: address.ip().to_canonical().into(), port: Some(address.port()) }
    }

    pub(crate) fn covers(&self, protocol: SocketProtocol, address: SocketAddr) -> bool {
        self.protocol == protocol
            && self.port.is_none_or(|port| port == address.port())
            && self.net.contains(&address.ip().to_canonical())
    }
}

impl FromStr for SocketGrant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::invalid(format!(
                "`{}` names no addresses for sockets: {why}; write protocol, network and port, for example \
                 `tcp://10.0.0.0/8:5432` or `udp://[fd00::/8]:53`",
                text.escape_debug()
            ))
        };
        let (protocol, rest) = match text.split_once("://") {
            Some(("tcp", rest)) => (SocketProtocol::Tcp, rest),
            Some(("udp", rest)) => (SocketProtocol::Udp, rest),
            _ => return Err(invalid("it does not begin with `tcp://` or `udp://`")),
        };
        let (net, port) = match rest.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((net, "")) => (net, None),
                Some((net, port)) => (net, Some(port.strip_prefix(':').unwrap_or(port))),
                None => return Err(invalid("a bracket is not closed")),
            },
            None => match rest.split_once(':') {
                Some((net, port)) => (net, Some(port)),
                None => (rest, None),
            },
        };
        let net: IpNet = match (net.parse(), net.parse::<IpAddr>()) {
            (Ok(net), _) => net,
            (_, Ok(address)) => address.into(),
            _ => return Err(invalid("there is neither a network (`10.0.0.0/8`) nor an address")),
        };
        if matches!(net, IpNet::V6(_)) != rest.starts_with('[') {
            return Err(invalid("an address of IPv6 has brackets, and one of IPv4 has none"));
        }
        let port = match port {
            None | Some("*") => None,
            Some(port) => match port.parse() {
                Ok(port) if port > 0 && !rest.contains('+') => Some(port),
                _ => return Err(invalid("its port is none of 1 to 65535, or `*`")),
            },
        };
        Ok(Self { protocol, net: net.trunc(), port })
    }
}

impl fmt::Display for SocketGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.protocol)?;
        let whole = self.net.prefix_len() == self.net.max_prefix_len();
        let net = if whole { self.net.addr().to_string() } else { self.net.to_string() };
        match self.net {
            IpNet::V4(_) => f.write_str(&net)?,
            IpNet::V6(_) => write!(f, "[{net}]")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SocketProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocketProtocol::Tcp => "tcp",
            SocketProtocol::Udp => "udp",
        })
    }
}

impl TryFrom<String> for SocketGrant {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<SocketGrant> for String {
    fn from(grant: SocketGrant) -> Self {
        grant.to_string()
    }
}
