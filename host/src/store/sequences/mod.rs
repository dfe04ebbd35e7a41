//! The table of sequences: jobs that follow one another.

mod read;
mod state;
mod write;

pub(crate) use read::{SequenceQuery, SequenceRow, Sequences};
pub use state::{SequenceMode, SequenceState};
pub(crate) use write::{Course, NewSequenceRow, Release};
