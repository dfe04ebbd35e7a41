//! Results as they come.

use anyhow::{Context, Result, ensure};
use cjm_host::Value;
use serde::Deserialize;

use crate::screen::fill;
use crate::{Stage, input};

#[derive(Deserialize)]
struct Sentence {
    text: String,
    byte_start: usize,
    byte_end: usize,
}

pub(crate) async fn play(stage: &Stage) -> Result<String> {
    stage.screen.title("Sentences: the plugin `segment`, as a stream");
    let book = String::from_utf8(input("moby-dick.txt")?).context("the book is not UTF-8")?;
    let segment = stage.host.load(stage.plugin("segment")).await?;
    let bar = stage.screen.bar("moby-dick");
    let mut sentences =
        segment.call("sentences", Value::blob("text/plain; charset=utf-8", book.clone())).stream();
    let mut found: Vec<Sentence> = Vec::new();
    while let Some(sentence) = sentences.next().await {
        let sentence: Sentence = sentence?.to()?;
        let there = book.get(sentence.byte_start..sentence.byte_end);
        ensure!(there == Some(&sentence.text), "`{}` is not where it was said to be", sentence.text);
        fill(&bar, sentence.byte_end as f64 / book.len() as f64);
        bar.set_message(format!("{} sentences", found.len() + 1));
        found.push(sentence);
    }
    stage.screen.full(&bar, &format!("{} sentences", found.len()));
    for sentence in found.iter().take(3) {
        stage.screen.line(&format!("{:>4}  {}", sentence.byte_start, shortened(&sentence.text)));
    }
    ensure!(found.len() > 20, "only {} sentences were found", found.len());
    stage.screen.line(&format!("  ..  and {} more", found.len() - 3));
    Ok(format!("{} sentences of Moby-Dick streamed, each with its place in the text", found.len()))
}

fn shortened(text: &str) -> String {
    const LENGTH: usize = 72;
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
