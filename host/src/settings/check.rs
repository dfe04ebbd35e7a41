//! What values must be, wherever they come from.

use std::time::Duration;

use crate::error::{Error, Result};

pub(super) fn scope(scope: &str) -> Result<()> {
    crate::capability::secrets::check_scope(scope)
}

/// How long a prefetch may stand still.
pub(super) fn stall(duration: Duration) -> Result<()> {
    if duration.is_zero() {
        return Err(Error::invalid("a prefetch needs some time to make progress: more than 0 s"));
    }
    Ok(())
}
