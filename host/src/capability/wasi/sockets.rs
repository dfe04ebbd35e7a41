//! `wasi:sockets`: connections to, and datagrams from and to, the addresses that are granted.

use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::capability::refusals::Refusals;
use crate::catalog::Capability;
use crate::policy::{Grant, SocketGrant, SocketProtocol};

pub(super) struct Sockets {
    grants: Vec<SocketGrant>,
    refusals: Arc<Refusals>,
}

impl Sockets {
    pub(super) fn new(grants: Vec<SocketGrant>, refusals: Arc<Refusals>) -> Self {
        Self { grants, refusals }
    }

    /// Opens what is granted, and nothing else.
    pub(super) fn lend(self: Arc<Self>, builder: &mut WasiCtxBuilder) {
        let granted = |protocol| self.grants.iter().any(|grant| grant.protocol() == protocol);
        let (tcp, udp) = (granted(SocketProtocol::Tcp), granted(SocketProtocol::Udp));
        builder.allow_tcp(tcp).allow_udp(udp).allow_ip_name_lookup(true).socket_addr_check(
            move |address, purpose| {
                let allowed = self.allows(address, purpose);
                Box::pin(async move { allowed })
            },
        );
    }

    fn allows(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        let protocol = match purpose {
            SocketAddrUse::TcpConnect => SocketProtocol::Tcp,
            SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => SocketProtocol::Udp,
            // Any port of this machine's, as the operating system takes it for a socket that connects or sends.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => return address.port() == 0,
            SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => return false,
        };
        let allowed = self.grants.iter().any(|grant| grant.covers(protocol, address));
        // Who sends datagrams here is not the guest's doing.
        if !allowed && !matches!(purpose, SocketAddrUse::UdpReceive) {
            self.refusals.tell(None, Capability::Sockets, || {
                let grant = SocketGrant::of(protocol, address);
                (grant.to_string(), Grant::Socket(grant))
            });
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::job::Sinks;
    use crate::event::EventKind;

    #[test]
    fn what_is_not_granted_is_refused_and_told() {
        let sinks = Arc::new(Sinks::new("a".into(), Arc::default()));
        let mut events = sinks.plugin.subscribe();
        let grants =
            ["tcp://10.0.0.0/8:5432", "udp://10.0.0.1"].map(|text| text.parse::<SocketGrant>().unwrap());
        let sockets = Sockets::new(grants.to_vec(), Arc::new(Refusals::new(sinks)));
        use SocketAddrUse as Use;
        for (address, purpose, allowed) in [
            ("10.1.2.3:5432", Use::TcpConnect, true),
            ("10.1.2.3:5432", Use::UdpSend, false),
            ("10.0.0.1:53", Use::UdpSend, true),
            ("10.0.0.1:53", Use::UdpReceive, true),
            ("10.0.0.2:53", Use::UdpReceive, false),
            ("0.0.0.0:0", Use::TcpBind, true),
            ("0.0.0.0:80", Use::TcpBind, false),
            ("0.0.0.0:0", Use::UdpBind, true),
            ("0.0.0.0:0", Use::TcpListen, false),
            ("10.1.2.3:5432", Use::TcpAccept, false),
        ] {
            assert_eq!(sockets.allows(address.parse().unwrap(), purpose), allowed, "{purpose:?} {address}");
        }
        let Some(EventKind::GrantRefused { grant, .. }) = events.try_next().map(|event| event.kind) else {
            panic!("nothing was told");
        };
        assert_eq!(grant, "socket=udp://10.1.2.3:5432");
        assert!(events.try_next().is_none());
    }
}
