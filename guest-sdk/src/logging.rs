//! The `log` facade, wired to the host.

use log::{LevelFilter, Log, Metadata, Record};

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::double as backend;
#[cfg(target_arch = "wasm32")]
use crate::wasm::logging as backend;

struct HostLogger;

impl Log for HostLogger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        // The host filters; `log::set_max_level` saves it the call.
        true
    }

    fn log(&self, record: &Record<'_>) {
        match record.args().as_str() {
            Some(message) => backend::log(record.level(), record.target(), message),
            None => backend::log(record.level(), record.target(), &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}

/// Sends records to the host from now on, those of level `Debug` and above until the author says otherwise with
/// [`log::set_max_level`]. Leaves a logger that is there already in its place.
pub(crate) fn install() {
    if log::set_logger(&HostLogger).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}
