//! `cjm-ctl keygen`, `sign` and `trust`: whose plugins run.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cjm_host::{Digest, PublicKey, SecretKey, Signature, TrustedKeys};
use serde_json::json;

use crate::cli::{KeygenArgs, SignArgs, TrustAddArgs, TrustCommand};
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, WARNING, styled};
use crate::project::Project;
use crate::table::{Table, Tone};
use crate::text::{one_line, shell_quoted};

/// Makes a pair of keys.
pub(crate) fn keygen(args: &KeygenArgs, console: &Console) -> Result<()> {
    let key = SecretKey::generate(&args.name)?;
    // Not `./NAME.sec`, where the folder is this one.
    let dir = if args.dir == Path::new(".") { Path::new("") } else { &args.dir };
    let path = |extension: &str| dir.join(format!("{}.{extension}", args.name));
    let (secret, public) = (path("sec"), path("pub"));
    // Before the first is written: half a pair is of no use.
    for file in [&secret, &public] {
        if file.exists() {
            return Err(Failure::user(format!("there is a key {} already", file.display()))
                .hint("keys are never overwritten: choose another name, or move that one away"));
        }
    }
    key.write(&secret)?;
    let made = key.public();
    made.write(&public)?;
    if console.json() {
        return console.print_json(&json!({
            "name": args.name,
            "secret": secret,
            "public": public,
            "number": made.number(),
            "fingerprint": made.fingerprint(),
        }));
    }
    console.note(format!(
        "{} {}, which signs: keep it to yourself\n     {}, which checks: give it to others, with its fingerprint:",
        styled(GOOD, "made"),
        styled(NAME, secret.display()),
        styled(NAME, public.display()),
    ));
    console.print(&format!("{}\n", made.fingerprint()))?;
    console.note(format!("\n  cjm-ctl sign PLUGIN.wasm --key {}", shell_quoted(&secret)));
    Ok(())
}

/// Signs components.
pub(crate) fn sign(args: &SignArgs, console: &Console) -> Result<()> {
    let key = SecretKey::read(&args.key)?;
    let mut signed = Vec::new();
    for file in &args.files {
        let bytes = read(file)?;
        // A signature says that somebody stands for a plugin; over anything else it could only mislead.
        cjm_host::inspect_bytes(&file.display().to_string(), &bytes)?;
        let path = Signature::path_of(file);
        key.sign(&bytes).write(&path)?;
        console.note(format!("{} {}", styled(GOOD, "signed"), styled(NAME, path.display())));
        signed.push(json!({ "file": file, "digest": Digest::of(&bytes), "signature": path, "number": key.public().number() }));
    }
    if console.json() { console.print_json(&signed) } else { Ok(()) }
}

/// Says whose signatures count.
pub(crate) fn trust(command: &TrustCommand, project: &Project, console: &Console) -> Result<()> {
    let settings = project.settings()?;
    let mut keys = TrustedKeys::open(&settings.trusted_keys_dir())?;
    match command {
        TrustCommand::Add(args) => add(args, &mut keys, console),
        TrustCommand::List => list(&keys, console),
        TrustCommand::Remove { names } => {
            for name in names {
                keys.remove(name)?;
                console.note(format!(
                    "{} {}: its signatures count no longer",
                    styled(GOOD, "removed"),
                    styled(NAME, name)
                ));
            }
            if console.json() { console.print_json(&json!({ "removed": names })) } else { Ok(()) }
        }
    }
}

fn add(args: &TrustAddArgs, keys: &mut TrustedKeys, console: &Console) -> Result<()> {
    let key = PublicKey::read(&args.file)?;
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let name = args.name.as_deref().unwrap_or(&stem);
    let fingerprint = key.fingerprint();
    keys.add(name, key).map_err(|error| match args.name {
        Some(_) => error.into(),
        None => Failure::from(error).hint("name it with --name NAME"),
    })?;
    if console.json() {
        let added = keys.list().iter().find(|known| known.name == name);
        return console.print_json(&added);
    }
    console.note(format!(
        "{} what {} signs; compare its fingerprint with the owner's:",
        styled(GOOD, "trusted is"),
        styled(NAME, name)
    ));
    console.print(&format!("{fingerprint}\n"))
}

fn list(keys: &TrustedKeys, console: &Console) -> Result<()> {
    for problem in keys.problems() {
        console.note(format!("{} {}", styled(WARNING, "warning:"), one_line(&problem.to_string())));
    }
    if console.json() {
        return console.print_json(&keys.list());
    }
    if keys.list().is_empty() {
        console.note("no key is trusted yet: `cjm-ctl trust add KEY.pub`");
        return Ok(());
    }
    let mut table = Table::new(["NAME", "NUMBER", "FINGERPRINT", "COMMENT"]);
    for trusted in keys.list() {
        table.row([
            (Tone::Name, &trusted.name),
            (Tone::Plain, &trusted.key.number().to_string()),
            (Tone::Plain, &trusted.key.fingerprint().to_string()),
            (Tone::Dim, trusted.key.comment()),
        ]);
    }
    console.print(&table.render())
}

/// Reads no more than what shows that a file is too large.
fn read(path: &Path) -> Result<Vec<u8>> {
    const MAX_READ: u64 = 257 << 20;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_READ).read_to_end(&mut bytes))
        .map_err(|error| Failure::io("read", path, &error))?;
    Ok(bytes)
}
