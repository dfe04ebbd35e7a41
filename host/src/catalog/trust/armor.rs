//! The two lines that keys and signatures are written in: an untrusted comment, and bytes in base64.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const PREFIX: &str = "untrusted comment: ";

/// The longest comment line that signify reads.
const MAX_COMMENT: usize = 1023;

/// No key or signature is as long as this.
pub(super) const MAX_FILE: u64 = 4 << 10;

/// Names the algorithm, Ed25519, at the head of every payload.
pub(super) const ALGORITHM: &[u8; 2] = b"Ed";

/// A file taken apart: its comment, and its payload, which may be secret.
#[derive(Debug)]
pub(super) struct Armored {
    pub(super) comment: String,
    pub(super) payload: Zeroizing<Vec<u8>>,
}

/// Reads the two lines. `what` says in errors what is read, for example ``the public key `alice.pub` ``.
pub(super) fn parse(what: &str, text: &[u8]) -> Result<Armored> {
    let refused = |why: &str| Error::invalid(format!("{what} cannot be read: {why}"));
    let text = std::str::from_utf8(text).map_err(|_| refused("it is not text"))?;
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return Err(refused("it does not begin with `untrusted comment: `"));
    };
    let Some((comment, rest)) = rest.split_once('\n') else {
        return Err(refused("it is cut off after its comment"));
    };
    if comment.len() > MAX_COMMENT - PREFIX.len() {
        return Err(refused("its comment is too long"));
    }
    let (encoded, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    if !rest.is_empty() {
        return Err(refused(
            "it goes on after its second line, as one with its message in it does, or one of another program",
        ));
    }
    let payload = STANDARD
        .decode(encoded)
        .map(Zeroizing::new)
        .map_err(|_| refused("its second line is not base64, or is cut off"))?;
    match payload.first_chunk() {
        Some(ALGORITHM) => Ok(Armored { comment: comment.to_owned(), payload }),
        Some(b"ED") => {
            Err(refused("it is a signature of a digest, as minisign makes them, and not of the file itself"))
        }
        _ => Err(refused("it is not of the algorithm Ed25519")),
    }
}

/// Writes the two lines. The text may be secret.
pub(super) fn to_text(comment: &str, payload: &[u8]) -> Zeroizing<String> {
    let room = MAX_COMMENT - PREFIX.len();
    let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + room + 2 * payload.len()));
    text.push_str(PREFIX);
    for c in comment.chars().filter(|c| !c.is_control()) {
        if text.len() + c.len_utf8() > PREFIX.len() + room {
            break;
        }
        text.push(c);
    }
    text.push('\n');
    let mut encoded = Zeroizing::new(vec![0; payload.len().div_ceil(3) * 4]);
    let length = STANDARD.encode_slice(payload, &mut encoded).unwrap_or_default();
    text.extend(encoded.iter().take(length).map(|byte| char::from(*byte)));
    text.push('\n');
    text
}

/// The error for a payload of the wrong length.
pub(super) fn wrong_length(what: &str, found: usize, wanted: usize) -> Error {
    Error::invalid(format!(
        "{what} cannot be read: it holds {found} bytes in place of {wanted}; it is cut off, or is something else"
    ))
}

/// A file's name without its folder and without `extension`, for comments.
pub(super) fn stem(path: &Path, extension: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(extension).unwrap_or(&name).to_owned()
}
