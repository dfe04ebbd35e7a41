//! The results of earlier steps take the places that were kept for them, when an attempt begins.

use std::collections::HashMap;
use std::sync::Arc;

use super::reference::{Of, Reference, Uses, lookup, rewrite, whole};
use crate::error::{Error, ResourceKind, Result};
use crate::queue::Inner;
use crate::queue::new_job::Options;
use crate::store::{JobRow, JobState};
use crate::value::Value;

/// How large an input may become, in bytes, whatever the plugin allows.
const LARGEST: usize = 256 << 20;

/// The input of an attempt, in which results of earlier steps stand for the references to them. Another input is as it
/// was.
///
/// # Errors
///
/// `invalid-input`, where a step did not complete, or there is nothing where a reference points; `resource-exhausted`,
/// where the input becomes too large; `fatal`, where a result is damaged.
pub(in crate::queue) async fn resolve(
    inner: &Arc<Inner>,
    row: &JobRow,
    options: &Options,
    input: Value,
) -> Result<Value> {
    let (Some(id), Some(step), false) = (row.sequence_id, row.step, options.uses.is_empty()) else {
        return Ok(input);
    };
    let uses = options.uses.clone();
    inner.blocking(move |inner| Results::load(inner, &id, step, uses)?.put_into(input)).await
}

/// The results that an input uses.
struct Results {
    /// The step that the input is of.
    step: u32,
    places: HashMap<String, u32>,
    values: HashMap<u32, Value>,
}

impl Results {
    fn load(inner: &Inner, sequence: &[u8; 16], step: u32, uses: Vec<Uses>) -> Result<Self> {
        let mut results = Self { step, places: HashMap::new(), values: HashMap::new() };
        let mut size = 0_usize;
        for Uses { step: used, name } in uses {
            if let Some(name) = name {
                results.places.insert(name, used);
            }
            if results.values.contains_key(&used) {
                continue;
            }
            let found = inner.writer.database().jobs().step(sequence, used)?;
            let state = found.as_ref().map(|found| found.state);
            let Some(payload) = found.and_then(|found| found.result) else {
                return Err(results.cannot(&match state {
                    Some(JobState::Completed) => format!("the result of step {used} was not kept"),
                    Some(state) => format!("step {used}, whose result it uses, is {state}"),
                    None => format!("step {used}, whose result it uses, is not there"),
                }));
            };
            let value = inner.blobs.load(payload)?;
            size = size.saturating_add(value.len());
            results.check(size)?;
            results.values.insert(used, value);
        }
        Ok(results)
    }

    fn put_into(&self, input: Value) -> Result<Value> {
        let Value::Json(json) = &input else { return Ok(input) };
        if let Some(reference) = whole(json)?
            && reference.at.is_empty()
            && let blob @ Value::Blob(_) = self.of(&reference)?.1
        {
            return Ok(blob.clone());
        }
        let mut out = String::with_capacity(json.len());
        rewrite(json, &mut out, &mut |reference, out| self.put(reference, out))?;
        Ok(Value::Json(out))
    }

    fn put(&self, reference: &Reference, out: &mut String) -> Result<()> {
        let (used, value) = self.of(reference)?;
        let Value::Json(json) = value else {
            return Err(self.cannot(&format!(
                "the result of step {used} is a blob, and can only be the whole of an input"
            )));
        };
        let Some(part) = lookup(json, &reference.at) else {
            return Err(self.cannot(&format!("the result of step {used} has nothing at `{}`", reference.at)));
        };
        self.check(out.len().saturating_add(part.len()))?;
        out.push_str(part);
        Ok(())
    }

    /// Which step is meant, and its result.
    fn of(&self, reference: &Reference) -> Result<(u32, &Value)> {
        let used = match &reference.step {
            Of::Previous => self.step.checked_sub(1),
            Of::Place(place) => Some(*place),
            Of::Name(name) => self.places.get(name).copied(),
        };
        used.and_then(|used| Some((used, self.values.get(&used)?)))
            .ok_or_else(|| self.cannot("a step whose result it uses was not known when it was submitted"))
    }

    fn check(&self, size: usize) -> Result<()> {
        if size <= LARGEST {
            return Ok(());
        }
        let message = format!(
            "the input of step {} would be more than {LARGEST} bytes long with the results that it uses; use smaller \
             parts of them",
            self.step
        );
        Err(Error::exhausted(ResourceKind::Input, message, Some(size as u64), Some(LARGEST as u64)))
    }

    fn cannot(&self, why: &str) -> Error {
        Error::invalid(format!(
            "the input of step {} cannot be made: {why}; mend that step, and retry the sequence, or submit it anew",
            self.step
        ))
    }
}
