//! What the segmenter gives, and how it stops.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use cjm_guest::testing::{Harness, collect};
use cjm_guest::{Blob, BlobOr, Error, Job, Plugin, Value};
use segment::{Config, Segment, Sentence, Text};

const TEXT: &str = "Grüße aus Köln!  Dr. No paid $3.50. \n\n„Wirklich?“ Ja.";

fn split(text: &str, trim: bool) -> Vec<Sentence> {
    let plugin = Segment::new(Config { trim }).unwrap();
    let job = Job::for_test();
    let input = BlobOr::Json(Text { text: text.to_owned() });
    let (sentences, end) = collect(|out| plugin.sentences(&job, input, out));
    end.unwrap();
    sentences
}

#[test]
fn offsets_lead_back_to_the_sentences() {
    let sentences = split(TEXT, true);
    assert_eq!(sentences[0].text, "Grüße aus Köln!");
    assert_eq!((sentences[0].byte_end, sentences[0].char_end), (18, 15));
    let chars: Vec<char> = TEXT.chars().collect();
    for sentence in &sentences {
        assert_eq!(&TEXT[sentence.byte_start..sentence.byte_end], sentence.text);
        assert_eq!(chars[sentence.char_start..sentence.char_end].iter().collect::<String>(), sentence.text);
        assert_eq!(sentence.text.trim(), sentence.text);
    }
}

#[test]
fn untrimmed_sentences_put_together_are_the_text() {
    let whole: String = split(TEXT, false).into_iter().map(|sentence| sentence.text).collect();
    assert_eq!(whole, TEXT);
}

#[test]
fn an_empty_text_has_no_sentences() {
    assert_eq!(split("", true), []);
    assert_eq!(split(" \n ", true), []);
}

#[test]
fn takes_text_blobs_and_no_others() {
    let harness = Harness::<Segment>::new("{}").unwrap();
    let blob = |media_type: &str, data: &[u8]| Value::Blob(Blob::new(media_type, data));
    let streamed = harness.stream("sentences", blob("text/plain; charset=utf-8", b"One. Two."));
    assert_eq!((streamed.items.len(), streamed.end), (2, Ok(())));
    for refused in [blob("image/png", b"One."), blob("text/plain", b"\xff")] {
        let streamed = harness.stream("sentences", refused);
        assert!(matches!(streamed.end, Err(Error::InvalidInput(_))), "{:?}", streamed.end);
    }
}

#[test]
fn a_call_that_cannot_stream_gets_an_array() {
    let harness = Harness::<Segment>::new(r#"{"trim":true}"#).unwrap();
    let array = harness.call_json("sentences", r#"{"text":"One. Two."}"#).unwrap();
    let sentences: Vec<Sentence> = serde_json::from_str(&array).unwrap();
    assert_eq!(sentences.len(), 2);
    assert_eq!(harness.job().progress_reports().last().unwrap().0, Some(1.0));
    assert_eq!(harness.job().usage_of("characters"), 9.0);
}

#[test]
fn stops_in_the_middle_when_cancelled() {
    let plugin = Segment::new(Config { trim: true }).unwrap();
    let job = Job::for_test();
    job.cancel_after(3);
    let input = BlobOr::Json(Text { text: "A word. ".repeat(100) });
    let (sentences, end) = collect(|out| plugin.sentences(&job, input, out));
    assert_eq!((sentences.len(), end), (2, Err(Error::Cancelled)));
}

#[test]
fn says_that_it_streams() {
    let description = Harness::<Segment>::description();
    assert!(description.actions[0].streams);
    assert!(description.actions[0].output_schema.as_ref().unwrap().contains("byte_start"));
    assert!(description.config_schema.contains(r#""default":true"#));
    // What a host validates before the plugin runs is left to it; a wrong shape is still refused.
    let harness = Harness::<Segment>::new("{}").unwrap();
    assert_eq!(harness.call_json("sentences", r#"{"text":1}"#).unwrap_err().fields(), ["/text"]);
}
