//! Filters as the parameters of a query, `state=pending&label.customer=acme`, in which they reach other processes.

use super::id::{JobId, SequenceId};
use super::job::JobFilter;
use super::subscribe::EventFilter;
use super::time::{from_millis, to_millis};
use crate::error::{Error, Result};

/// What the name of a parameter begins with that names a label.
const LABEL: &str = "label.";

impl JobFilter {
    /// The parameters that say the same: names and values, not escaped.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let query = &self.query;
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: String| parameters.push((name.to_owned(), value));
        for state in &query.states {
            add("state", state.to_string());
        }
        if let Some(instance) = &query.instance {
            add("instance", instance.clone());
        }
        if let Some(lane) = &query.lane {
            add("lane", lane.clone());
        }
        for (name, value) in &query.labels {
            add(&format!("{LABEL}{name}"), value.clone());
        }
        if let Some(digits) = &query.id_part {
            add("id-part", digits.clone());
        }
        if let Some(number) = query.before {
            add("before", number.to_string());
        }
        if let Some(time) = query.ended_before {
            add("ended-before", humantime::format_rfc3339_millis(from_millis(time)).to_string());
        }
        parameters
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
            "id-part" => self.id_part(value),
            "before" => self.before(value.parse().map_err(|_| unfit(name, value, "the number of a job"))?),
            "ended-before" => {
                let time = humantime::parse_rfc3339(value)
                    .map_err(|_| unfit(name, value, "a time such as 2030-01-31T12:00:00Z"))?;
                // As exact as it is stored.
                self.ended_before(from_millis(to_millis(time)))
            }
            _ => {
                return Err(unknown(
                    name,
                    "state, instance, lane, label.NAME, id-part, before, ended-before",
                ));
            }
        })
    }
}

impl EventFilter {
    /// The parameters that say the same: names and values, not escaped.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let job = self.query.job.map(|job| ("job".to_owned(), JobId::of(job).to_string()));
        let sequence =
            self.query.sequence_id.map(|id| ("sequence".to_owned(), SequenceId::of(id).to_string()));
        let instance = self.query.instance.clone().map(|instance| ("instance".to_owned(), instance));
        job.into_iter().chain(sequence).chain(instance).collect()
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
            _ => return Err(unknown(name, "job, sequence, instance")),
        })
    }
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
    use crate::store::JobState;

    #[test]
    fn a_filter_is_the_same_when_it_is_made_of_its_parameters() {
        let filter = JobFilter::default()
            .states([JobState::Pending, JobState::Failed])
            .instance("i&i")
            .lane("gpu")
            .label("a=b", "c=d")
            .label("", "")
            .id_part("0A1b")
            .before(17)
            .ended_before(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        let parameters = filter.parameters();
        let again = parameters
            .iter()
            .try_fold(JobFilter::default(), |filter, (name, value)| filter.parameter(name, value))
            .unwrap();
        assert_eq!(format!("{again:?}"), format!("{filter:?}"));
        assert_eq!(parameters.len(), 9);

        let filter = EventFilter::default().job(JobId::new()).sequence(SequenceId::of([7; 16])).instance("i");
        let parameters = filter.parameters();
        let again = parameters
            .iter()
            .try_fold(EventFilter::default(), |filter, (name, value)| filter.parameter(name, value))
            .unwrap();
        assert_eq!(format!("{again:?}"), format!("{filter:?}"));
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
