//! What a sequence is held against before anything else.

use std::collections::{BTreeSet, HashMap};

use super::new::NewSequence;
use super::reference::{Of, Uses, rewrite};
use super::submit::of_step;
use crate::error::{Error, Result};
use crate::queue::new_job::{NewJob, check_labels, name};
use crate::value::Value;

/// Steps of one sequence at most: they are stored, and cancelled, in one transaction, for which others wait.
const STEPS: usize = 10_000;

impl NewSequence {
    /// Holds it against the limits, and each reference against the steps that there are before it. The steps that each
    /// step uses.
    pub(super) fn validate(&self) -> Result<Vec<Vec<Uses>>> {
        if self.steps.is_empty() || self.steps.len() > STEPS {
            return Err(Error::invalid(format!(
                "a sequence has 1 to {STEPS} steps, and this one {}; {}",
                self.steps.len(),
                if self.steps.is_empty() { "name one" } else { "submit several sequences" }
            )));
        }
        check_labels(&self.labels)?;
        if let Some(key) = &self.idempotency_key {
            name("idempotency key", key)?;
        }
        let mut before = Before::default();
        let mut uses = Vec::with_capacity(self.steps.len());
        for (place, step) in self.steps.iter().enumerate() {
            let used = before.add(step.name.as_deref(), &step.job);
            uses.push(used.map_err(|error| of_step(place, step.name.as_deref(), error))?);
        }
        Ok(uses)
    }
}

/// The steps so far.
#[derive(Default)]
struct Before<'a> {
    names: HashMap<&'a str, u32>,
    /// Of each, whether its result is kept.
    kept: Vec<bool>,
}

impl<'a> Before<'a> {
    fn add(&mut self, called: Option<&'a str>, job: &NewJob) -> Result<Vec<Uses>> {
        job.validate()?;
        if job.idempotency_key.is_some() {
            return Err(Error::invalid(
                "a step has no idempotency key of its own; give one to the sequence, for all of it",
            ));
        }
        let uses = self.uses(job)?;
        if let Some(called) = called {
            name("name of a step", called)?;
            let place = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
            if let Some(other) = self.names.insert(called, place) {
                return Err(Error::invalid(format!(
                    "step {other} has the same name; give each its own, by which its result can be called"
                )));
            }
        }
        self.kept.push(!job.options.drop_result);
        Ok(uses)
    }

    fn uses(&self, job: &NewJob) -> Result<Vec<Uses>> {
        let mut uses = BTreeSet::new();
        let Value::Json(json) = &job.input else { return Ok(Vec::new()) };
        rewrite(json, &mut String::new(), &mut |reference, _| {
            uses.insert(self.used(&reference.step)?);
            Ok(())
        })?;
        Ok(uses.into_iter().collect())
    }

    fn used(&self, of: &Of) -> Result<Uses> {
        let here = self.kept.len();
        let (place, called) = match of {
            Of::Previous if here == 0 => {
                return Err(Error::invalid(
                    "its input uses the result of the step before, and it is the first; put a value there",
                ));
            }
            Of::Previous => (here - 1, None),
            Of::Place(place) => (usize::try_from(*place).unwrap_or(usize::MAX), None),
            Of::Name(name) => match self.names.get(name.as_str()) {
                Some(place) => (usize::try_from(*place).unwrap_or(usize::MAX), Some(name.clone())),
                None => {
                    return Err(Error::invalid(format!(
                        "its input uses the result of a step `{name}`, and no step before it has that name; name one, or \
                         put it before this one"
                    )));
                }
            },
        };
        match self.kept.get(place) {
            None => Err(Error::invalid(format!(
                "its input uses the result of step {place}, which is not before it; the first step is step 0"
            ))),
            Some(false) => Err(Error::invalid(format!(
                "its input uses the result of step {place}, which is not kept; let that step keep its result"
            ))),
            Some(true) => Ok(Uses { step: u32::try_from(place).unwrap_or(u32::MAX), name: called }),
        }
    }
}
