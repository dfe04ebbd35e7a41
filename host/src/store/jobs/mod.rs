//! The tables of jobs, their inputs and their results.

mod payload;
mod read;
mod row;
mod write;

pub(crate) use payload::{Content, Payload, Which};
pub(crate) use read::{JobQuery, Jobs};
pub use row::JobState;
pub(super) use row::{COLUMNS, OPEN_COLUMNS};
pub(crate) use row::{Found, JobRow, Listed, OpenJob};
pub(crate) use write::{Claim, Ending, Keyed, NewRow, NewStep};
