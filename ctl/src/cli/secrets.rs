//! `secret`.

use clap::{Args, Subcommand};

const SECRET_HELP: &str = "\
Examples:
  cjm-ctl secret set api-key                 asks for it, and does not show it
  cjm-ctl secret set api-key < key.txt
  cjm-ctl secret list
  cjm-ctl secret delete api-key

A value is never printed. A plugin gets a secret only where it was granted:
`cjm-ctl grant PLUGIN secret=api-key`.";

/// Keep secrets for plugins
#[derive(Debug, Subcommand)]
#[command(after_help = SECRET_HELP)]
pub(crate) enum SecretCommand {
    /// Keep a secret, asked for without being shown, or read from standard input
    #[command(after_help = SET_HELP)]
    Set {
        /// Its name
        name: String,

        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// List the names of the secrets that are kept
    #[command(after_help = LIST_HELP)]
    List {
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Delete secrets
    #[command(after_help = DELETE_HELP)]
    Delete {
        /// Their names
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,

        #[command(flatten)]
        scope: ScopeArgs,
    },
}

const SET_HELP: &str = "\
Examples:
  cjm-ctl secret set api-key
  cjm-ctl secret set api-key --scope tenant-7 < key.txt
  pass show api-key | cjm-ctl secret set api-key

Of standard input, a line end at the very end is left away.";

const LIST_HELP: &str = "\
Examples:
  cjm-ctl secret list
  cjm-ctl secret list --scope tenant-7 --json";

const DELETE_HELP: &str = "\
Examples:
  cjm-ctl secret delete api-key
  cjm-ctl secret delete api-key --scope tenant-7";

/// Whose secrets.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScopeArgs {
    /// The secrets of this tenant [env: CJM_SECRETS_SCOPE] [default: default, or what cjm.toml says]
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
}
