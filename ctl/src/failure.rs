//! What a command ends with when it does not succeed: an error of the host's taxonomy, and what to do about it.

use std::path::Path;

use cjm_host::{Error, ResourceKind};
use serde::Serialize;

use crate::exit::Status;

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error, and a hint on what to do that the error's own message does not give.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(flatten)]
    pub(crate) error: Error,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Nobody reads standard output any more, as after `| head`: an end, but nothing to complain about.
    #[serde(skip)]
    reader_gone: bool,
}

impl Failure {
    /// Something that the user can mend.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Error::invalid(message).into()
    }

    /// Something that the user did not cause.
    pub(crate) fn fatal(message: impl Into<String>) -> Self {
        Error::fatal(message).into()
    }

    /// A file that could not be read or written. The user named it, so the user can mend it, unless the disk is full
    /// or broken.
    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let message = format!("cannot {doing} {}: {error}", path.display());
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => {
                Error::exhausted(ResourceKind::Disk, message, None, None).into()
            }
            Kind::NotFound
            | Kind::PermissionDenied
            | Kind::AlreadyExists
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::ReadOnlyFilesystem
            | Kind::InvalidFilename
            | Kind::InvalidInput
            | Kind::InvalidData => Failure::user(message),
            _ => Failure::fatal(message),
        }
    }

    /// Nobody reads standard output any more.
    pub(crate) fn reader_gone() -> Self {
        Failure { reader_gone: true, ..Failure::fatal("nobody reads standard output any more") }
    }

    /// Whether this is to end the process without a word.
    pub(crate) fn is_silent(&self) -> bool {
        self.reader_gone
    }

    /// What was cut short before there was a call to cancel, or without waiting for its end.
    pub(crate) fn cancelled(what: impl Into<String>) -> Self {
        Error::Cancelled { what: what.into(), forced: false }.into()
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the process is to end with.
    pub(crate) fn status(&self) -> Status {
        if self.reader_gone { Status::Success } else { self.error.category().into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, hint: None, reader_gone: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_the_users_and_a_full_disk_is_not() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Failure::io("read", Path::new("x"), &missing).status(), Status::UserError);
        assert_eq!(Failure::io("write", Path::new("x"), &full).status(), Status::PluginError);
    }

    #[test]
    fn serializes_as_the_taxonomy_with_a_hint() {
        let failure = Failure::user("no such action").hint("name one of: add");
        assert_eq!(
            serde_json::to_value(&failure).unwrap(),
            serde_json::json!({
                "category": "invalid-input",
                "message": "no such action",
                "retriable": false,
                "hint": "name one of: add",
            })
        );
    }
}
