//! Answering on the socket of a data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cjm_host::{Queue, Result};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::router::{Shared, router};

/// How long answers that are being made may take once there are to be no more.
const ENDING: Duration = Duration::from_secs(5);

/// Bodies of the size of the limit that are read at once.
const BODIES: usize = 4;

/// Lends a queue of this process to others of the same user on this machine.
#[derive(Debug, Clone)]
#[must_use = "nobody listens before `listen`"]
pub struct Server {
    queue: Queue,
    body_limit: usize,
    connections: usize,
}

/// A socket on which is answered. When it is dropped, nobody listens any more, and answers break off.
#[derive(Debug)]
pub struct Serving {
    path: PathBuf,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// Of this queue.
    pub fn new(queue: Queue) -> Self {
        Self { queue, body_limit: 256 << 20, connections: 1024 }
    }

    /// The size that what is submitted at once may have, in bytes, at least 1 KiB; four of this size are in memory at
    /// once at most. Bytes are a third larger on their way, and sequences are submitted in whole. Default: 256 MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes.max(1024);
        self
    }

    /// How many others are connected at once, at least 1; more wait. Whoever waits for a job or follows events stays
    /// connected. Default: 1024.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// What is answered, and how.
    pub(crate) fn router(self) -> Router {
        router(self.shared())
    }

    fn shared(self) -> Arc<Shared> {
        let room = (self.body_limit / 1024 + 1).saturating_mul(BODIES).min(Semaphore::MAX_PERMITS);
        Arc::new(Shared {
            queue: self.queue,
            body_limit: self.body_limit,
            bodies: Semaphore::new(room),
            ending: watch::Sender::new(false),
        })
    }

    /// Listens on the socket `worker.sock` in the queue's data folder, which belongs to this process as long as it has
    /// the queue: one that another left behind is replaced. Only processes of the same user, and root, are answered.
    /// Where the folder's path is too long for a socket, it is elsewhere, and a link in its place.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the folder cannot be used, or the system has no local sockets; what files can fail with.
    pub fn listen(self) -> Result<Serving> {
        #[cfg(unix)]
        {
            let connections = self.connections;
            let shared = self.shared();
            let listener = crate::socket::Listener::open(shared.queue.data_dir())?;
            let path = listener.path().to_owned();
            let task = tokio::spawn(crate::socket::serve(listener, shared.clone(), connections, ENDING));
            Ok(Serving { path, shared, task: Some(task) })
        }
        #[cfg(not(unix))]
        Err(cjm_host::Error::invalid(
            "a queue can be lent to other processes only where there are Unix sockets",
        ))
    }
}

impl Serving {
    /// The socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more requests, ends the streams of events, lets what is being answered end for five seconds at most, and
    /// removes the socket. Close the queue before, so that whoever waits for a job hears of its end.
    ///
    /// # Cancellation
    ///
    /// When the future is dropped, all this happens, and nobody waits for it.
    pub async fn stop(mut self) {
        self.shared.ending.send_replace(true);
        if let Some(task) = self.task.take() {
            // An error says that it panicked, which its thread has told.
            let _ = task.await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
