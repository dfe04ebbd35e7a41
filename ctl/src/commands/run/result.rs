//! Where results go: a file, a directory, or standard output.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cjm_host::{Blob, CallStats, Value};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::{Failure, Result};
use crate::files::AtomicFile;
use crate::output::{Console, DIM, NAME, styled};
use crate::text;

/// What `--json` prints of a result, and what stands for bytes in a line of a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Printed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<PrintedBlob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
}

/// What the call was measured to use.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Stats {
    wall_ms: f64,
    cpu_ms: f64,
    memory_bytes: u64,
    peak_memory_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel_used: Option<u64>,
}

impl From<CallStats> for Stats {
    fn from(stats: CallStats) -> Self {
        Stats {
            wall_ms: stats.wall.as_secs_f64() * 1e3,
            cpu_ms: stats.cpu.as_secs_f64() * 1e3,
            memory_bytes: stats.memory_bytes,
            peak_memory_bytes: stats.peak_memory_bytes,
            fuel_used: stats.fuel_used,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct PrintedBlob<'a> {
    media_type: &'a str,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// The place of a single result. Opened before the action runs, so that no work is done for a place that is not there.
#[derive(Debug)]
pub(in crate::commands) struct Place {
    file: Option<(AtomicFile, PathBuf)>,
}

impl Place {
    pub(in crate::commands) fn open(output: Option<&Path>) -> Result<Self> {
        let file = match output {
            Some(path) => Some((AtomicFile::create(path)?, path.to_path_buf())),
            None => None,
        };
        Ok(Place { file })
    }

    /// Puts the result there; `stats` say what it took, where that was measured here.
    pub(in crate::commands) fn put(
        self,
        value: &Value,
        stats: Option<CallStats>,
        console: &Console,
    ) -> Result<()> {
        let path = match self.file {
            Some((mut file, path)) => {
                match value {
                    Value::Json(json) => {
                        file.write(text::lay_out(json, text::Layout::Compact).as_bytes())?;
                        file.write(b"\n")?;
                    }
                    Value::Blob(blob) => file.write(&blob.data)?,
                }
                file.commit()?;
                Some(path)
            }
            None => None,
        };
        if console.json() {
            return console.print_json(&printed(value, path.as_deref(), stats.map(Stats::from))?);
        }
        if let Some(stats) = stats {
            tell_stats(stats, console);
        }
        match (path, value) {
            (Some(path), value) => {
                console.note(format!("{} ({})", styled(NAME, path.display()), kind(value)));
                Ok(())
            }
            (None, Value::Json(json)) => console.print_json_text(json),
            (None, Value::Blob(blob)) => print_blob(blob, console),
        }
    }
}

/// Prints bytes that no file was named for.
fn print_blob(blob: &Blob, console: &Console) -> Result<()> {
    if !io::stdout().is_terminal() {
        return console.print_bytes(&blob.data);
    }
    if blob.media_type.starts_with("text/")
        && let Ok(text) = std::str::from_utf8(&blob.data)
    {
        return console.print(&format!("{}\n", text::printable(text).trim_end_matches('\n')));
    }
    // Bytes would wreck the terminal, but work that was done is not thrown away.
    let kept = tempfile::Builder::new()
        .prefix("cjm-result-")
        .suffix(&format!(".{}", extension(&blob.media_type)))
        .tempfile()
        .and_then(|file| {
            fs::write(file.path(), &blob.data)?;
            file.keep().map(|(_, path)| path).map_err(|error| error.error)
        })
        .map_err(|error| Failure::io("keep the result in", &std::env::temp_dir(), &error))?;
    Err(Failure::user(format!(
        "the result is {} of {}, which does not go to a terminal; it was kept as {}",
        bytesize::ByteSize(blob.data.len() as u64),
        text::one_line(&blob.media_type),
        kept.display()
    ))
    .hint("name a file with --output FILE, or send standard output elsewhere"))
}

/// The places of the items of a stream.
#[derive(Debug)]
pub(super) struct Items {
    dir: Option<PathBuf>,
    count: u64,
}

impl Items {
    pub(super) fn open(output: Option<&Path>) -> Result<Self> {
        if let Some(dir) = output {
            fs::create_dir_all(dir).map_err(|error| {
                Failure::io("create the directory", dir, &error)
                    .hint("with --stream, --output is a directory for the items that are bytes")
            })?;
        }
        Ok(Items { dir: output.map(Path::to_path_buf), count: 0 })
    }

    /// Prints the next item as a line.
    pub(super) fn put(&mut self, value: &Value, console: &Console) -> Result<()> {
        self.count += 1;
        let path = match (value, &self.dir) {
            (Value::Blob(blob), Some(dir)) => {
                let path = dir.join(format!("{:06}.{}", self.count, extension(&blob.media_type)));
                let mut file = AtomicFile::create(&path)?;
                file.write(&blob.data)?;
                file.commit()?;
                Some(path)
            }
            _ => None,
        };
        match value {
            Value::Json(json) if !console.json() => console.print_json_line(json),
            value => {
                let line = serde_json::to_string(&printed(value, path.as_deref(), None)?)
                    .map_err(|error| Failure::fatal(format!("cannot write the item as JSON: {error}")))?;
                console.print_json_line(&line)
            }
        }
    }

    /// Ends the lines: programs are told what the job took.
    pub(super) fn finish(self, stats: CallStats, console: &Console) -> Result<()> {
        if console.json() {
            let line = Printed { value: None, blob: None, path: None, stats: Some(stats.into()) };
            return console.print_json(&line);
        }
        tell_stats(stats, console);
        Ok(())
    }
}

/// Says what the call took, to a person who wants to know more.
fn tell_stats(stats: CallStats, console: &Console) {
    if console.verbosity() == 0 {
        return;
    }
    let millis = |time: std::time::Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let fuel = stats.fuel_used.map(|fuel| format!(", {fuel} units of fuel")).unwrap_or_default();
    console.note(format!(
        "{} {}, of which it computed {}, with {} of memory at most{fuel}",
        styled(DIM, " took"),
        millis(stats.wall),
        millis(stats.cpu),
        bytesize::ByteSize(stats.peak_memory_bytes)
    ));
}

fn printed<'a>(value: &'a Value, path: Option<&'a Path>, stats: Option<Stats>) -> Result<Printed<'a>> {
    let mut printed = Printed { value: None, blob: None, path, stats };
    match value {
        Value::Json(json) => {
            printed.value = Some(
                serde_json::from_str(json)
                    .map_err(|error| Failure::fatal(format!("the result is not JSON: {error}")))?,
            );
        }
        Value::Blob(blob) => {
            printed.blob = Some(PrintedBlob {
                media_type: &blob.media_type,
                bytes: blob.data.len(),
                base64: path.is_none().then(|| STANDARD.encode(&blob.data)),
            });
        }
    }
    Ok(printed)
}

fn kind(value: &Value) -> String {
    match value {
        Value::Json(_) => "JSON".to_string(),
        Value::Blob(blob) => {
            format!("{}, {}", text::one_line(&blob.media_type), bytesize::ByteSize(blob.data.len() as u64))
        }
    }
}

/// The extension that people expect. A plugin's media type is no path: what is not a plain word gives `bin`.
fn extension(media_type: &str) -> &str {
    let essence = media_type.split(';').next().unwrap_or("").trim();
    // The table lists every extension of a type in alphabetical order, and `jfif` is not what people expect.
    match essence {
        "image/jpeg" => return "jpg",
        "text/plain" => return "txt",
        "audio/mpeg" => return "mp3",
        "image/tiff" => return "tiff",
        _ => {}
    }
    mime_guess::get_mime_extensions_str(essence).and_then(|all| all.first().copied()).unwrap_or("bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_gives_a_harmless_extension() {
        assert_eq!(extension("image/png"), "png");
        assert_eq!(extension("image/jpeg; q=1"), "jpg");
        assert_eq!(extension("../../etc/passwd"), "bin");
        assert_eq!(extension(""), "bin");
    }

    #[test]
    fn bytes_are_printed_whole_unless_a_file_holds_them() {
        let value = Value::from(Blob { media_type: "image/png".into(), data: vec![1, 2, 3] });
        let here = serde_json::to_value(printed(&value, None, None).unwrap()).unwrap();
        assert_eq!(
            here,
            serde_json::json!({"blob": {"media-type": "image/png", "bytes": 3, "base64": "AQID"}})
        );
        let there = serde_json::to_value(printed(&value, Some(Path::new("x.png")), None).unwrap()).unwrap();
        assert_eq!(
            there,
            serde_json::json!({"blob": {"media-type": "image/png", "bytes": 3}, "path": "x.png"})
        );
    }
}
