//! Times and spans, as people write and read them.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A span in its two largest units: `250µs`, `340ms`, `4.2s`, `3m 12s`, `2h 05m`, `3d 4h`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_micros() > 0 && span.as_millis() == 0 => format!("{}µs", span.as_micros()),
        0 => format!("{}ms", span.as_millis()),
        1..MINUTE => format!("{}.{}s", seconds, span.subsec_millis() / 100),
        MINUTE..HOUR => format!("{}m {:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h {:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d {}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// A span in its largest unit: `now`, `12s`, `3m`, `2h`, `3d`.
fn rough(span: Duration) -> String {
    match span.as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..MINUTE => format!("{seconds}s"),
        seconds @ MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{}h", seconds / HOUR),
        seconds => format!("{}d", seconds / DAY),
    }
}

/// How far a moment lies from another: `3m ago`, `in 2h`, `now`.
pub(crate) fn relative(at: SystemTime, now: SystemTime) -> String {
    let (span, ago) = match now.duration_since(at) {
        Ok(span) => (span, true),
        Err(error) => (error.duration(), false),
    };
    match (rough(span).as_str(), ago) {
        ("now", _) => "now".to_owned(),
        (span, true) => format!("{span} ago"),
        (span, false) => format!("in {span}"),
    }
}

/// The time from one moment to another; none where it went back.
pub(crate) fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// A moment in UTC, to the second: `2030-01-31T12:00:00Z`.
pub(crate) fn exact(at: SystemTime) -> String {
    written(humantime::format_rfc3339_seconds(at))
}

/// The time of day of a moment, in UTC, to the millisecond.
pub(crate) fn of_day(at: SystemTime) -> String {
    let exact = written(humantime::format_rfc3339_millis(at));
    exact.get(11..23).unwrap_or_default().to_owned()
}

/// What is beyond the year 9999 cannot be written, and `to_string` would not stand for that.
fn written(moment: humantime::Rfc3339Timestamp) -> String {
    let mut text = String::new();
    match write!(text, "{moment}") {
        Ok(()) => text,
        Err(_) => "after the year 9999".to_owned(),
    }
}

/// Reads a moment: one in time, or a wait from now on.
pub(crate) fn moment(text: &str) -> Result<SystemTime, String> {
    if let Ok(at) = humantime::parse_rfc3339_weak(text) {
        return Ok(at);
    }
    let wait = humantime::parse_duration(text.trim_start_matches('+')).map_err(|error| {
        format!("neither a time in UTC, 2030-01-31T12:00:00Z, nor a wait from now on, 10m or 1h30m ({error})")
    })?;
    let latest = SystemTime::now().checked_add(wait).filter(|at| *at < latest());
    latest.ok_or_else(|| "the wait leads beyond the year 9999".to_owned())
}

/// The year 10000, which RFC 3339 cannot name.
fn latest() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (millis, text) in [
            (0, "0ms"),
            (340, "340ms"),
            (4_250, "4.2s"),
            (59_999, "59.9s"),
            (192_000, "3m 12s"),
            (7_500_000, "2h 05m"),
            (3 * 86_400_000 + 4 * 3_600_000, "3d 4h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let at = |seconds: i64| match u64::try_from(seconds) {
            Ok(later) => now + Duration::from_secs(later),
            Err(_) => now - Duration::from_secs(seconds.unsigned_abs()),
        };
        for (seconds, text) in [
            (0, "now"),
            (-5, "5s ago"),
            (-200, "3m ago"),
            (7_300, "in 2h"),
            (-400_000, "4d ago"),
            (59, "in 59s"),
        ] {
            assert_eq!(relative(at(seconds), now), text);
        }
    }

    #[test]
    fn a_moment_is_a_time_or_a_wait() {
        let exact = SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000);
        assert_eq!(moment("2030-01-01T00:00:00Z").unwrap(), exact);
        assert_eq!(moment("2030-01-01 00:00:00").unwrap(), exact);
        let before = SystemTime::now();
        for wait in ["10m", "+10m"] {
            let at = moment(wait).unwrap();
            assert!(at >= before + Duration::from_secs(600), "{wait}");
        }
        for wrong in ["", "soon", "2030-13-01T00:00:00Z", "10", "9000000y"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_in_utc() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_893_456_000_123);
        assert_eq!(exact(latest()), "after the year 9999");
        assert_eq!((exact(at).as_str(), of_day(at).as_str()), ("2030-01-01T00:00:00Z", "00:00:00.123"));
    }
}
