//! `cjm-ctl new`: a plugin crate that builds and whose test passes.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::NewArgs;
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, styled};
use crate::text::shell_quoted;

/// The files of the crate, with `{{name}}` and the like to be filled in.
const TEMPLATES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/Cargo.toml.in")),
    (".gitignore", include_str!("../../templates/gitignore.in")),
    ("README.md", include_str!("../../templates/README.md.in")),
    ("rust-toolchain.toml", include_str!("../../../rust-toolchain.toml")),
    ("src/lib.rs", include_str!("../../templates/lib.rs.in")),
];

/// Names that cargo refuses for a package, or that would hide what the crate itself needs.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "cjm-guest",
    "cjm_guest",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "schemars",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// What `--json` prints.
#[derive(Serialize)]
struct Created<'a> {
    name: &'a str,
    path: &'a Path,
    sdk: &'a Path,
    files: Vec<PathBuf>,
}

/// Creates the crate.
pub(crate) fn new(args: &NewArgs, console: &Console) -> Result<()> {
    check_name(&args.name)?;
    let sdk = find_sdk(args.sdk.as_deref())?;
    let dir = args.path.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    check_empty(&dir)?;

    let mut files = Vec::new();
    for (path, template) in TEMPLATES {
        let path = dir.join(path);
        write(&path, &fill_in(template, &args.name, &sdk))?;
        files.push(path);
    }
    // The versions that the SDK was tested with. Cargo drops the entries that the crate does not need.
    let lock = sdk.parent().map(|checkout| checkout.join("Cargo.lock")).filter(|lock| lock.is_file());
    if let Some(lock) = lock {
        let path = dir.join("Cargo.lock");
        fs::copy(&lock, &path).map_err(|error| Failure::io("write", &path, &error))?;
        files.push(path);
    }

    if console.json() {
        return console.print_json(&Created { name: &args.name, path: &dir, sdk: &sdk, files });
    }
    console.note(format!(
        "{} plugin {} in {}\n\n  cd {}\n  cargo test\n  cjm-ctl build\n  cjm-ctl run {}.wasm greet --input '{{\"names\": [\"Ada\"]}}'",
        styled(GOOD, "created"),
        styled(NAME, &args.name),
        dir.display(),
        shell_quoted(&dir),
        args.name,
    ));
    Ok(())
}

/// A name that is good for a cargo package, a crate, a file and a plugin.
fn check_name(name: &str) -> Result<()> {
    let well_formed = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if !well_formed {
        return Err(Failure::user(format!("`{name}` cannot be the name of a plugin"))
            .hint("begin with a lower-case letter, then use up to 63 of a-z, 0-9, - and _"));
    }
    if RESERVED.contains(&name) {
        return Err(Failure::user(format!("`{name}` has a meaning of its own in Rust"))
            .hint(format!("choose another name, for example {name}-plugin")));
    }
    Ok(())
}

/// The absolute path of the SDK.
fn find_sdk(given: Option<&Path>) -> Result<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
    let sdk = given.unwrap_or(&default);
    // Not the path as it was typed: the crate may lie in another directory.
    let found = fs::canonicalize(sdk).ok().filter(|sdk| sdk.join("Cargo.toml").is_file());
    match (found, given) {
        (Some(sdk), _) => Ok(sdk),
        (None, Some(given)) => Err(Failure::user(format!("no crate in {}", given.display()))
            .hint("--sdk is the directory guest-sdk of a checkout of cjm")),
        (None, None) => Err(Failure::user(format!(
            "the SDK is not at {} any more, where cjm-ctl was built",
            default.display()
        ))
        .hint("name the directory guest-sdk of a checkout of cjm with --sdk PATH")),
    }
}

/// Refuses a directory in which there is something already.
fn check_empty(dir: &Path) -> Result<()> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::user(format!("{} is not empty", dir.display()))
                .hint("name another directory with --path DIR")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::io("create a plugin in", dir, &error)),
    }
}

fn fill_in(template: &str, name: &str, sdk: &Path) -> String {
    // A basic string of TOML takes the escapes of JSON.
    let sdk = serde_json::Value::from(sdk.to_string_lossy()).to_string();
    template
        .replace("{{name}}", name)
        .replace("{{rust-version}}", env!("CARGO_PKG_RUST_VERSION"))
        .replace("\"{{sdk}}\"", &sdk)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|error| Failure::io("create", dir, &error))?;
    }
    fs::write(path, text).map_err(|error| Failure::io("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_for_cargo_and_the_contract() {
        for name in ["a", "greeter", "my-plugin_2"] {
            check_name(name).unwrap();
        }
        let too_long = "a".repeat(65);
        for name in ["", "2x", "-x", "Greeter", "a.b", "a/b", "..", "fn", "test", "serde", too_long.as_str()]
        {
            assert!(check_name(name).is_err(), "{name} was accepted");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for (path, template) in TEMPLATES {
            let text = fill_in(template, "greeter", Path::new("/a \"b\"/guest-sdk"));
            assert!(!text.contains("{{"), "{path}: {text}");
        }
    }

    #[test]
    fn odd_paths_survive_toml() {
        let manifest = fill_in("path = \"{{sdk}}\"", "x", Path::new("/a \"b\"\\c"));
        assert_eq!(manifest, r#"path = "/a \"b\"\\c""#);
    }
}
