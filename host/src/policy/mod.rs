//! What instances and their calls may use.

mod address;
mod grants;
mod jobs;
mod limits;
mod overrides;
mod units;

pub(crate) use grants::Place;
pub use grants::{
    EnvironmentGrant, FolderAccess, FolderGrant, Grant, Grants, GuestPath, NetworkGrant, Scheme, SocketGrant,
    SocketProtocol,
};
pub use jobs::{Admission, Backtraces, QueueOptions, Retention};
pub use limits::Limits;
pub use overrides::LimitOverrides;
pub(crate) use units::amount;
