//! What is in the project: `install`, `upgrade`, `remove`, `list`, `info`, `verify`, `validate`, `regenerate`.

use std::path::PathBuf;

use cjm_host::{Capability, Digest, Grant};
use clap::{ArgGroup, Args, ValueHint};

use super::ConfirmArgs;

const INSTALL_HELP: &str = "\
Examples:
  cjm-ctl install calculator.wasm
  cjm-ctl install https://plugins.example.org/fetch.wasm \\
      --grant network=https://example.org --digest sha256:…
  cjm-ctl install one.wasm two.wasm --yes
  cjm-ctl install --all                    what cjm.toml declares
  cjm-ctl install --all --locked --yes     the same, as cjm.lock has it

Everything is looked at before anything is changed: the component is checked and
asked to describe itself in a sandbox in which nothing is granted to it. What it
wants is shown, and what of that is granted. Then it is put into the plugins
folder with its manifest, and its digest into cjm.lock: wholly, or not at all.
What is granted can be changed later: `cjm-ctl grant`, or cjm.toml.

A signature is taken along where it lies beside the component: FILE.wasm.sig.

In cjm.toml, for --all:
  [plugins.fetch]
  source = \"https://plugins.example.org/fetch.wasm\"
  digest = \"sha256:…\"                    refused where it is another; optional";

/// Take plugins into the project: checked, pinned by their digests, with what they are granted
#[derive(Debug, Args)]
#[command(after_help = INSTALL_HELP)]
#[command(group = ArgGroup::new("what").required(true).args(["sources", "all"]))]
pub(crate) struct InstallArgs {
    /// A component: a file, or an address that begins with https:// or http://
    #[arg(value_name = "FILE|URL", value_hint = ValueHint::FilePath)]
    pub(crate) sources: Vec<String>,

    /// Install every plugin that cjm.toml declares with a source; what is up to date is left alone
    #[arg(long)]
    pub(crate) all: bool,

    /// Let the plugin use this; may be repeated. `cjm-ctl grant --help` has the forms
    #[arg(long = "grant", value_name = "GRANT", conflicts_with = "all")]
    pub(crate) grants: Vec<Grant>,

    /// Refuse the component unless it has this digest, for example from whoever made it
    #[arg(long, value_name = "SHA256", conflicts_with = "all")]
    pub(crate) digest: Option<Digest>,

    /// Refuse what is not in cjm.lock with the same digest
    #[arg(long)]
    pub(crate) locked: bool,

    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

const UPGRADE_HELP: &str = "\
Examples:
  cjm-ctl upgrade                     every plugin, from where it was installed
  cjm-ctl upgrade calculator
  cjm-ctl upgrade calculator --yes

Fetches each plugin anew from its source, and shows what would change: version
and digest, actions, configuration, what it wants to use. What was granted and
configured stays as it is.";

/// Fetch plugins anew from where they were installed, show what changes, and install that
#[derive(Debug, Args)]
#[command(after_help = UPGRADE_HELP)]
pub(crate) struct UpgradeArgs {
    /// The plugins; left out, all that are installed
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

const REMOVE_HELP: &str = "\
Examples:
  cjm-ctl remove calculator
  cjm-ctl remove calculator --purge     its configuration, too

Takes the component, its manifest with what was granted, and its signature out
of the plugins folder, and its digest out of cjm.lock. What stands in cjm.toml
stays, and so do secrets.";

/// Take plugins out of the project
#[derive(Debug, Args)]
#[command(after_help = REMOVE_HELP)]
pub(crate) struct RemoveArgs {
    /// The plugins
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,

    /// Delete the configurations of their instances, too
    #[arg(long)]
    pub(crate) purge: bool,

    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

const LIST_HELP: &str = "\
Examples:
  cjm-ctl list
  cjm-ctl list 'whisper*'
  cjm-ctl list --category transcription --without network
  cjm-ctl list --role cjm:plugin/streaming
  cjm-ctl list --json | jq -r '.plugins[].name'

A plugin has to fit everything that is asked for. Files in the plugins folder
that cannot be used are listed below, each with why.";

/// List the plugins of the project
#[derive(Debug, Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct ListArgs {
    /// Only those of this name, in which `*` stands for any characters
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Only those for this kind of work, for example transcription
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Option<String>,

    /// Only those that work on this, for example audio
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,

    /// Only those that export this interface, for example cjm:plugin/streaming; with `@VERSION` only in that version
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) role: Option<String>,

    /// Only those that import something of this capability; may be repeated
    #[arg(long, value_name = "CAPABILITY", value_parser = capability)]
    pub(crate) capability: Vec<Capability>,

    /// Only those that import nothing of this capability; may be repeated
    #[arg(long, value_name = "CAPABILITY", value_parser = capability)]
    pub(crate) without: Vec<Capability>,

    /// Only those that run there: OS or OS-ARCH, for example linux-x86_64
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
}

/// By the names that are printed.
fn capability(name: &str) -> Result<Capability, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

const INFO_HELP: &str = "\
Examples:
  cjm-ctl info calculator
  cjm-ctl info calculator --json | jq '.manifest.install'";

/// Show all that is known of a plugin in the project
#[derive(Debug, Args)]
#[command(after_help = INFO_HELP)]
pub(crate) struct InfoArgs {
    /// The plugin
    pub(crate) name: String,
}

const VERIFY_HELP: &str = "\
Examples:
  cjm-ctl verify
  cjm-ctl verify calculator
  cjm-ctl verify --json | jq '.[] | select(.integrity != \"intact\")'

Reads every component anew, and holds it against cjm.lock, its manifest and its
signature, as loading it does. The exit status is 1 where one would be refused.";

/// Check that plugins are what was installed
#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub(crate) struct VerifyArgs {
    /// The plugins; left out, all of them
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

const VALIDATE_HELP: &str = "\
Examples:
  cjm-ctl validate .cjm/plugins/calculator.json
  cjm-ctl validate calculator.json --json | jq '.error.violations[]'";

/// Check a manifest, and list everything that is wrong with it
#[derive(Debug, Args)]
#[command(after_help = VALIDATE_HELP)]
pub(crate) struct ValidateArgs {
    /// The manifest
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

const REGENERATE_HELP: &str = "\
Examples:
  cjm-ctl regenerate calculator

Writes the manifest's sections about the component anew, from the component as
it is now, and pins its digest. When it was installed, what was granted and
which limits were set stay. For a component that you replaced yourself, or that
was dropped into the plugins folder.";

/// Write a plugin's manifest anew, from its component as it is now
#[derive(Debug, Args)]
#[command(after_help = REGENERATE_HELP)]
pub(crate) struct RegenerateArgs {
    /// The plugin
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}
