//! New jobs and sequences as other processes and files tell them: in JSON or TOML.

mod sequence;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::json_text::JsonText;
use super::new_job::{Interrupted, NewJob, Options};
use super::retry::Retry;
use super::sequence::Step;
use super::time::rfc3339;
use crate::error::{Error, Result};
use crate::policy::amount;
use crate::value::{Blob, Value};

/// The fields. What is left out has its default; what is not among them is an error.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Submission {
    /// Of a step of a sequence alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    instance: String,
    action: String,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    input: Option<JsonText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<Bytes>,
    #[serde(default)]
    priority: i32,
    #[serde(default, with = "moment", skip_serializing_if = "Option::is_none")]
    not_before: Option<SystemTime>,
    #[serde(default, with = "moment", skip_serializing_if = "Option::is_none")]
    deadline: Option<SystemTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Length>,
    #[serde(default)]
    retry: Retries,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interrupted: Option<Interrupted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
    #[serde(default = "yes")]
    keep_result: bool,
}

/// An input that is no JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Bytes {
    media_type: String,
    base64: String,
}

/// Milliseconds, or text such as `30s`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Length(#[serde(with = "amount")] Duration);

/// How often is tried again: a number alone, or with the waits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "`retry` must be how often, or a table of `times`, `first` and `longest`")]
enum Retries {
    Times(u32),
    Whole(Waits),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waits {
    times: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Length>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    longest: Option<Length>,
}

impl Default for Retries {
    fn default() -> Self {
        Retries::Times(0)
    }
}

fn yes() -> bool {
    true
}

/// `null` is an input like any other, and not a missing one.
fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<JsonText>, D::Error> {
    JsonText::deserialize(from).map(Some)
}

impl Submission {
    /// # Errors
    ///
    /// `invalid-input`, where the input calls itself JSON and is none.
    fn of(job: &NewJob, name: Option<&str>) -> Result<Self> {
        let (input, blob) = match &job.input {
            Value::Json(text) => (Some(JsonText::new(text.clone())?), None),
            Value::Blob(Blob { media_type, data }) => {
                (None, Some(Bytes { media_type: media_type.clone(), base64: BASE64.encode(data) }))
            }
        };
        let Retry { times, first, longest } = job.options.retry;
        Ok(Submission {
            name: name.map(str::to_owned),
            instance: job.instance.clone(),
            action: job.action.clone(),
            input,
            blob,
            priority: job.priority,
            not_before: job.not_before,
            deadline: job.deadline,
            timeout: job.options.timeout_ms.map(|timeout| Length(Duration::from_millis(timeout))),
            retry: Retries::Whole(Waits {
                times,
                first: Some(Length(first)),
                longest: Some(Length(longest)),
            }),
            interrupted: job.options.interrupted,
            idempotency_key: job.idempotency_key.clone(),
            labels: job.labels.clone(),
            lane: job.lane.clone(),
            keep_result: !job.options.drop_result,
        })
    }

    /// # Errors
    ///
    /// `invalid-input`, where the input is not one.
    fn job(self) -> Result<NewJob> {
        let input = match (self.input, self.blob) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("a job has either an `input` or a `blob`, and this one both"));
            }
            (Some(text), None) => text.value(),
            (None, Some(Bytes { media_type, base64 })) => {
                let data = BASE64
                    .decode(base64)
                    .map_err(|error| Error::invalid(format!("the blob is no base64: {error}")))?;
                Value::Blob(Blob { media_type, data })
            }
            (None, None) => Value::Json("{}".to_owned()),
        };
        let retry = match self.retry {
            Retries::Times(times) => Retry::times(times),
            Retries::Whole(Waits { times, first, longest }) => {
                let usual = Retry::times(times);
                let or = |length: Option<Length>, usual| length.map_or(usual, |Length(length)| length);
                Retry { times, first: or(first, usual.first), longest: or(longest, usual.longest) }
            }
        };
        let mut job = NewJob::new(self.instance, self.action, input);
        job.priority = self.priority;
        job.not_before = self.not_before;
        job.deadline = self.deadline;
        job.idempotency_key = self.idempotency_key;
        job.labels = self.labels;
        job.lane = self.lane;
        job.options = Options { retry, interrupted: self.interrupted, ..job.options };
        if let Some(Length(limit)) = self.timeout {
            job = job.timeout(limit);
        }
        Ok(job.keep_result(self.keep_result))
    }
}

impl Serialize for NewJob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Submission::of(self, None).map_err(ser::Error::custom)?.serialize(to)
    }
}

