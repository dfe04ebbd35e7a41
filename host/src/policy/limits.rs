//! The limits of an instance and of its calls.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units::{amount, limit};

/// What an instance, and each call to it, may use at most.
///
/// Every limit has a default, and each is enforced; `None` means "no limit". The limits of a call can be changed for
/// one call at [`Call`](crate::Call).
///
/// In TOML and JSON, times are milliseconds or text such as `"30s"`, sizes are bytes or text such as `"256 MiB"`, and
/// no limit is `"none"`. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of the instance, in bytes, summed over all its memories. Growth beyond it fails in the guest;
    /// if the guest dies of that, the call ends in `resource-exhausted`. Default: 512 MiB.
    #[serde(with = "amount")]
    pub memory_bytes: u64,
    /// Elements of each table. Default: 100,000, which is also the most that a pooled table has room for.
    pub table_elements: u64,
    /// Tables of the instance. Default: 40.
    pub tables: u32,
    /// Linear memories of the instance. Default: 20.
    pub memories: u32,
    /// Core instances that the component may consist of. Default: 100.
    pub instances: u32,
    /// Time in which the guest computes during one call; waiting in the host does not count. Checked at every tick
    /// of the engine (1 ms). Default: 10 minutes.
    #[serde(with = "limit")]
    pub cpu_time: Option<Duration>,
    /// Time on the wall that one call may take from when it begins to run; waiting for its turn does not count.
    /// Default: 1 hour.
    #[serde(with = "limit")]
    pub wall_time: Option<Duration>,
    /// Fuel of one call: a deterministic budget of about one unit for each instruction. It slows the guest, so that it
    /// is counted only for instances that are loaded with a value here. Default: none.
    #[serde(with = "fuel")]
    pub fuel: Option<u64>,
    /// Size of one call's input, in bytes. Default: 64 MiB.
    #[serde(with = "amount")]
    pub input_bytes: u64,
    /// Size of one call's result, or of one item of a stream, in bytes. Also bounds what one host call takes from the
    /// guest. Default: 64 MiB.
    #[serde(with = "amount")]
    pub output_bytes: u64,
    /// Items of one stream. Default: 10,000,000.
    pub stream_items: u64,
    /// Bytes of one stream. Default: 16 GiB.
    #[serde(with = "amount")]
    pub stream_bytes: u64,
    /// Log records of one call, standard output and error included; what comes after them is counted, not kept.
    /// Default: 10,000.
    pub log_records: u32,
    /// Length of one log record's message, in bytes; longer ones are cut. Default: 8 KiB.
    #[serde(with = "amount")]
    pub log_message_bytes: usize,
    /// Length of a progress message, in bytes; longer ones are cut. Default: 1 KiB.
    #[serde(with = "amount")]
    pub progress_message_bytes: usize,
    /// Units in which one call may report usage. Default: 32.
    pub usage_units: usize,
    /// Time that a guest has to end by itself once cancellation is requested. Default: 3 s.
    #[serde(with = "amount")]
    pub grace: Duration,
    /// Calls at the same time of an instance whose mode is `shared` or `fresh`. The mode `exclusive` has one.
    /// Default: 16.
    pub max_concurrency: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            table_elements: 100_000,
            tables: 40,
            memories: 20,
            instances: 100,
            cpu_time: Some(Duration::from_secs(10 * 60)),
            wall_time: Some(Duration::from_secs(60 * 60)),
            fuel: None,
            input_bytes: 64 << 20,
            output_bytes: 64 << 20,
            stream_items: 10_000_000,
            stream_bytes: 16 << 30,
            log_records: 10_000,
            log_message_bytes: 8 << 10,
            progress_message_bytes: 1 << 10,
            usage_units: 32,
            grace: Duration::from_secs(3),
            max_concurrency: 16,
        }
    }
}

/// Fuel is counted in units of its own, for which there is no text.
mod fuel {
    use serde::{Deserializer, Serializer};

    use crate::policy::units::{Count, limit};

    pub(super) fn serialize<S: Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        limit::serialize(&value.map(Count), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(limit::deserialize::<Count, D>(deserializer)?.map(|Count(fuel)| fuel))
    }
}
