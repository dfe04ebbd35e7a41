//! `cjm-ctl validate`: everything that is wrong with a manifest.

use cjm_host::{Error, Manifest};
use serde_json::json;

use crate::cli::ValidateArgs;
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, styled};

/// Checks the manifest.
pub(crate) fn validate(args: &ValidateArgs, console: &Console) -> Result<()> {
    let bytes = std::fs::read(&args.file).map_err(|error| Failure::io("read", &args.file, &error))?;
    let path = args.file.display();
    let text = String::from_utf8(bytes)
        .map_err(|error| Failure::user(format!("{path} is no manifest: {}", error.utf8_error())))?;
    let violations = Manifest::validate(&text);
    if !violations.is_empty() {
        let what = match violations.len() {
            1 => format!("{path} cannot be used as a manifest:"),
            several => format!("{path} cannot be used as a manifest, for {several} reasons:"),
        };
        return Err(Failure::from(Error::violated(what, violations))
            .hint("`cjm-ctl regenerate NAME` writes a plugin's manifest anew, and keeps what was granted"));
    }
    console.note(format!("{} {} is a good manifest", styled(GOOD, "ok:"), styled(NAME, &path)));
    if console.json() { console.print_json(&json!({ "valid": true })) } else { Ok(()) }
}
