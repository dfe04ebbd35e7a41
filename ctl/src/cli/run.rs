//! `run`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use cjm_host::Grant;
use clap::{Args, ValueHint};

use super::CacheArgs;

const RUN_HELP: &str = "\
Examples:
  cjm-ctl run calculator                             list its actions
  cjm-ctl run calculator add --input '{\"a\": 1, \"b\": 2}'
  cjm-ctl run calculator.wasm add --input-file sum.json      a file, not installed
  echo '{\"a\": 1, \"b\": 2}' | cjm-ctl run calculator.wasm add --input -
  cjm-ctl run thumbnail.wasm thumbnail --input-file photo.jpg \\
      --config '{\"format\": \"webp\"}' --output small.webp
  cjm-ctl run thumbnail.wasm thumbnail --input-file huge.png \\
      --timeout 30s --memory 512MiB --output small.png
  cjm-ctl run fetch.wasm fetch --input '{\"url\": \"https://example.org\"}' \\
      --grant network=https://example.org
  cjm-ctl run segment.wasm sentences --input-file book.txt --stream | head

Plugin:
  A name is that of a plugin in the project: installed, or dropped into its
  plugins folder. It runs with its stored configuration, its grants, its secrets
  and its limits. What has a `/` in it or ends in .wasm is a file: it runs with
  what the options give it, and with nothing else. Of a plugin in the project,
  --config takes the place of the stored configuration, --grant and --secret are
  added to what is granted, and limits take the place of its own; for this run.

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
    /// The plugin: the name of one in the project, or a file, a WebAssembly component
    #[arg(value_name = "NAME|PLUGIN.wasm", value_hint = ValueHint::FilePath)]
    pub(crate) plugin: PathBuf,

    /// The action to run; left out, the plugin's actions are listed
    pub(crate) action: Option<String>,

    /// The instance of a plugin in the project, whose configuration it has [default: the one with its name]
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,

    /// The plugin's configuration: JSON if it begins with `{`, else the path of a JSON file
    #[arg(long, value_name = "JSON|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<String>,

    /// Give the plugin a secret, from an environment variable or a file; may be repeated
    #[arg(long = "secret", value_name = "NAME=env:VAR|NAME=file:PATH")]
    pub(crate) secrets: Vec<String>,

    /// Let the plugin use this, for this run; may be repeated. `cjm-ctl grant --help` has the forms
    #[arg(long = "grant", value_name = "GRANT")]
    pub(crate) grants: Vec<Grant>,

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
