//! The command line: what can be typed, and the help that teaches it.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

const ABOUT: &str = "\
Examples:
  cjm-ctl new greeter                      start a plugin
  cjm-ctl build greeter                    build it: greeter/greeter.wasm
  cjm-ctl inspect greeter/greeter.wasm     see what it can do and what it needs
  cjm-ctl run greeter/greeter.wasm greet --input '{\"names\": [\"Ada\"]}'

Output:
  Results go to standard output; progress, logs and errors go to standard
  error. With --json both are JSON, and what goes to standard error is one
  object a line, each with a single key: \"note\", \"started\", \"progress\",
  \"usage\", \"log\", \"cancel\" or \"error\".

Exit status:
    0  success
    1  the plugin failed: it trapped, went over a limit or its time, said that
       it cannot, or that it may later; or the machine below it failed
    2  what you gave cannot be used: an option, a file, an input, a
       configuration, a grant that is missing
  130  the job was cancelled, as by Ctrl-C
  With --json, \"category\" of the error says more.";

/// Write, build, inspect and run cjm plugins: WebAssembly components that run as jobs in a sandbox.
#[derive(Debug, Parser)]
#[command(name = "cjm-ctl", version, about, styles = STYLES, after_help = ABOUT)]
#[command(arg_required_else_help = true, propagate_version = true, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
}

/// How to print, the same for every command.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print JSON: results on standard output; progress, logs and errors as lines on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say more: the plugin's debug messages; twice for its trace messages
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Inspect(InspectArgs),
    New(NewArgs),
    Build(BuildArgs),
    Completions(CompletionsArgs),
}

/// Where compiled plugins are kept between runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Compile cache")]
pub(crate) struct CacheArgs {
    /// Keep compiled plugins in this directory instead of the user's cache directory
    #[arg(long, value_name = "DIR", env = "CJM_CACHE_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Compile anew, and keep nothing
    #[arg(long, conflicts_with = "cache_dir")]
    pub(crate) no_cache: bool,
}

const RUN_HELP: &str = "\
Examples:
  cjm-ctl run calculator.wasm                        list its actions
  cjm-ctl run calculator.wasm add --input '{\"a\": 1, \"b\": 2}'
  cjm-ctl run calculator.wasm add --input-file sum.json
  echo '{\"a\": 1, \"b\": 2}' | cjm-ctl run calculator.wasm add --input -
  cjm-ctl run thumbnail.wasm thumbnail --input-file photo.jpg \\
      --config '{\"format\": \"webp\"}' --output small.webp
  cjm-ctl run thumbnail.wasm thumbnail --input-file huge.png \\
      --timeout 30s --memory 512MiB --output small.png
  cjm-ctl run segment.wasm sentences --input-file book.txt --stream | head

Input:
  --input is JSON. --input-file is JSON where its name ends in .json or
  --media-type is application/json; any other file is handed over as it is,
  with the media type that its extension suggests or that --media-type gives.
  Without either the input is {}. `-` is standard input in both.

Output:
  JSON is indented on a terminal, and one line elsewhere. Bytes go to --output,
  or to standard output where that is no terminal. Files appear complete or not
  at all. With --stream there is one line of JSON for each item, as it comes;
  items that are bytes become files in the directory --output, or base64 within
  the line where there is none.

Ctrl-C:
  The first asks the plugin to stop and gives it its grace time (3 s) before it
  is stopped by force; the second stops it at once. The exit status is 130.";

/// Run one action of a plugin, and print its result
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct RunArgs {
    /// The plugin: a WebAssembly component
    #[arg(value_name = "PLUGIN.wasm", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: PathBuf,

    /// The action to run; left out, the plugin's actions are listed
    pub(crate) action: Option<String>,

    /// The plugin's configuration: JSON if it begins with `{`, else the path of a JSON file
    #[arg(long, value_name = "JSON|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<String>,

    /// Give the plugin a secret, from an environment variable or a file; may be repeated
    #[arg(long = "secret", value_name = "NAME=env:VAR|NAME=file:PATH")]
    pub(crate) secrets: Vec<String>,

    /// Write the result to this file; with --stream, a directory for the items that are bytes
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,

    /// Print results one by one as they come, a line of JSON each
    #[arg(long)]
    pub(crate) stream: bool,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

/// What the action gets.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// The input as JSON; `-` reads it from standard input
    #[arg(short, long, value_name = "JSON", conflicts_with = "input_file", allow_hyphen_values = true)]
    pub(crate) input: Option<String>,

    /// A file as the input: JSON if it ends in .json, else bytes; `-` reads standard input
    #[arg(short = 'f', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input_file: Option<PathBuf>,

    /// The media type of --input-file, where its extension does not tell
    #[arg(long, value_name = "TYPE", requires = "input_file")]
    pub(crate) media_type: Option<String>,
}

/// How much the plugin may use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// The longest that the action may take, for example 500ms, 30s or 5m
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// The longest that the action may compute; waiting does not count
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) cpu_time: Option<Duration>,

    /// How long the plugin may take to stop once it was asked to
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) grace: Option<Duration>,

    /// The most memory that the plugin may take, for example 256MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<ByteSize>,

    /// A budget of instructions, which ends the same way on every machine; makes the plugin slower
    #[arg(long, value_name = "N")]
    pub(crate) fuel: Option<u64>,
}

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_and_sizes_are_written_as_people_write_them() {
        let cli = Cli::try_parse_from([
            "cjm-ctl",
            "run",
            "p.wasm",
            "a",
            "--timeout",
            "500ms",
            "--memory",
            "256MiB",
            "--fuel",
            "10",
        ])
        .unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(run.limits.timeout, Some(Duration::from_millis(500)));
        assert_eq!(run.limits.memory, Some(ByteSize::mib(256)));
        assert_eq!(run.limits.fuel, Some(10));
    }

    #[test]
    fn a_negative_number_is_an_input_and_not_an_option() {
        let cli = Cli::try_parse_from(["cjm-ctl", "run", "p.wasm", "a", "--input", "-1"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(run.input.input.as_deref(), Some("-1"));
    }

    #[test]
    fn two_inputs_are_refused() {
        let both = ["cjm-ctl", "run", "p.wasm", "a", "--input", "1", "--input-file", "x"];
        assert!(Cli::try_parse_from(both).is_err());
    }
}
