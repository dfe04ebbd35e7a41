//! Lends a running [`Queue`](cjm_host::Queue) to other processes of the same user on the same machine: HTTP/1.1 with
//! JSON over a local socket in the data folder, and its client.
//!
//! A queue belongs to one process at a time. With a [`Server`], others submit to it, look at it and follow it; `cjm-ctl
//! worker` is such a process, and an application can be one:
//!
//! ```no_run
//! # async fn serve() -> cjm_host::Result<()> {
//! use cjm_host::{Queue, Settings};
//! use cjm_server::Server;
//!
//! let manager = cjm_host::create(Settings::find()?).await?;
//! let queue = Queue::open(manager).await?;
//! let serving = Server::new(queue.clone()).listen()?;
//! println!("reached through {}", serving.path().display());
//! // What the application is there for; then:
//! queue.close(std::time::Duration::from_secs(30)).await;
//! serving.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Whoever wants something of the jobs of a data folder asks a [`Client`], whether some process runs them or not:
//!
//! ```no_run
//! # async fn ask(manager: cjm_host::Manager) -> cjm_host::Result<()> {
//! use cjm_host::{NewJob, Queue};
//! use cjm_server::Client;
//!
//! let client = match Client::connect(manager.settings().data_dir()).await? {
//!     Some(client) => client,
//!     // Nobody does: this process can.
//!     None => Client::within(&Queue::open(manager).await?),
//! };
//! let id = client.submit(NewJob::new("calculator", "add", serde_json::json!({ "a": 1, "b": 2 }))).await?;
//! client.wait(id, None).await?;
//! println!("{:?}", client.result(id).await?);
//! # Ok(())
//! # }
//! ```

mod client;
mod router;
mod server;
#[cfg(unix)]
mod socket;
#[cfg(test)]
mod tests;
mod wire;

pub use client::{Client, Events};
pub use server::{Server, Serving};
pub use wire::Status;

/// The Rust on the page is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/api.md")]
mod page {}
