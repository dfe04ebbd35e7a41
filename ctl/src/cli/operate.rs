//! Day by day: `categories`, `enable`, `disable`, `prefetch`, `watch`.

use clap::Args;

pub(super) const CATEGORIES_HELP: &str = "\
Examples:
  cjm-ctl categories
  cjm-ctl categories --json | jq -r '.[].entries[] | select(.\"is-configured\") | .id'";

const SWITCH_HELP: &str = "\
Examples:
  cjm-ctl disable whisper
  cjm-ctl enable whisper

This is kept: applications that load the plugin later find it so.";

/// Which instances are switched on or off.
#[derive(Debug, Args)]
#[command(after_help = SWITCH_HELP)]
pub(crate) struct SwitchArgs {
    /// The plugin, or the id of one of its instances
    #[arg(value_name = "INSTANCE", required = true)]
    pub(crate) instances: Vec<String>,
}

const PREFETCH_HELP: &str = "\
Examples:
  cjm-ctl prefetch whisper

A plugin that makes no progress for 60 s, or what the setting prefetch-stall
says, is stopped.";

/// Have a plugin fetch what its first job would wait for, such as a model
#[derive(Debug, Args)]
#[command(after_help = PREFETCH_HELP)]
pub(crate) struct PrefetchArgs {
    /// The plugin
    pub(crate) name: String,

    /// The instance [default: the one with the plugin's name]
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,
}

pub(super) const WATCH_HELP: &str = "\
Examples:
  cjm-ctl watch
  cjm-ctl watch -v           with the plugins' debug messages
  cjm-ctl watch --json       one event a line, on standard output

Loads every plugin of the project, follows the plugins folder, and prints what
happens: what is put there is loaded, what changes is replaced, what goes is
unloaded. Until Ctrl-C.";
