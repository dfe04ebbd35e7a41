//! Sentences of a text by Unicode's rules (UAX #29), one by one as they are found.

use cjm_guest::{BlobOr, Error, Job, Plugin, Result, Sender};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// How texts are split.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Leave out the white space around sentences. Without it, the sentences put together are the text again.
    #[serde(default = "yes")]
    pub trim: bool,
}

fn yes() -> bool {
    true
}

/// A text to split.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// A sentence and where it is. Ends are exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Where it begins, in bytes of UTF-8.
    pub byte_start: usize,
    /// Where it ends, in bytes of UTF-8.
    pub byte_end: usize,
    /// Where it begins, in characters (Unicode scalar values).
    pub char_start: usize,
    /// Where it ends, in characters (Unicode scalar values).
    pub char_end: usize,
}

/// The plugin.
#[derive(Debug)]
pub struct Segment {
    config: Config,
}

impl Plugin for Segment {
    type Config = Config;
    const CATEGORY: Option<&'static str> = Some("segmentation");
    const DOMAIN: Option<&'static str> = Some("text");

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config })
    }
}

#[cjm_guest::actions]
impl Segment {
    /// Splits a text into sentences. The text comes as JSON, or as a blob of a text/* media type in UTF-8.
    pub async fn sentences(&self, job: &Job, input: BlobOr<Text>, mut out: Sender<Sentence>) -> Result<()> {
        let text = match input {
            BlobOr::Json(input) => input.text,
            BlobOr::Blob(blob) if blob.essence().starts_with("text/") => blob.into_text()?,
            BlobOr::Blob(blob) => {
                return Err(Error::invalid(format!("expected a text, got {}", blob.media_type)));
            }
        };
        let mut char_start = 0;
        let mut reported = 0;
        for (byte_start, piece) in text.split_sentence_bound_indices() {
            job.check_cancelled()?;
            if let Some(sentence) = self.sentence(piece, byte_start, char_start) {
                out.send(sentence).await?;
            }
            char_start += piece.chars().count();
            let percent = (byte_start + piece.len()) * 100 / text.len();
            if percent > reported {
                reported = percent;
                job.progress(percent as f64 / 100.0, "splitting");
            }
        }
        job.usage("characters", char_start as f64);
        Ok(())
    }
}

impl Segment {
    /// The sentence in a piece of text that begins at these offsets; none where nothing is left of it.
    fn sentence(&self, piece: &str, byte_start: usize, char_start: usize) -> Option<Sentence> {
        let (before, text) = if self.config.trim {
            let text = piece.trim_start();
            (piece.strip_suffix(text)?, text.trim_end())
        } else {
            ("", piece)
        };
        if text.is_empty() {
            return None;
        }
        let byte_start = byte_start + before.len();
        let char_start = char_start + before.chars().count();
        Some(Sentence {
            text: text.to_owned(),
            byte_start,
            byte_end: byte_start + text.len(),
            char_start,
            char_end: char_start + text.chars().count(),
        })
    }
}
