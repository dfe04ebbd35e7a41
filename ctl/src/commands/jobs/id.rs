//! Ids as people type them.

use cjm_host::{Job, JobFilter, JobId};

use super::words;
use crate::failure::{Failure, Result};
use crate::text::one_line;
use cjm_server::Client;

/// Fewer digits are more likely a mistake than an id.
const LEAST: usize = 4;

/// So many candidates are listed.
const LISTED: usize = 10;

/// The job that is meant: by its whole id, or by digits with which only its id ends, or begins.
pub(super) async fn job(client: &Client, text: &str) -> Result<JobId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let digits = digits(text, "job", "cjm-ctl jobs")?;
    let found = client.list(&JobFilter::default().id_part(&digits), LISTED + 1).await?;
    match found.as_slice() {
        [only] => Ok(only.id),
        [] => {
            Err(Failure::user(format!("there is no job whose id begins or ends with `{}`", one_line(text)))
                .hint("`cjm-ctl jobs` lists them; those that were purged are gone"))
        }
        several => Err(ambiguous(text, several)),
    }
}

/// All of the jobs that are meant.
pub(super) async fn jobs(client: &Client, texts: &[String]) -> Result<Vec<JobId>> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        let id = job(client, text).await?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The digits of an abbreviated id of a `what`, of which `list` shows all.
pub(in crate::commands) fn digits(text: &str, what: &str, list: &str) -> Result<String> {
    let digits = text.replace('-', "");
    let wrong = |why: &str| {
        Failure::user(format!("`{}` is no id of a {what}: {why}", one_line(text)))
            .hint(format!("`{list}` shows them; the last digits are enough"))
    };
    match digits.len() {
        _ if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) => {
            Err(wrong("it has other characters than 0-9 and a-f"))
        }
        ..LEAST => Err(wrong(&format!("it needs {LEAST} digits at least"))),
        33.. => Err(wrong("it has more digits than an id")),
        _ => Ok(digits),
    }
}

fn ambiguous(text: &str, candidates: &[Job]) -> Failure {
    let mut message = format!("`{}` could be any of these jobs; type more digits:", one_line(text));
    for job in candidates.iter().take(LISTED) {
        let (id, state) = (job.id, job.state);
        message.push_str(&format!(
            "\n{id}  {state}  {} of {}",
            one_line(&job.action),
            one_line(&job.instance)
        ));
    }
    if candidates.len() > LISTED {
        message.push_str("\n…");
    }
    let hint = match candidates.first() {
        Some(job) => format!("the last digits tell jobs apart best, for example {}", words::short(&job.id)),
        None => String::new(),
    };
    Failure::user(message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_id_is_told_before_anything_is_looked_for() {
        let of = |text| digits(text, "job", "cjm-ctl jobs");
        assert_eq!(of("1234-abCD").unwrap(), "1234abCD");
        for (wrong, why) in
            [("calculator", "other characters"), ("abc", "4 digits"), (&"1".repeat(33), "more digits")]
        {
            let failure = of(wrong).unwrap_err();
            assert!(failure.error.to_string().contains(why), "{}", failure.error);
            assert_eq!(failure.status().code(), 2);
        }
    }
}
