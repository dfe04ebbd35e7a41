//! Ids of sequences as people type them.

use cjm_host::{SequenceFilter, SequenceId};
use cjm_server::Client;

use crate::commands::jobs::digits;
use crate::failure::{Failure, Result};
use crate::text::one_line;

/// So many candidates are listed.
const LISTED: usize = 10;

/// The sequence that is meant: by its whole id, or by digits with which only its id ends, or begins.
pub(in crate::commands) async fn sequence(client: &Client, text: &str) -> Result<SequenceId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let digits = digits(text, "sequence", "cjm-ctl sequence list")?;
    let found = client.sequences(&SequenceFilter::default().id_part(&digits), LISTED + 1).await?;
    match found.as_slice() {
        [only] => Ok(only.id),
        [] => Err(Failure::user(format!(
            "there is no sequence whose id begins or ends with `{}`",
            one_line(text)
        ))
        .hint("`cjm-ctl sequence list` lists them; those that were purged are gone")),
        several => {
            let mut message =
                format!("`{}` could be any of these sequences; type more digits:", one_line(text));
            for sequence in several.iter().take(LISTED) {
                message.push_str(&format!("\n{}  {}", sequence.id, sequence.state));
            }
            if several.len() > LISTED {
                message.push_str("\n…");
            }
            Err(Failure::user(message).hint("the last digits tell them apart best"))
        }
    }
}

/// All of the sequences that are meant.
pub(super) async fn sequences(client: &Client, texts: &[String]) -> Result<Vec<SequenceId>> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        let id = sequence(client, text).await?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
