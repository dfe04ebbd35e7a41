//! Keys and signatures: `keygen`, `sign`, `trust`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

const KEYGEN_HELP: &str = "\
Examples:
  cjm-ctl keygen acme                    acme.sec and acme.pub
  cjm-ctl keygen acme --dir ~/keys

Ed25519 keys in the format of OpenBSD's signify, without a passphrase: whoever
has the file NAME.sec can sign. Give NAME.pub to those who are to trust what you
sign, and have them compare the fingerprint.";

/// Make a pair of keys to sign plugins with
#[derive(Debug, Args)]
#[command(after_help = KEYGEN_HELP)]
pub(crate) struct KeygenArgs {
    /// The key's name: 1 to 64 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`
    pub(crate) name: String,

    /// Where to put the two files
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

const SIGN_HELP: &str = "\
Examples:
  cjm-ctl sign calculator.wasm --key acme.sec       calculator.wasm.sig
  signify -V -p acme.pub -m calculator.wasm         checks the same

The signature goes where the component goes: `cjm-ctl install` takes it along.";

/// Sign components: a signature beside each
#[derive(Debug, Args)]
#[command(after_help = SIGN_HELP)]
pub(crate) struct SignArgs {
    /// The components
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// The secret key, as `cjm-ctl keygen` made it
    #[arg(short, long, value_name = "KEY.sec", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

const TRUST_HELP: &str = "\
Examples:
  cjm-ctl trust add acme.pub
  cjm-ctl trust list
  cjm-ctl trust remove acme

Where cjm.toml says `trust = \"signed\"`, only plugins that one of these keys
signed are loaded. A signature by one of them has to fit wherever there is one.";

/// Say whose signatures count
#[derive(Debug, Subcommand)]
#[command(after_help = TRUST_HELP)]
pub(crate) enum TrustCommand {
    Add(TrustAddArgs),
    /// List the keys that are trusted
    #[command(after_help = "Examples:\n  cjm-ctl trust list\n  cjm-ctl trust list --json")]
    List,
    /// Trust keys no longer
    #[command(after_help = "Examples:\n  cjm-ctl trust remove acme")]
    Remove {
        /// The names of the keys
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

const ADD_HELP: &str = "\
Examples:
  cjm-ctl trust add acme.pub
  cjm-ctl trust add downloaded.pub --name acme

Compare the fingerprint with the key's owner: whoever has the secret half can
have their plugins run here.";

/// Trust a public key
#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub(crate) struct TrustAddArgs {
    /// The public key
    #[arg(value_name = "KEY.pub", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// What to call it [default: the file's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}
