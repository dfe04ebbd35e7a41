//! Standard output and error as log records, line by line.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::capability::job::Current;
use crate::event::LogLevel;

/// A line that is not ended is kept up to this many bytes, and then told as it is.
const LINE_BYTES: usize = 8 << 10;

/// What is kept of standard error, for the message of a panic that a trap may follow.
const TAIL_BYTES: usize = 4 << 10;

/// How much a guest may write at once, as `wasi:io` asks for.
const PERMIT_BYTES: usize = 64 << 10;

/// Both streams of one Store.
#[derive(Clone)]
pub(crate) struct Stdio {
    pub(crate) stdout: StdioPipe,
    pub(crate) stderr: StdioPipe,
}

/// One stream: takes all that it is given at once, and keeps a bounded part of it.
#[derive(Clone)]
pub(crate) struct StdioPipe {
    shared: Arc<Shared>,
}

struct Shared {
    target: &'static str,
    keeps_tail: bool,
    current: Current,
    /// Whether anything was written since the last call began; most calls print nothing.
    used: AtomicBool,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    line: Vec<u8>,
    tail: Vec<u8>,
}

impl Stdio {
    /// Streams that tell what they are given to the job that runs at that moment.
    pub(crate) fn new(current: &Current) -> Self {
        let pipe = |target, keeps_tail| StdioPipe {
            shared: Arc::new(Shared {
                target,
                keeps_tail,
                current: current.clone(),
                used: AtomicBool::new(false),
                buffer: Mutex::default(),
            }),
        };
        Self { stdout: pipe("stdout", false), stderr: pipe("stderr", true) }
    }

    /// The end of what the guest wrote to standard error since [`Stdio::begin_call`].
    pub(crate) fn stderr_tail(&self) -> String {
        String::from_utf8_lossy(&self.stderr.buffer().tail).into_owned()
    }

    pub(crate) fn begin_call(&self) {
        for pipe in [&self.stdout, &self.stderr] {
            if pipe.shared.used.swap(false, Ordering::Relaxed) {
                pipe.buffer().tail.clear();
            }
        }
    }

    /// Tells the lines that were begun and not ended.
    pub(crate) fn end_call(&self) {
        for pipe in [&self.stdout, &self.stderr] {
            if pipe.shared.used.load(Ordering::Relaxed) {
                pipe.flush();
            }
        }
    }
}

impl StdioPipe {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) {
        self.shared.used.store(true, Ordering::Relaxed);
        let mut buffer = self.buffer();
        if self.shared.keeps_tail {
            keep_tail(&mut buffer.tail, bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ended = piece.ends_with(b"\n");
            for part in piece.chunks(LINE_BYTES) {
                if buffer.line.len() + part.len() > LINE_BYTES {
                    self.tell(&mut buffer.line);
                }
                buffer.line.extend_from_slice(part);
            }
            if ended {
                self.tell(&mut buffer.line);
            }
        }
    }

    fn flush(&self) {
        let mut buffer = self.buffer();
        if !buffer.line.is_empty() {
            self.tell(&mut buffer.line);
        }
    }

    fn tell(&self, line: &mut Vec<u8>) {
        let job = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(job) = job {
            job.log(
                LogLevel::Info,
                self.shared.target,
                String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']),
            );
        }
        line.clear();
    }
}

fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or(bytes);
    let excess = (tail.len() + bytes.len()).saturating_sub(TAIL_BYTES);
    tail.drain(..excess.min(tail.len()));
    tail.extend_from_slice(bytes);
}

impl IsTerminal for StdioPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for StdioPipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for StdioPipe {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        StdioPipe::write(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for StdioPipe {
    async fn ready(&mut self) {}
}

impl AsyncWrite for StdioPipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        StdioPipe::write(&self, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capability::job::{Job, JobLimits, Sinks};
    use crate::event::EventKind;
    use crate::policy::Limits;

    #[test]
    fn lines_become_records_and_floods_stay_bounded() {
        let sinks = Sinks::new("test".into(), Arc::default());
        let job = Arc::new(Job::new(Arc::new(sinks), JobLimits::from(&Limits::default())));
        let mut events = job.subscribe();
        let current: Current = Arc::new(Mutex::new(Some(job)));
        let stdio = Stdio::new(&current);
        stdio.stdout.write(b"one\r\ntw");
        stdio.stdout.write(b"o\n");
        stdio.stderr.write(b"unended");
        stdio.end_call();
        let records: Vec<_> = std::iter::from_fn(|| events.try_next())
            .map(|event| match event.kind {
                EventKind::Log(record) => (record.target, record.message),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [("stdout", "one"), ("stdout", "two"), ("stderr", "unended")];
        assert_eq!(records, expected.map(|(target, message)| (target.to_owned(), message.to_owned())));

        stdio.stderr.write(&vec![b'x'; 10 << 20]);
        assert!(stdio.stderr.buffer().line.len() <= LINE_BYTES);
        assert_eq!(stdio.stderr_tail().len(), TAIL_BYTES);
    }
}
