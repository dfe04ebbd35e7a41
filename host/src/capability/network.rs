//! What drives connections and sockets: a runtime of their own, so that they outlive whatever runtime a call happens to
//! run in, and do not need it to drive sockets.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Bodies are moved, encrypted and decrypted here.
const THREADS: usize = 2;

/// The runtime of this process for connections, made when it is first needed. None where its threads cannot be
/// started.
pub(crate) fn network() -> Option<&'static Handle> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let make = || {
        let made = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("cjm-network")
            .enable_all()
            .build();
        made.inspect_err(|error| tracing::error!(%error, "the threads for connections cannot be started"))
            .ok()
    };
    RUNTIME.get_or_init(make).as_ref().map(Runtime::handle)
}

/// Work on the network's runtime that ends with whoever waits for it.
pub(crate) struct Work<T>(JoinHandle<T>);

impl<T: Send + 'static> Work<T> {
    pub(crate) fn start(network: &Handle, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(network.spawn(work))
    }
}

impl<T> Future for Work<T> {
    /// None where the work was broken off by the end of the process, or by a panic.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(context).map(Result::ok)
    }
}

impl<T> Drop for Work<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
