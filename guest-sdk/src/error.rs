//! Why a call failed, as the plugin sees it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

/// What an action, a constructor or a hook gives back.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. The host decides by the case whether another attempt can help.
///
/// The host adds the failures that only it can see (time-outs, traps, limits, missing grants), so that a plugin
/// never has to describe those.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The caller can mend this: a bad argument, a bad configuration, a missing file. Not tried again.
    InvalidInput(InvalidInput),
    /// A later attempt may succeed: a time-out, a busy service.
    Transient(Transient),
    /// Something ran out. An attempt may succeed once there is more of it.
    ResourceExhausted(Shortfall),
    /// The plugin stopped because it was asked to.
    Cancelled,
    /// No attempt will succeed: a broken model file, a bug.
    Fatal(String),
    /// A failure that this version of the contract has no case for. Hosts treat it as fatal.
    Other(String),
}

/// What is wrong with an input or a configuration, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct InvalidInput {
    /// What is wrong, for people.
    pub message: String,
    /// JSON pointers (RFC 6901) of the offending fields, such as `/options/language`; empty for the whole input.
    pub fields: Vec<String>,
}

/// A failure that may pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Transient {
    /// What happened, for people.
    pub message: String,
    /// The least time to wait before the next attempt, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What ran out.
#[derive(Debug, Clone, PartialEq)]
pub enum ResourceKind {
    /// The memory of the instance or of the machine.
    SystemMemory,
    /// The memory of a graphics or compute device.
    GpuMemory,
    /// Space on a file system.
    Disk,
    /// A resource that this version of the contract has no case for, by name.
    Other(String),
}

/// That something ran out, and by how much where that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    /// What happened, for people.
    pub message: String,
    /// What ran out.
    pub kind: ResourceKind,
    /// How much was needed, in bytes.
    pub needed_bytes: Option<u64>,
    /// How much there was, in bytes.
    pub available_bytes: Option<u64>,
}

impl Error {
    /// The input or the configuration as a whole is not usable.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::invalid_fields::<[&str; 0]>([], message)
    }

    /// One field is not usable; `pointer` is its JSON pointer (RFC 6901), such as `/options/language`.
    pub fn invalid_field(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_fields([pointer], message)
    }

    /// Some fields are not usable, each named by its JSON pointer (RFC 6901).
    pub fn invalid_fields<I>(pointers: I, message: impl Into<String>) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let fields = pointers.into_iter().map(Into::into).collect();
        Self::InvalidInput(InvalidInput { message: message.into(), fields })
    }

    /// A later attempt may succeed. See also [`Error::retry_after`].
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient(Transient { message: message.into(), retry_after_ms: None })
    }

    /// Something ran out. See also [`Error::needing`] and [`Error::available`].
    pub fn exhausted(kind: ResourceKind, message: impl Into<String>) -> Self {
        Self::ResourceExhausted(Shortfall {
            message: message.into(),
            kind,
            needed_bytes: None,
            available_bytes: None,
        })
    }

    /// No attempt will succeed.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal(message.into())
    }

    /// Sets the least time to wait before the next attempt, in whole milliseconds. Only [`Error::Transient`] has one;
    /// other errors stay as they are.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Self::Transient(transient) = &mut self {
            transient.retry_after_ms = Some(wait.as_millis().try_into().unwrap_or(u64::MAX));
        }
        self
    }

    /// Sets how many bytes were needed. Only [`Error::ResourceExhausted`] says so; other errors stay as they are.
    #[must_use]
    pub fn needing(mut self, bytes: u64) -> Self {
        if let Self::ResourceExhausted(shortfall) = &mut self {
            shortfall.needed_bytes = Some(bytes);
        }
        self
    }

    /// Sets how many bytes there were. Only [`Error::ResourceExhausted`] says so; other errors stay as they are.
    #[must_use]
    pub fn available(mut self, bytes: u64) -> Self {
        if let Self::ResourceExhausted(shortfall) = &mut self {
            shortfall.available_bytes = Some(bytes);
        }
        self
    }

    /// The JSON pointers of the offending fields; empty for all but [`Error::InvalidInput`].
    pub fn fields(&self) -> &[String] {
        match self {
            Self::InvalidInput(invalid) => &invalid.fields,
            _ => &[],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(invalid) if invalid.fields.is_empty() => {
                write!(f, "invalid input: {}", invalid.message)
            }
            Self::InvalidInput(invalid) => {
                write!(f, "invalid input at {}: {}", invalid.fields.join(", "), invalid.message)
            }
            Self::Transient(transient) => write!(f, "transient failure: {}", transient.message),
            Self::ResourceExhausted(shortfall) => {
                let what = match &shortfall.kind {
                    ResourceKind::SystemMemory => "memory",
                    ResourceKind::GpuMemory => "GPU memory",
                    ResourceKind::Disk => "disk space",
                    ResourceKind::Other(name) => name,
                };
                write!(f, "out of {what}: {}", shortfall.message)
            }
            Self::Cancelled => f.write_str("cancelled"),
            Self::Fatal(message) | Self::Other(message) => f.write_str(message),
        }
    }
}

impl StdError for Error {}

/// A missing file is the caller's to mend; what networks and locks do may pass; what is full may be emptied; the rest
/// is fatal.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let message = chain(&error);
        match error.kind() {
            Kind::NotFound => Self::invalid(message),
            Kind::OutOfMemory => Self::exhausted(ResourceKind::SystemMemory, message),
            Kind::StorageFull | Kind::QuotaExceeded => Self::exhausted(ResourceKind::Disk, message),
            Kind::AddrInUse
            | Kind::ConnectionAborted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::NotConnected
            | Kind::ResourceBusy
            | Kind::TimedOut
            | Kind::WouldBlock => Self::transient(message),
            _ => Self::Fatal(message),
        }
    }
}

/// Fatal, since the SDK has dealt with the action's own input already: this is data that the plugin came by otherwise.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Fatal(chain(&error))
    }
}

/// Fatal.
impl From<fmt::Error> for Error {
    fn from(error: fmt::Error) -> Self {
        Self::Fatal(chain(&error))
    }
}

/// Turns the error of any result into an [`Error`], where `?` alone cannot know which case is meant.
///
/// ```
/// use cjm_guest::{Result, ResultExt};
///
/// fn port(text: &str) -> Result<u16> {
///     text.parse().invalid("/port")
/// }
///
/// assert_eq!(port("x").unwrap_err().fields(), ["/port"]);
/// ```
pub trait ResultExt<T> {
    /// An error means that no attempt will succeed.
    fn fatal(self) -> Result<T>;

    /// An error means that the field at this JSON pointer is not usable; an empty pointer means the whole input.
    fn invalid(self, pointer: &str) -> Result<T>;

    /// An error means that a later attempt may succeed.
    fn transient(self) -> Result<T>;
}

impl<T, E: StdError> ResultExt<T> for Result<T, E> {
    fn fatal(self) -> Result<T> {
        self.map_err(|error| Error::Fatal(chain(&error)))
    }

    fn invalid(self, pointer: &str) -> Result<T> {
        self.map_err(|error| {
            let fields = (!pointer.is_empty()).then_some(pointer);
            Error::invalid_fields(fields, chain(&error))
        })
    }

    fn transient(self) -> Result<T> {
        self.map_err(|error| Error::transient(chain(&error)))
    }
}

/// The message of an error and of all that caused it, since only text crosses to the host.
fn chain(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Many errors already print their source.
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    message
}
