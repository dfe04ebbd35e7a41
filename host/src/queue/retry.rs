//! When an attempt that failed is made again.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest wait between two attempts that can be asked for.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How often an attempt that failed is made again, and after which wait: exponential, with jitter.
///
/// Only what is retriable ([`Error::is_retriable`]) is tried again. An error that says when to come back
/// ([`Error::retry_after`]) is never tried earlier than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Retry {
    /// Attempts after the first.
    pub times: u32,
    /// The wait before the second attempt, at most a day. Each later one is twice as long.
    #[serde(rename = "first-ms", with = "millis")]
    pub first: Duration,
    /// What the wait does not grow beyond, at most a day.
    #[serde(rename = "longest-ms", with = "millis")]
    pub longest: Duration,
}

impl Default for Retry {
    /// None at all.
    fn default() -> Self {
        Self::times(0)
    }
}

impl Retry {
    /// So many retries: the first after a second, the later ones after no more than five minutes.
    pub fn times(times: u32) -> Self {
        Self { times, first: Duration::from_secs(1), longest: Duration::from_secs(300) }
    }

    pub(super) fn validate(&self) -> Result<()> {
        if self.first > LONGEST || self.longest > LONGEST {
            return Err(Error::invalid(
                "the wait between two attempts is at most a day; for a later one, submit a job with `not-before`",
            ));
        }
        Ok(())
    }

    /// The wait after attempt `attempt`, from 1, failed with `error`; none where there is to be no other.
    pub(super) fn after(&self, attempt: u32, error: &Error) -> Option<Duration> {
        if !error.is_retriable() || attempt > self.times {
            return None;
        }
        let full =
            self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.longest);
        // Half of it is fixed, so that the other side has its rest; half is left to chance, so that those who failed
        // together do not come back together.
        let wait = full / 2 + (full / 2).mul_f64(chance());
        Some(wait.max(error.retry_after().unwrap_or_default()))
    }
}

/// Anything from 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<Duration>) -> Error {
        Error::Transient { message: "busy".into(), retry_after }
    }

    #[test]
    fn the_wait_doubles_up_to_its_longest_and_half_of_it_is_chance() {
        let second = Duration::from_secs(1);
        let retry = Retry { times: 100, first: second, longest: 8 * second };
        for (attempt, full) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (100, 8)] {
            let waits: Vec<_> = (0..50).map(|_| retry.after(attempt, &busy(None)).unwrap()).collect();
            assert!(waits.iter().all(|wait| (full * second / 2..=full * second).contains(wait)), "{waits:?}");
            assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn the_other_side_says_when_to_come_back_at_the_earliest() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::times(1).after(1, &busy(Some(minute))), Some(minute));
    }

    #[test]
    fn there_is_an_end_and_what_is_of_no_use_is_not_done() {
        let retry = Retry::times(2);
        assert!(retry.after(2, &busy(None)).is_some());
        assert_eq!(retry.after(3, &busy(None)), None);
        assert_eq!(retry.after(1, &Error::fatal("broken")), None);
        assert_eq!(Retry::default().after(1, &busy(None)), None);
    }
}
