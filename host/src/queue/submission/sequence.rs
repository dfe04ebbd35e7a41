//! Sequences: with each step by itself, or one action for many inputs.

use super::*;
use crate::queue::sequence::NewSequence;
use crate::store::SequenceMode;

/// The fields of both forms.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Told {
    #[serde(default)]
    mode: SequenceMode,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    idempotency_key: Option<String>,
    steps: Option<Vec<Step>>,
    // Of the short form, for all steps.
    instance: Option<String>,
    action: Option<String>,
    inputs: Option<Vec<JsonText>>,
    priority: Option<i32>,
    #[serde(default, with = "moment")]
    not_before: Option<SystemTime>,
    #[serde(default, with = "moment")]
    deadline: Option<SystemTime>,
    timeout: Option<Length>,
    retry: Option<Retries>,
    interrupted: Option<Interrupted>,
    lane: Option<String>,
    keep_result: Option<bool>,
}

impl Told {
    fn steps(self) -> Result<Vec<Step>> {
        let short = self.instance.is_some() || self.action.is_some() || self.inputs.is_some();
        let options = self.priority.is_some()
            || self.not_before.is_some()
            || self.deadline.is_some()
            || self.timeout.is_some()
            || self.retry.is_some()
            || self.interrupted.is_some()
            || self.lane.is_some()
            || self.keep_result.is_some();
        let (instance, action, inputs) = match (self.steps, self.instance, self.action, self.inputs) {
            (Some(steps), ..) if !short && !options => return Ok(steps),
            (None, Some(instance), Some(action), Some(inputs)) => (instance, action, inputs),
            (Some(_), ..) => {
                return Err(Error::invalid(
                    "a sequence has either `steps`, each with its own fields, or `instance`, `action` and `inputs`, with \
                     the fields of all",
                ));
            }
            _ => {
                return Err(Error::invalid(
                    "a sequence has `steps`, or `instance`, `action` and `inputs` for the same action with each input",
                ));
            }
        };
        let all = Submission {
            name: None,
            instance,
            action,
            input: None,
            blob: None,
            priority: self.priority.unwrap_or_default(),
            not_before: self.not_before,
            deadline: self.deadline,
            timeout: self.timeout,
            retry: self.retry.unwrap_or_default(),
            interrupted: self.interrupted,
            idempotency_key: None,
            labels: BTreeMap::new(),
            lane: self.lane,
            keep_result: self.keep_result.unwrap_or(true),
        };
        let step = |input| Submission { input: Some(input), ..all.clone() }.job().map(Step::new);
        inputs.into_iter().map(step).collect()
    }
}

impl<'de> Deserialize<'de> for NewSequence {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut told = Told::deserialize(from)?;
        let (mode, labels) = (told.mode, std::mem::take(&mut told.labels));
        let idempotency_key = told.idempotency_key.take();
        let steps = told.steps().map_err(de::Error::custom)?;
        Ok(NewSequence { mode, labels, idempotency_key, steps })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn same(one: &NewSequence, other: &NewSequence) {
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn a_sequence_is_the_same_when_it_is_read_again() {
        let first = NewJob::new("i", "a", json!({ "x": 1 })).priority(-3).label("k", "v");
        let then = NewJob::new("j", "b", Value::blob("a/b", [7]));
        let sequence = NewSequence::new([Step::new(first).name("first"), Step::new(then)])
            .mode(SequenceMode::BestEffort)
            .idempotency_key("k")
            .label("l", "v");
        let text = serde_json::to_string(&sequence).unwrap();
        same(&serde_json::from_str(&text).unwrap(), &sequence);
    }

    #[test]
    fn a_file_says_each_step_with_its_own_fields() {
        let sequence: NewSequence = toml::from_str(
            "mode = 'best-effort'\nlabels.customer = 'acme'\nidempotency-key = 'k'\n\
             [[steps]]\nname = 'fetch'\ninstance = 'i'\naction = 'a'\ninput = { url = 'u' }\npriority = 7\n\
             [[steps]]\ninstance = 'j'\naction = 'b'\n[steps.input]\nof.'$result' = { step = 'fetch', at = '/x' }",
        )
        .unwrap();
        let first = NewJob::new("i", "a", json!({ "url": "u" })).priority(7);
        let then = NewJob::new("j", "b", json!({ "of": { "$result": { "step": "fetch", "at": "/x" } } }));
        let meant = NewSequence::new([Step::new(first).name("fetch"), Step::new(then)])
            .mode(SequenceMode::BestEffort)
            .label("customer", "acme")
            .idempotency_key("k");
        // TOML's tables have no order.
        assert_eq!(serde_json::to_value(&sequence).unwrap(), serde_json::to_value(&meant).unwrap());
    }

    #[test]
    fn a_short_form_says_one_action_for_many_inputs() {
        let sequence: NewSequence = serde_json::from_value(json!({
            "instance": "i", "action": "a", "inputs": [1, null, { "x": 1 }], "priority": 3, "retry": 2, "timeout": "30s",
            "labels": { "k": "v" }, "keep-result": false,
        }))
        .unwrap();
        let meant = NewSequence::uniform("i", "a", [json!(1), json!(null), json!({ "x": 1 })])
            .each(|job| {
                job.priority(3).retry(Retry::times(2)).timeout(Duration::from_secs(30)).keep_result(false)
            })
            .label("k", "v");
        same(&sequence, &meant);
        let sequence: NewSequence =
            toml::from_str("instance = 'i'\naction = 'a'\ninputs = [{ x = 1 }, 2]").unwrap();
        same(&sequence, &NewSequence::uniform("i", "a", [json!({ "x": 1 }), json!(2)]));
    }

    #[test]
    fn what_is_neither_form_is_refused_with_what_they_are() {
        for (told, says) in [
            (json!({}), "a sequence has `steps`, or"),
            (json!({ "instance": "i", "inputs": [] }), "a sequence has `steps`, or"),
            (json!({ "steps": [], "inputs": [] }), "either `steps`"),
            (json!({ "steps": [], "priority": 1 }), "either `steps`"),
            (json!({ "steps": [], "step": 1 }), "unknown field `step`"),
            (json!({ "steps": [{ "instance": "i", "action": "a", "nam": "n" }] }), "unknown field `nam`"),
            (json!({ "steps": [], "mode": "fast" }), "unknown variant `fast`"),
        ] {
            let error = serde_json::from_value::<NewSequence>(told.clone()).unwrap_err().to_string();
            assert!(error.contains(says), "{told}: {error}");
        }
    }
}
