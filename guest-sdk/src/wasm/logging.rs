//! Log records to the host.

use super::bindings::imports::wasi::logging::logging::{self, Level};

pub(crate) fn log(level: log::Level, target: &str, message: &str) {
    let level = match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warn,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    };
    logging::log(level, target, message);
}
