//! What plugins may use: `grant`, `revoke`, `grants`.

use cjm_host::Grant;
use clap::Args;

const GRANT_HELP: &str = "\
Examples:
  cjm-ctl grant fetch network=https://example.org 'network=https://*.example.org'
  cjm-ctl grant fetch network=http://intranet:8080,private
  cjm-ctl grant convert folder=data/in:/in folder=data/out:/out:rw
  cjm-ctl grant translate secret=api-key environment=LANG environment=TZ=UTC

Grants:
  folder=HOST:GUEST[:ro|rw]     a folder of this machine, at a path of the
                                plugin's; ro, to be read, unless rw is said
  network=URL[,private]         where HTTP requests may go: a scheme, a host in
                                which `*.` stands for any names before it, a
                                port. No private and no loopback address unless
                                `private` is said, whatever the name resolves to
  environment=NAME[=VALUE]      an environment variable of this process, or one
                                with this value
  secret=NAME                   a secret: `cjm-ctl secret set NAME`
  gpu                           the machine's GPUs
  socket=tcp://NETWORK[:PORT]   connections of any kind; udp, too

Everything else is refused. Grants are kept in the plugin's manifest; those in
cjm.toml are added to them.";

/// Let a plugin use something
#[derive(Debug, Args)]
#[command(after_help = GRANT_HELP)]
pub(crate) struct GrantArgs {
    /// The plugin
    pub(crate) name: String,

    /// What it may use
    #[arg(value_name = "GRANT", required = true)]
    pub(crate) grants: Vec<Grant>,
}

const REVOKE_HELP: &str = "\
Examples:
  cjm-ctl revoke fetch network=https://example.org
  cjm-ctl revoke convert folder=data/out:/out

Takes away what `cjm-ctl grant` or `install --grant` gave. What cjm.toml grants
is taken away there.";

/// Take back what a plugin was granted
#[derive(Debug, Args)]
#[command(after_help = REVOKE_HELP)]
pub(crate) struct RevokeArgs {
    /// The plugin
    pub(crate) name: String,

    /// What it may use no longer, as `cjm-ctl grants` shows it
    #[arg(value_name = "GRANT", required = true)]
    pub(crate) grants: Vec<Grant>,
}

const GRANTS_HELP: &str = "\
Examples:
  cjm-ctl grants
  cjm-ctl grants fetch
  cjm-ctl grants fetch --json | jq -r '.[].missing.grants[]?'";

/// Show what plugins may use and who said so, and what they want but were not granted
#[derive(Debug, Args)]
#[command(after_help = GRANTS_HELP)]
pub(crate) struct GrantsArgs {
    /// The plugin; left out, all of them
    pub(crate) name: Option<String>,
}
