//! What the action, and the instance before it, are given.

use std::fs;
use std::io::Read;
use std::path::Path;

use cjm_host::{Blob, Value};

use crate::cli::InputArgs;
use crate::failure::{Failure, Result};

/// Standard input, where a file or a text is asked for.
const STDIN: &str = "-";

/// Reads the action's input.
pub(in crate::commands) fn read(args: &InputArgs) -> Result<Value> {
    match (&args.input, &args.input_file) {
        (Some(json), _) if json == STDIN => parse(&text(stdin()?, "standard input")?, "standard input"),
        (Some(json), _) => parse(json, "--input"),
        (None, Some(path)) => {
            let from_stdin = path.as_os_str() == STDIN;
            let name = if from_stdin { "standard input".to_string() } else { path.display().to_string() };
            let data = if from_stdin {
                stdin()?
            } else {
                fs::read(path).map_err(|error| Failure::io("read", path, &error))?
            };
            match media_type(path, args.media_type.as_deref()) {
                media_type if is_json(&media_type) => parse(&text(data, &name)?, &name),
                media_type => Ok(Value::from(Blob { media_type, data })),
            }
        }
        (None, None) => parse("{}", "the input"),
    }
}

/// Reads a configuration: JSON that is given as such, or a file's.
pub(super) fn config(given: &str) -> Result<serde_json::Value> {
    let (json, name) = if given.trim_start().starts_with('{') {
        (given.to_string(), "--config".to_string())
    } else {
        let data = fs::read(given).map_err(|error| {
            Failure::io("read", Path::new(given), &error)
                .hint("--config takes JSON that begins with `{`, or the path of a JSON file")
        })?;
        (text(data, given)?, given.to_string())
    };
    serde_json::from_str(&json).map_err(|error| no_json(&name, &error))
}

/// Reads a secret, given as `NAME=env:VAR` or `NAME=file:PATH`: never as such, since others can see a command line.
pub(super) fn secret(given: &str) -> Result<(String, String)> {
    let malformed = || {
        // What was given is not repeated: it may be the secret itself.
        Failure::user("a --secret has to be NAME=env:VAR or NAME=file:PATH")
            .hint("a secret on the command line could be read by other programs")
    };
    let (name, source) = given.split_once('=').ok_or_else(malformed)?;
    let value = match source.split_once(':').ok_or_else(malformed)? {
        ("env", variable) => std::env::var(variable).map_err(|_| {
            Failure::user(format!("secret `{name}`: there is no environment variable `{variable}`"))
        })?,
        ("file", path) => {
            let path = Path::new(path);
            let data = fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
            let text = text(data, &path.display().to_string())?;
            text.strip_suffix('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line))
                .unwrap_or(&text)
                .to_string()
        }
        _ => return Err(malformed()),
    };
    Ok((name.to_string(), value))
}

fn stdin() -> Result<Vec<u8>> {
    let mut data = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut data) {
        Ok(_) => Ok(data),
        Err(error) => Err(Failure::io("read", Path::new("standard input"), &error)),
    }
}

fn text(data: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(data)
        .map_err(|error| Failure::user(format!("{name} is not UTF-8 text: {}", error.utf8_error())))
}

fn parse(json: &str, name: &str) -> Result<Value> {
    // Parsed here for the position, which belongs to the text that the user sees.
    match serde_json::from_str::<serde::de::IgnoredAny>(json) {
        Ok(_) => Ok(Value::parse_json(json)?),
        Err(error) => Err(no_json(name, &error)),
    }
}

fn no_json(name: &str, error: &serde_json::Error) -> Failure {
    Failure::user(format!("{name} is not JSON: {error}"))
        .hint("strings need double quotes; put the whole into single quotes for the shell")
}

/// The media type that was given, or the one that the extension suggests.
fn media_type(path: &Path, given: Option<&str>) -> String {
    match given {
        Some(given) => given.to_string(),
        None => mime_guess::from_path(path).first_or_octet_stream().essence_str().to_string(),
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type);
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, data: &[u8], media_type: Option<&str>) -> Result<Value> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, data).unwrap();
        read(&InputArgs { input: None, input_file: Some(path), media_type: media_type.map(Into::into) })
    }

    #[test]
    fn a_json_file_is_json_and_any_other_is_bytes() {
        assert!(matches!(file("a.json", b"{}", None).unwrap(), Value::Json(_)));
        assert!(matches!(
            file("a.txt", b"{}", Some("application/json; charset=utf-8")).unwrap(),
            Value::Json(_)
        ));
        let Value::Blob(blob) = file("a.PNG", b"\x89PNG", None).unwrap() else { panic!("no blob") };
        assert_eq!(blob.media_type, "image/png");
        let Value::Blob(blob) = file("a.json", b"{", Some("text/plain")).unwrap() else { panic!("no blob") };
        assert_eq!(blob.media_type, "text/plain");
        let Value::Blob(blob) = file("a", b"", None).unwrap() else { panic!("no blob") };
        assert_eq!(blob.media_type, "application/octet-stream");
    }

    #[test]
    fn bad_json_is_named_with_its_place() {
        let failure = file("a.json", b"{\"a\": }", None).unwrap_err();
        assert!(failure.error.to_string().contains("a.json is not JSON"), "{}", failure.error);
        assert!(failure.error.to_string().contains("line 1 column 7"), "{}", failure.error);
        assert!(file("a.json", b"\xff", None).unwrap_err().error.to_string().contains("not UTF-8"));
    }

    #[test]
    fn without_an_input_it_is_an_empty_object() {
        let args = InputArgs { input: None, input_file: None, media_type: None };
        let Value::Json(json) = read(&args).unwrap() else { panic!("no JSON") };
        assert_eq!(json, "{}");
    }

    #[test]
    fn a_configuration_is_json_or_a_file() {
        assert_eq!(config(" {\"a\": 1}").unwrap(), serde_json::json!({"a": 1}));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        fs::write(&path, "{\"b\": 2}").unwrap();
        assert_eq!(config(path.to_str().unwrap()).unwrap(), serde_json::json!({"b": 2}));
        assert!(config("/no/such/file").unwrap_err().hint.is_some());
    }

    #[test]
    fn a_secret_comes_from_elsewhere_and_is_never_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "s3cret\n").unwrap();
        let given = format!("key=file:{}", path.display());
        assert_eq!(secret(&given).unwrap(), ("key".into(), "s3cret".into()));
        let failure = secret("key=s3cret").unwrap_err();
        assert!(!failure.error.to_string().contains("s3cret"));
    }
}
