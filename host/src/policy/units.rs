//! Amounts as people write them: numbers, or text with a unit.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// An amount of one kind.
pub(crate) trait Unit: Sized {
    const EXPECTED: &'static str;

    fn from_number(number: u64) -> Option<Self>;
    fn from_text(text: &str) -> Option<Self>;
    fn to_number(&self) -> u64;
}

/// Milliseconds, or text such as `1m 30s`.
impl Unit for Duration {
    const EXPECTED: &'static str = "a number of milliseconds, or text such as \"30s\" or \"10m\"";

    fn from_number(number: u64) -> Option<Self> {
        Some(Duration::from_millis(number))
    }

    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok()
    }

    fn to_number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Bytes, or text such as `256 MiB`.
impl Unit for u64 {
    const EXPECTED: &'static str = "a number of bytes, or text such as \"256 MiB\"";

    fn from_number(number: u64) -> Option<Self> {
        Some(number)
    }

    fn from_text(text: &str) -> Option<Self> {
        parse_bytes(text)
    }

    fn to_number(&self) -> u64 {
        *self
    }
}

impl Unit for usize {
    const EXPECTED: &'static str = u64::EXPECTED;

    fn from_number(number: u64) -> Option<Self> {
        usize::try_from(number).ok()
    }

    fn from_text(text: &str) -> Option<Self> {
        parse_bytes(text).and_then(Self::from_number)
    }

    fn to_number(&self) -> u64 {
        *self as u64
    }
}

/// A plain number.
pub(super) struct Count(pub(super) u64);

impl Unit for Count {
    const EXPECTED: &'static str = "a number";

    fn from_number(number: u64) -> Option<Self> {
        Some(Self(number))
    }

    fn from_text(_text: &str) -> Option<Self> {
        None
    }

    fn to_number(&self) -> u64 {
        self.0
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// `#[serde(with = "amount")]`: an amount.
pub(crate) mod amount {
    use super::*;

    pub(crate) fn serialize<U: Unit, S: Serializer>(value: &U, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.to_number())
    }

    pub(crate) fn deserialize<'de, U: Unit, D: Deserializer<'de>>(deserializer: D) -> Result<U, D::Error> {
        deserializer.deserialize_any(Amount(PhantomData))
    }
}

/// `#[serde(with = "limit")]`: an amount, or "none" for no limit.
pub(super) mod limit {
    use super::*;

    pub(in crate::policy) fn serialize<U: Unit, S: Serializer>(
        value: &Option<U>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_u64(value.to_number()),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::policy) fn deserialize<'de, U: Unit, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<U>, D::Error> {
        deserializer.deserialize_any(OrNone(Amount(PhantomData)))
    }
}

struct Amount<U>(PhantomData<U>);

impl<U: Unit> Visitor<'_> for Amount<U> {
    type Value = U;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(U::EXPECTED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<U, E> {
        U::from_number(number).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<U, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<U, E> {
        U::from_text(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

struct OrNone<U>(Amount<U>);

impl<U: Unit> Visitor<'_> for OrNone<U> {
    type Value = Option<U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or \"none\"", U::EXPECTED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<U>, E> {
        self.0.visit_u64(number).map(Some)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<U>, E> {
        self.0.visit_i64(number).map(Some)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<U>, E> {
        if text == "none" {
            return Ok(None);
        }
        U::from_text(text).map(Some).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<U>, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_their_unit() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("512 B", Some(512)),
            ("256 MiB", Some(256 << 20)),
            ("256mib", Some(256 << 20)),
            (" 1 GiB ", Some(1 << 30)),
            ("64KB", Some(64_000)),
            ("2 TB", Some(2_000_000_000_000)),
            ("16777216 TiB", None),
            ("99999999999999999999", None),
            ("1.5 GiB", None),
            ("-1", None),
            ("MiB", None),
            ("1 M", None),
            ("", None),
        ] {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
    }
}
