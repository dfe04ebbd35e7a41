//! `wasi:logging`, standard output and standard error: what a plugin prints or logs becomes structured records of
//! the job that it runs for.

mod ring;
mod stdio;

use wasmtime::component::{Access, HasData, Linker};
use wasmtime::{AsContextMut, Result};

use super::bindings::logging;
use super::job::{JobCtxView, JobView, calling};
use crate::event::LogLevel;

pub(crate) use ring::LogRing;
pub use ring::LoggedRecord;
pub(crate) use stdio::Stdio;

struct LogCapability;

impl HasData for LogCapability {
    type Data<'a> = JobCtxView<'a>;
}

pub(crate) fn add_to_linker<T: JobView>(linker: &mut Linker<T>) -> Result<()> {
    logging::add_to_linker::<T, LogCapability>(linker, T::job)
}

impl logging::Host for JobCtxView<'_> {}

impl<T: 'static> logging::HostWithStore<T> for LogCapability {
    fn log(mut host: Access<'_, T, Self>, level: logging::Level, context: String, message: String) {
        let view = host.getter();
        if let Some(job) = calling(host.as_context_mut(), view) {
            job.log(level.into(), &context, &message);
        }
    }
}

impl From<logging::Level> for LogLevel {
    fn from(level: logging::Level) -> Self {
        match level {
            logging::Level::Trace => LogLevel::Trace,
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error => LogLevel::Error,
            logging::Level::Critical => LogLevel::Critical,
        }
    }
}
