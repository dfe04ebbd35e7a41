//! Names to addresses.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

/// Names of one instance that are looked up at the same time, those among them that nobody waits for any more: each
/// takes a thread.
const MAX_LOOKUPS: usize = 8;

/// Who knows the addresses of names.
pub(super) trait Resolve: Send + Sync {
    /// The addresses of a name, at least one.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system.
pub(super) struct System {
    lookups: Arc<Semaphore>,
}

impl System {
    pub(super) fn new() -> Self {
        Self { lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let permit = self.lookups.clone().acquire_owned().await.map_err(io::Error::other)?;
            let name = name.to_owned();
            let looked_up = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                Ok((name.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect())
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_knows_this_machine_and_not_every_name() {
        let system = System::new();
        let addresses = system.resolve("localhost").await.unwrap();
        assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
        assert!(system.resolve("no..name").await.is_err());
    }

    #[tokio::test]
    async fn a_lookup_that_nobody_waits_for_counts_until_it_ends() {
        let system = System::new();
        {
            let mut looking = std::pin::pin!(system.resolve("localhost"));
            let _ = futures::poll!(&mut looking);
        }
        let all = u32::try_from(MAX_LOOKUPS).unwrap();
        let _ = system.lookups.acquire_many(all).await.unwrap();
    }
}
