//! Times as they are stored and as they are told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time from milliseconds since 1970-01-01 UTC.
pub(super) fn from_millis(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Milliseconds since 1970-01-01 UTC.
pub(super) fn to_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A length of time in whole milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// From one time to a later one; nothing where it is past.
pub(super) fn until(from: i64, to: i64) -> Duration {
    Duration::from_millis(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}

/// RFC 3339 in JSON, with milliseconds, in UTC.
pub(super) mod rfc3339 {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de};

    /// The last moment that the format can express. Later ones can be asked for, and come to the same.
    const LAST: u64 = 253_402_300_799_000;

    pub(in crate::queue) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        let last = std::time::UNIX_EPOCH + std::time::Duration::from_millis(LAST);
        to.collect_str(&humantime::format_rfc3339_millis((*time).min(last)))
    }

    pub(in crate::queue) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map_err(de::Error::custom)
    }

    /// The same of a time that may be missing.
    pub(in crate::queue) mod option {
        use super::{Deserializer, Serializer, SystemTime};

        pub(in crate::queue) fn serialize<S: Serializer>(
            time: &Option<SystemTime>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, to),
                None => to.serialize_none(),
            }
        }

        pub(in crate::queue) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<SystemTime>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

/// Whole milliseconds in JSON, of a length of time that may be missing.
pub(super) mod length {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::queue) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(super::millis).serialize(to)
    }

    pub(in crate::queue) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
