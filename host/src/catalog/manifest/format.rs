//! How a manifest's version and its date are written.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the format that is read and written.
pub const FORMAT: &str = "2.0";

/// Stands in a manifest for its format, of which there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(FORMAT)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)? {
            format if format == FORMAT => Ok(Self),
            format => Err(D::Error::custom(other_format(&format))),
        }
    }
}

/// What is said of a manifest in another format.
pub(super) fn other_format(format: &str) -> String {
    let format = crate::catalog::name::shown(format);
    format!("this manifest has format {format}; this host reads {FORMAT}: update the host or regenerate it")
}

/// Dates in UTC, to the second: `2026-02-14T00:28:07Z`.
pub(super) mod rfc3339 {
    use std::time::{Duration, SystemTime};

    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// The year 10,000, at which dates would get longer.
    const END: Duration = Duration::from_secs(253_402_300_800);

    pub(in super::super) fn to_the_second(time: SystemTime) -> SystemTime {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
    }

    /// What is wrong with a date, if anything.
    pub(in super::super) fn parse(text: &str) -> Result<SystemTime, String> {
        humantime::parse_rfc3339(text)
            .map(to_the_second)
            .map_err(|error| format!("is no date in UTC, such as 2026-02-14T00:28:07Z: {error}"))
    }

    pub(in super::super) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) if since < END => {
                serializer.collect_str(&humantime::format_rfc3339_seconds(to_the_second(*time)))
            }
            _ => Err(S::Error::custom("its date is not between the years 1970 and 9999")),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
