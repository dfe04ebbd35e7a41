//! Filters as the parameters of a query, `state=pending&label.customer=acme`, in which they reach other processes.

use std::time::SystemTime;

use super::id::{JobId, SequenceId};
use super::job::JobFilter;
use super::profile::ProfileFilter;
use super::sequence::SequenceFilter;
use super::subscribe::EventFilter;
use super::time::{from_millis, to_millis};
use crate::catalog::Digest;
use crate::error::{Error, Result};
use crate::store::{EventQuery, JobQuery, ProfileQuery, SequenceQuery};

/// What the name of a parameter begins with that names a label.
const LABEL: &str = "label.";

impl JobFilter {
    /// The parameters that say the same: names and values, not escaped.
    pub fn parameters(&self) -> Vec<(String, String)> {
        // Taken apart in whole, so that nothing is forgotten.
        let Self {
            query: JobQuery { states, instance, lane, labels, sequence_id, id_part, before, ended_before },
        } = self;
        let mut parameters = Parameters::default();
        parameters.all("state", states);
        parameters.all("instance", instance);
        parameters.all("lane", lane);
        parameters.labels(labels);
        parameters.all("sequence", sequence_id.map(SequenceId::of));
        parameters.all("id-part", id_part);
        parameters.all("before", before);
        parameters.all("ended-before", ended_before.map(time));
        parameters.0
    }

    /// Takes one of the parameters that [`parameters`](Self::parameters) gives; those that it did not give, it adds to
    /// the filter as the other methods do.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such parameter, or its value says nothing.
    pub fn parameter(self, name: &str, value: &str) -> Result<Self> {
        if let Some(label) = name.strip_prefix(LABEL) {
            return Ok(self.label(label, value));
        }
        Ok(match name {
            "state" => self.states([value.parse()?]),
            "instance" => self.instance(value),
            "lane" => self.lane(value),
            "sequence" => self.sequence(value.parse()?),
            "id-part" => self.id_part(value),
            "before" => self.before(value.parse().map_err(|_| unfit(name, value, "the number of a job"))?),
            "ended-before" => self.ended_before(moment(name, value)?),
            _ => {
                return Err(unknown(
                    name,
                    "state, instance, lane, label.NAME, sequence, id-part, before, ended-before",
                ));
            }
        })
    }
}

impl SequenceFilter {
    /// The parameters that say the same: names and values, not escaped.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let Self { query: SequenceQuery { states, labels, id_part, before, ended_before } } = self;
        let mut parameters = Parameters::default();
        parameters.all("state", states);
        parameters.labels(labels);
        parameters.all("id-part", id_part);
        parameters.all("before", before);
        parameters.all("ended-before", ended_before.map(time));
        parameters.0
    }

    /// Takes one of the parameters that [`parameters`](Self::parameters) gives.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such parameter, or its value says nothing.
    pub fn parameter(self, name: &str, value: &str) -> Result<Self> {
        if let Some(label) = name.strip_prefix(LABEL) {
            return Ok(self.label(label, value));
        }
        Ok(match name {
            "state" => self.states([value.parse()?]),
            "id-part" => self.id_part(value),
            "before" => {
                self.before(value.parse().map_err(|_| unfit(name, value, "the number of a sequence"))?)
            }
            "ended-before" => self.ended_before(moment(name, value)?),
            _ => return Err(unknown(name, "state, label.NAME, id-part, before, ended-before")),
        })
    }
}

impl EventFilter {
    /// The parameters that say the same: names and values, not escaped.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let Self { query: EventQuery { job, sequence_id, instance }, until } = self;
        let mut parameters = Parameters::default();
        parameters.all("job", job.map(JobId::of));
        parameters.all("sequence", sequence_id.map(SequenceId::of));
        parameters.all("instance", instance);
        parameters.all("until", until);
        parameters.0
    }

    /// Takes one of the parameters that [`parameters`](Self::parameters) gives.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such parameter, or its value says nothing.
    pub fn parameter(self, name: &str, value: &str) -> Result<Self> {
        Ok(match name {
            "job" => self.job(value.parse()?),
            "sequence" => self.sequence(value.parse()?),
            "instance" => self.instance(value),
            "until" => self.until(value.parse().map_err(|_| unfit(name, value, "the number of an event"))?),
            _ => return Err(unknown(name, "job, sequence, instance, until")),
        })
    }
}

