//! What instances and their calls may use.

mod grants;
mod limits;

pub use grants::Grants;
pub use limits::Limits;
