//! Writing plugins: `new`, `build`, `inspect`; and `completions`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::CacheArgs;

const INSPECT_HELP: &str = "\
Examples:
  cjm-ctl inspect calculator.wasm
  cjm-ctl inspect calculator.wasm --json | jq '.description.actions[].name'

The plugin is asked to describe itself in a sandbox in which nothing is granted
to it. Where it does not, what its bytes tell is printed all the same.";

/// Show what a plugin is, what it can do and what it needs, without running it
#[derive(Debug, Args)]
#[command(after_help = INSPECT_HELP)]
pub(crate) struct InspectArgs {
    /// The plugin: a WebAssembly component
    #[arg(value_name = "PLUGIN.wasm", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: PathBuf,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

const NEW_HELP: &str = "\
Examples:
  cjm-ctl new greeter                  the crate ./greeter
  cjm-ctl new greeter --path ~/src/g   the same in another directory
  cd greeter && cargo test             its test runs without WebAssembly
  cjm-ctl build                        greeter.wasm";

/// Start a plugin: a Rust crate that builds, with a test that passes
#[derive(Debug, Args)]
#[command(after_help = NEW_HELP)]
pub(crate) struct NewArgs {
    /// The plugin's name: a lower-case letter, then up to 63 of `a-z`, `0-9`, `-` and `_`
    pub(crate) name: String,

    /// The directory to create it in [default: ./NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) path: Option<PathBuf>,

    /// The directory of the crate cjm-guest [default: that of the checkout which cjm-ctl was built from]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) sdk: Option<PathBuf>,
}

const BUILD_HELP: &str = "\
Examples:
  cjm-ctl build                          the crate in this directory
  cjm-ctl build greeter                  the crate in ./greeter
  cjm-ctl build greeter -- --offline     with more options for cargo

Adds the target wasm32-wasip2 to the toolchain where it is missing, builds,
copies the component to DIR/NAME.wasm and checks that it is a plugin.";

/// Build a plugin's crate into a component, and check that it is a plugin
#[derive(Debug, Args)]
#[command(after_help = BUILD_HELP)]
pub(crate) struct BuildArgs {
    /// The directory of the plugin's crate
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// Build with this profile of the crate's
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub(crate) profile: String,

    /// More options for `cargo build`
    #[arg(last = true, value_name = "CARGO OPTIONS")]
    pub(crate) cargo: Vec<String>,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  cjm-ctl completions bash > ~/.local/share/bash-completion/completions/cjm-ctl
  cjm-ctl completions zsh > ~/.zfunc/_cjm-ctl
  cjm-ctl completions fish > ~/.config/fish/completions/cjm-ctl.fish";

/// Print a script that completes this command line in a shell
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}
