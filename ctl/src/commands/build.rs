//! `cjm-ctl build`: from a crate to a component that is known to be a plugin.

use crate::cli::BuildArgs;
use crate::failure::{Failure, Result};
use crate::output::Console;

/// Builds.
pub(crate) fn build(_args: &BuildArgs, _console: &Console) -> Result<()> {
    Err(Failure::fatal("not there yet"))
}
