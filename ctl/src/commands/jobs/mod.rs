//! Jobs: submitting them, looking at them, waiting for them, changing them.
//!
//! Each command is written once, against a client: of the worker where one runs, else of a queue that is opened here.

mod change;
mod events;
mod follow;
mod id;
mod line;
mod list;
mod live;
mod logs;
mod profiles;
mod reach;
mod result;
mod screen;
mod show;
mod submit;
mod wait;
pub(super) mod words;

pub(super) use change::{cancel, purge, reorder, retry};
pub(super) use events::events;
pub(super) use id::digits;
pub(super) use line::among_others;
pub(super) use list::jobs;
pub(super) use logs::logs;
pub(super) use profiles::profiles;
pub(super) use reach::{Purpose, Reach, look, with};
pub(super) use result::result;
pub(super) use show::job;
pub(super) use submit::submit;
pub(super) use wait::wait;
