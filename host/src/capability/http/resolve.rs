//! Names to addresses.

use std::io;
use std::net::IpAddr;

use futures::future::BoxFuture;

/// Who knows the addresses of names.
pub(super) trait Resolve: Send + Sync {
    /// The addresses of a name, at least one.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system.
pub(super) struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            // Blocks on a thread for that, which outlives a wait that was given up.
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}
