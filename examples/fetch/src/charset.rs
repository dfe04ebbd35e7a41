//! Bytes to text, as browsers do it.

use std::borrow::Cow;
use std::convert::Infallible;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::tree::Tree;

/// How far into a page its encoding may be named.
const PRESCAN_BYTES: usize = 1024;

/// Decodes a page: by its byte order mark, else as the header `content-type` says, else as its own `<meta>` says; else
/// as UTF-8 where it is that, and as windows-1252 where it is not. What cannot be decoded becomes U+FFFD.
pub fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
    let named = content_type.and_then(parameter).or_else(|| declared(bytes));
    let encoding =
        named.unwrap_or_else(|| if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 });
    // A byte order mark is stronger than all.
    encoding.decode(bytes).0
}

/// The parameter `charset` of a media type.
fn parameter(content_type: &str) -> Option<&'static Encoding> {
    let mut parameters = content_type.split(';').skip(1);
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        if name.trim().eq_ignore_ascii_case("charset") { Encoding::for_label(value.as_bytes()) } else { None }
    })
}

/// What a page says of itself. All encodings but UTF-16 agree on the characters that it says it with.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..PRESCAN_BYTES).unwrap_or(bytes);
    let (head, _) = WINDOWS_1252.decode_without_bom_handling(head);
    let Ok(tree) = Tree::parse(&head, || Ok::<_, Infallible>(()));
    let declared = tree.elements().filter(|element| element.is("meta")).find_map(|meta| {
        let charset = || Encoding::for_label(meta.attribute("charset")?.as_bytes());
        let http_equiv = || {
            let equiv = meta.attribute("http-equiv")?;
            if equiv.eq_ignore_ascii_case("content-type") {
                parameter(meta.attribute("content")?)
            } else {
                None
            }
        };
        charset().or_else(http_equiv)
    })?;
    // Who could read this was not looking at UTF-16.
    Some(if declared == UTF_16BE || declared == UTF_16LE { UTF_8 } else { declared })
}
