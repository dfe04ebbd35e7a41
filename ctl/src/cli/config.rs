//! `config`: the configurations of plugins, and the settings of the project.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

const CONFIG_HELP: &str = "\
Examples:
  cjm-ctl config schema thumbnail                   what can be set
  cjm-ctl config set thumbnail format=webp quality=90
  cjm-ctl config get thumbnail
  cjm-ctl config unset thumbnail quality
  cjm-ctl config show --origin                      the settings of the project";

/// Configure plugins, and show the settings of the project
#[derive(Debug, Subcommand)]
#[command(after_help = CONFIG_HELP)]
pub(crate) enum ConfigCommand {
    Get(ConfigGetArgs),
    Set(ConfigSetArgs),
    Unset(ConfigUnsetArgs),
    Schema(ConfigSchemaArgs),
    Options(ConfigOptionsArgs),
    Show(ConfigShowArgs),
}

const GET_HELP: &str = "\
Examples:
  cjm-ctl config get thumbnail
  cjm-ctl config get thumbnail format
  cjm-ctl config get thumbnail --json | jq .stored";

/// Print a plugin's configuration: what was set, with the defaults of the rest
#[derive(Debug, Args)]
#[command(after_help = GET_HELP)]
pub(crate) struct ConfigGetArgs {
    /// The plugin, or the id of one of its instances
    pub(crate) plugin: String,

    /// Only this value; dots lead into objects and lists: `model.layers.0`
    pub(crate) key: Option<String>,
}

const SET_HELP: &str = "\
Examples:
  cjm-ctl config set thumbnail format=webp quality=90
  cjm-ctl config set whisper model.name=base 'model.languages=[\"en\", \"de\"]'
  cjm-ctl config set thumbnail --file thumbnail.json        all of it anew
  echo '{\"quality\": 90}' | cjm-ctl config set thumbnail --file -

A value is JSON where the schema takes it as such, else text. The whole is held
against the plugin's schema before it is stored; nothing is stored where it does
not fit.";

/// Set values of a plugin's configuration, or all of it from a file
#[derive(Debug, Args)]
#[command(after_help = SET_HELP)]
#[command(group = ArgGroup::new("what").required(true).args(["values", "file"]))]
pub(crate) struct ConfigSetArgs {
    /// The plugin, or the id of one of its instances
    pub(crate) plugin: String,

    /// Values; dots in a key lead into objects and lists
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) values: Vec<String>,

    /// Take the whole configuration from this JSON file; `-` reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// Store keys that the schema does not know, with a warning, instead of refusing them
    #[arg(long)]
    pub(crate) lenient: bool,
}

const UNSET_HELP: &str = "\
Examples:
  cjm-ctl config unset thumbnail quality
  cjm-ctl config unset thumbnail --all      back to cjm.toml's, or the defaults";

/// Take back values of a plugin's configuration, so that they have their defaults
#[derive(Debug, Args)]
#[command(after_help = UNSET_HELP)]
#[command(group = ArgGroup::new("what").required(true).args(["keys", "all"]))]
pub(crate) struct ConfigUnsetArgs {
    /// The plugin, or the id of one of its instances
    pub(crate) plugin: String,

    /// The values; dots in a key lead into objects and lists
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,

    /// Delete all that was set
    #[arg(long)]
    pub(crate) all: bool,
}

const SCHEMA_HELP: &str = "\
Examples:
  cjm-ctl config schema thumbnail
  cjm-ctl config schema thumbnail --json > thumbnail.schema.json";

/// Show what can be configured; with --json, the JSON Schema
#[derive(Debug, Args)]
#[command(after_help = SCHEMA_HELP)]
pub(crate) struct ConfigSchemaArgs {
    /// The plugin
    pub(crate) plugin: String,
}

const OPTIONS_HELP: &str = "\
Examples:
  cjm-ctl config options whisper
  cjm-ctl config options whisper --json | jq '.[\"/model\"][].value'

Asks the plugin, which is loaded for it: for example for the models that are
there right now.";

/// Show the values that can be chosen right now, for fields that depend on what is there
#[derive(Debug, Args)]
#[command(after_help = OPTIONS_HELP)]
pub(crate) struct ConfigOptionsArgs {
    /// The plugin, or the id of one of its instances
    pub(crate) plugin: String,
}

const SHOW_HELP: &str = "\
Examples:
  cjm-ctl config show
  cjm-ctl config show --origin
  CJM_TRUST=signed cjm-ctl config show --origin --json

Settings come from the command line, over the environment (CJM_…), over
cjm.toml, over defaults.";

/// Show the settings of the project
#[derive(Debug, Args)]
#[command(after_help = SHOW_HELP)]
pub(crate) struct ConfigShowArgs {
    /// Say where each value comes from
    #[arg(long)]
    pub(crate) origin: bool,
}
