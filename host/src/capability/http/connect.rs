//! Connections to granted places, at addresses that were looked at.

use std::convert::Infallible;
use std::future::Ready;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::Uri;
use futures::future::BoxFuture;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;

use super::failure::ConnectError;
use super::resolve::Resolve;
use super::{place, tls};
use crate::capability::job::Job;
use crate::capability::refusals::Refusals;
use crate::catalog::Capability;
use crate::policy::{Grant, NetworkGrant, Place, Scheme};

/// What one request has to say about the connection that is made for it, and wants to know.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) job: Option<Arc<Job>>,
    /// How long name, connection and TLS may take together.
    pub(super) patience: Duration,
    pub(super) phase: watch::Sender<Phase>,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is on its way, or will be at once over a connection that was kept.
    Sending,
    /// A connection is made for it.
    Connecting,
}

tokio::task_local! {
    /// The wish of the request that is being sent. The pool has no other way to pass it on.
    pub(super) static WISH: Wish;
}

/// Makes the connections of one plugin.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) grants: Arc<[NetworkGrant]>,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) refusals: Arc<Refusals>,
    /// None: that of this process.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    async fn connect(self, uri: Uri, wish: Wish) -> Result<Stream, ConnectError> {
        let connecting = async {
            let place = place::of(&uri).ok_or(ConnectError::NoPlace)?;
            let addresses = self.addresses(&uri, &place, &wish).await?;
            self.connect_to(addresses, uri, &place).await
        };
        let connected = tokio::time::timeout(wish.patience, connecting).await;
        wish.phase.send_replace(Phase::Sending);
        connected.unwrap_or(Err(ConnectError::TimedOut))
    }

    /// The addresses of a place, as far as they are granted.
    async fn addresses(&self, uri: &Uri, place: &Place, wish: &Wish) -> Result<Vec<IpAddr>, ConnectError> {
        let all = match place.address() {
            Some(address) => vec![address],
            None => {
                let name = uri.host().unwrap_or_default();
                self.resolver.resolve(name).await.map_err(|error| {
                    tracing::debug!(%error, name, "a name cannot be resolved");
                    ConnectError::NoAddress
                })?
            }
        };
        let covering: Vec<_> = self.grants.iter().filter(|grant| grant.covers(place)).collect();
        let granted = |address: &IpAddr| covering.iter().any(|grant| grant.covers_address(*address));
        let Some(first) = all.first() else { return Err(ConnectError::NoAddress) };
        let addresses: Vec<_> = all.iter().copied().filter(granted).collect();
        if addresses.is_empty() {
            self.refusals.tell(wish.job.as_deref(), Capability::Network, || {
                (format!("{place}, which is at {first}"), Grant::Network(place.grant(true)))
            });
            return Err(ConnectError::Prohibited);
        }
        Ok(addresses)
    }

    async fn connect_to(
        &self,
        addresses: Vec<IpAddr>,
        uri: Uri,
        place: &Place,
    ) -> Result<Stream, ConnectError> {
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, place.port())).collect();
        let mut tcp = HttpConnector::new_with_resolver(Checked(addresses));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        match place.scheme() {
            Scheme::Http => {
                let stream = tcp.call(uri).await.map_err(|error| ConnectError::of(&error))?;
                Ok(MaybeHttpsStream::Http(stream))
            }
            Scheme::Https => {
                let config = match &self.tls {
                    Some(config) => config.clone(),
                    None => tls::config().await.ok_or(ConnectError::Tls)?,
                };
                let mut https = HttpsConnector::from((tcp, config));
                https.call(uri).await.map_err(|error| ConnectError::of(&*error))
            }
        }
    }
}

/// Encrypted, or not.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Stream, ConnectError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // The pool calls this while it is asked for the response.
        let Ok(wish) = WISH.try_with(Wish::clone) else {
            return Box::pin(std::future::ready(Err(ConnectError::NoPlace)));
        };
        wish.phase.send_replace(Phase::Connecting);
        Box::pin(self.clone().connect(uri, wish))
    }
}

/// Gives the addresses that were looked at, whatever it is asked for.
#[derive(Clone)]
struct Checked(Vec<SocketAddr>);

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _name: Name) -> Self::Future {
        std::future::ready(Ok(std::mem::take(&mut self.0).into_iter()))
    }
}