impl ProfileFilter {
    /// The parameters that say the same: names and values, not escaped.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let Self { query: ProfileQuery { instance, configuration } } = self;
        let mut parameters = Parameters::default();
        parameters.all("instance", instance);
        parameters.all("configuration", configuration.map(Digest::from_bytes));
        parameters.0
    }

    /// Takes one of the parameters that [`parameters`](Self::parameters) gives.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such parameter, or its value says nothing.
    pub fn parameter(self, name: &str, value: &str) -> Result<Self> {
        Ok(match name {
            "instance" => self.instance(value),
            "configuration" => {
                let digest =
                    value.parse().map_err(|_| unfit(name, value, "the digest of a configuration"))?;
                self.configuration(&digest)
            }
            _ => return Err(unknown(name, "instance, configuration")),
        })
    }
}

#[derive(Default)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn all(&mut self, name: &str, values: impl IntoIterator<Item = impl ToString>) {
        self.0.extend(values.into_iter().map(|value| (name.to_owned(), value.to_string())));
    }

    fn labels(&mut self, labels: &[(String, String)]) {
        self.0.extend(labels.iter().map(|(name, value)| (format!("{LABEL}{name}"), value.clone())));
    }
}

/// Milliseconds since 1970-01-01 UTC, as RFC 3339.
fn time(millis: i64) -> String {
    humantime::format_rfc3339_millis(from_millis(millis)).to_string()
}

/// The opposite, as exact as it is stored.
fn moment(name: &str, value: &str) -> Result<SystemTime> {
    humantime::parse_rfc3339(value)
        .map(|time| from_millis(to_millis(time)))
        .map_err(|_| unfit(name, value, "a time such as 2030-01-31T12:00:00Z"))
}

fn unfit(name: &str, value: &str, wanted: &str) -> Error {
    Error::invalid(format!("the parameter `{name}` is `{value}`, but it must be {wanted}"))
}

fn unknown(name: &str, known: &str) -> Error {
    Error::invalid(format!("there is no parameter `{name}`; name one of: {known}"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::store::{JobState, SequenceState};

    #[test]
    fn a_filter_is_the_same_when_it_is_made_of_its_parameters() {
        let filter = JobFilter::default()
            .states([JobState::Pending, JobState::Failed])
            .instance("i&i")
            .lane("gpu")
            .label("a=b", "c=d")
            .label("", "")
            .sequence(SequenceId::of([7; 16]))
            .id_part("0A1b")
            .before(17)
            .ended_before(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        let parameters = filter.parameters();
        let again = parameters
            .iter()
            .try_fold(JobFilter::default(), |filter, (name, value)| filter.parameter(name, value))
            .unwrap();
        assert_eq!(format!("{again:?}"), format!("{filter:?}"));
        assert_eq!(parameters.len(), 10);

        let filter =
            EventFilter::default().job(JobId::new()).sequence(SequenceId::of([7; 16])).instance("i").until(9);
        let parameters = filter.parameters();
        let again = parameters
            .iter()
            .try_fold(EventFilter::default(), |filter, (name, value)| filter.parameter(name, value))
            .unwrap();
        assert_eq!(format!("{again:?}"), format!("{filter:?}"));
    }

    #[test]
    fn sequences_are_meant_by_what_jobs_are() {
        let filter = SequenceFilter::default()
            .states([SequenceState::Running])
            .label("a=b", "c")
            .id_part("7f")
            .before(3)
            .ended_before(UNIX_EPOCH + Duration::from_secs(1));
        let parameters = filter.parameters();
        let again = parameters
            .iter()
            .try_fold(SequenceFilter::default(), |filter, (name, value)| filter.parameter(name, value))
            .unwrap();
        assert_eq!(format!("{again:?}"), format!("{filter:?}"));
        assert_eq!(parameters.len(), 5);
        assert!(SequenceFilter::default().parameter("lane", "gpu").is_err());
    }

    #[test]
    fn profiles_are_meant_by_instance_and_configuration() {
        let filter = ProfileFilter::default().instance("i").configuration(&Digest::of(b"c"));
        let parameters = filter.parameters();
        let again = parameters
            .iter()
            .try_fold(ProfileFilter::default(), |filter, (name, value)| filter.parameter(name, value))
            .unwrap();
        assert_eq!(format!("{again:?}"), format!("{filter:?}"));
        assert_eq!(parameters.len(), 2);
        assert!(ProfileFilter::default().parameter("configuration", "x").is_err());
    }

    #[test]
    fn what_says_nothing_is_refused_with_what_there_is() {
        for (name, value, says) in [
            ("status", "pending", "name one of: state, instance"),
            ("state", "done", "done"),
            ("before", "-1", "the number of a job"),
            ("ended-before", "yesterday", "a time such as"),
        ] {
            let error = JobFilter::default().parameter(name, value).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(EventFilter::default().parameter("job", "1").is_err());
        assert!(EventFilter::default().parameter("state", "failed").is_err());
    }
}