impl<'de> Deserialize<'de> for NewJob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let told = Submission::deserialize(from)?;
        if told.name.is_some() {
            return Err(de::Error::custom("a job has no `name`, which only steps of a sequence have"));
        }
        told.job().map_err(de::Error::custom)
    }
}

/// A job, with the `name` of the step beside its fields.
impl Serialize for Step {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Submission::of(&self.job, self.name.as_deref()).map_err(ser::Error::custom)?.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut told = Submission::deserialize(from)?;
        let name = told.name.take();
        told.job().map(|job| Step { name, job }).map_err(de::Error::custom)
    }
}

/// A time that may be missing: RFC 3339 as text, or a time of TOML's own.
mod moment {
    use std::fmt;

    use serde::de::value::MapAccessDeserializer;
    use serde::de::{Error, MapAccess, Visitor};

    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        rfc3339::option::serialize(time, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        from.deserialize_any(Moment).map(Some)
    }

    struct Moment;

    impl<'de> Visitor<'de> for Moment {
        type Value = SystemTime;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time in UTC such as \"2030-01-31T12:00:00Z\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<SystemTime, E> {
            humantime::parse_rfc3339(text)
                .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }

        fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<SystemTime, M::Error> {
            let time = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
            self.visit_str(&time.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;

    /// How two jobs compare: as they are printed.
    fn same(one: &NewJob, other: &NewJob) {
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    fn whole() -> NewJob {
        let second = Duration::from_secs(1);
        NewJob::new("i", "a", Value::Json(r#"{"z":12345678901234567890123,"a":1.10}"#.to_owned()))
            .priority(-3)
            .not_before(UNIX_EPOCH + second)
            .deadline(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123))
            .timeout(Duration::from_millis(1_500))
            .retry(Retry { times: 2, first: second, longest: 7 * second })
            .interrupted(Interrupted::Fail)
            .idempotency_key("k")
            .label("l", "v")
            .lane("gpu")
            .keep_result(false)
    }

    #[test]
    fn a_job_is_the_same_when_it_is_read_again() {
        for job in [
            whole(),
            NewJob::new("i", "a", json!(null)),
            NewJob::new("i", "a", Value::blob("image/png", [0, 159, 255])),
        ] {
            let text = serde_json::to_string(&job).unwrap();
            same(&serde_json::from_str(&text).unwrap(), &job);
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let job = serde_json::from_value(json!({ "instance": "i", "action": "a" })).unwrap();
        same(&job, &NewJob::new("i", "a", json!({})));
    }

    #[test]
    fn people_write_lengths_of_time_with_their_unit_and_times_as_rfc_3339() {
        let job: NewJob = serde_json::from_value(json!({
            "instance": "i", "action": "a", "input": [1], "timeout": "1m 30s", "retry": { "times": 3, "first": "2s" },
            "deadline": "2023-11-14T22:13:20Z",
        }))
        .unwrap();
        let retry = Retry { first: Duration::from_secs(2), ..Retry::times(3) };
        let deadline = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let meant = NewJob::new("i", "a", json!([1])).timeout(Duration::from_secs(90)).retry(retry);
        same(&job, &meant.deadline(deadline));
    }

    #[test]
    fn toml_says_the_same_with_its_own_times() {
        let job: NewJob = toml::from_str(
            "instance = 'i'\naction = 'a'\nretry = 2\ndeadline = 2023-11-14T22:13:20Z\nlabels.l = 'v'\n\
             [input]\nwhen = 2023-11-14\nlist = [{ a = 1.5 }]",
        )
        .unwrap();
        let meant = NewJob::new("i", "a", json!({ "when": "2023-11-14", "list": [{ "a": 1.5 }] }))
            .retry(Retry::times(2))
            .label("l", "v")
            .deadline(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        same(&job, &meant);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_why() {
        for (more, says) in [
            (json!({ "prio": 1 }), "unknown field `prio`"),
            (json!({ "name": "n" }), "only steps of a sequence"),
            (
                json!({ "input": 1, "blob": { "media-type": "a/b", "base64": "" } }),
                "either an `input` or a `blob`",
            ),
            (json!({ "blob": { "media-type": "a/b", "base64": "?" } }), "no base64"),
            (json!({ "timeout": "soon" }), "a number of milliseconds"),
            (json!({ "deadline": "soon" }), "a time in UTC such as"),
            (json!({ "deadline": {} }), ""),
            (json!({ "retry": { "times": 1, "frist": 1 } }), "a table of `times`"),
        ] {
            let mut job = json!({ "instance": "i", "action": "a" });
            job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let error = serde_json::from_value::<NewJob>(job.clone()).unwrap_err().to_string();
            assert!(error.contains(says), "{job}: {error}");
        }
    }
}
