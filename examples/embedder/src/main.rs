//! An application with plugins: it makes a small picture of a large one, and finds the longest sentence of a book.
//!
//! `cargo xtask guests` builds the plugins; `cargo run -p embedder [FOLDER OF THE PLUGINS]` runs this.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use cjm_host::{EventKind, Host, Limits, Source, Value};
use serde::Deserialize;
use serde_json::json;

const PHOTO: &[u8] = include_bytes!("../input/lake.jpg");
const BOOK: &str = include_str!("../input/moby-dick.txt");

#[tokio::main]
async fn main() -> Result<()> {
    let plugins = plugins_folder()?;

    // One host for the whole application. The cache saves compiling a plugin again at each start.
    let host = Host::builder().cache_dir(plugins.join("compiled")).build()?;
    numbers(&host, &plugins).await?;
    picture(&host, &plugins).await?;
    book(&host, &plugins).await?;

    // Lets running calls end, and tells the plugins.
    host.shutdown().await;
    Ok(())
}

/// JSON in, JSON out.
async fn numbers(host: &Host, plugins: &Path) -> Result<()> {
    let calculator = host.load(plugins.join("calculator.wasm")).await?;
    let result = calculator.execute("evaluate", json!({ "expression": "2 * (3 + 4)" })).await?;
    println!("2 * (3 + 4) = {}", result.to::<f64>()?);

    // What a plugin cannot do is an error of one taxonomy; this one names the field at fault.
    if let Err(error) = calculator.execute("divide", json!({ "a": 1, "b": 0 })).await {
        println!("1 / 0 is refused as {}: {error}", error.category());
    }
    Ok(())
}

/// Bytes in, bytes out; with a configuration, limits, and progress.
async fn picture(host: &Host, plugins: &Path) -> Result<()> {
    let thumbnail = host
        .loader(Source::path(plugins.join("thumbnail.wasm")))
        .config(json!({ "longest_edge": 400, "format": "png" }))
        .limits(Limits { memory_bytes: 256 << 20, ..Limits::default() })
        .load()
        .await?;

    // `start` runs the call beside us: it can be watched, and cancelled with `running.cancel()`.
    let photo = Value::blob("image/jpeg", PHOTO);
    let mut call = thumbnail.call("thumbnail", photo).timeout(Duration::from_secs(60));
    let mut events = call.events();
    let running = call.start();
    let watching = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let EventKind::Progress(progress) = event.kind {
                println!(
                    "thumbnail: {:>3.0}% {}",
                    progress.fraction.unwrap_or(0.0) * 100.0,
                    progress.message
                );
            }
        }
    });
    let small = running.await?;
    watching.await?;
    if let Value::Blob(small) = small {
        println!(
            "{} bytes of image/jpeg became {} bytes of {}",
            PHOTO.len(),
            small.data.len(),
            small.media_type
        );
    }
    Ok(())
}

#[derive(Deserialize)]
struct Sentence {
    text: String,
    char_start: usize,
    char_end: usize,
}

/// Results one by one, as the plugin finds them.
async fn book(host: &Host, plugins: &Path) -> Result<()> {
    let segment = host.load(plugins.join("segment.wasm")).await?;
    let mut sentences = segment.call("sentences", json!({ "text": BOOK })).stream();
    let mut longest: Option<Sentence> = None;
    let mut count = 0;
    while let Some(sentence) = sentences.next().await {
        let sentence: Sentence = sentence?.to()?;
        let length = |sentence: &Sentence| sentence.char_end - sentence.char_start;
        if longest.as_ref().is_none_or(|longest| length(longest) < length(&sentence)) {
            longest = Some(sentence);
        }
        count += 1;
    }
    let longest = longest.context("the book has no sentence")?;
    println!(
        "the longest of {count} sentences begins at character {}:\n  {}",
        longest.char_start, longest.text
    );
    Ok(())
}

/// The folder in the first argument, or where `cargo xtask guests` builds to.
fn plugins_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::args_os().nth(1) {
        return Ok(PathBuf::from(folder));
    }
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("this program is in no target folder")?;
    Ok(target.join("wasm32-wasip2/guest"))
}
