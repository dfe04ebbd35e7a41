//! One loaded plugin: its Store, its calls, their cancellation, its death and its next life.

mod blueprint;
mod convert;
mod exclusive;
mod fresh;
mod hook;
mod lent;
mod live;
mod options;
mod pipe;
mod reconfigure;
mod runner;
mod shared;
mod stand_in;
mod state;
mod stats;
mod stream;
mod supervise;

pub(crate) use blueprint::{Blueprint, Catalogued, Linkers};
pub(crate) use lent::Lent;
pub use options::Choice;
pub(crate) use pipe::PipeReader;
pub(crate) use runner::{CallLimits, Runner, Undone, Work};
pub(crate) use stand_in::StandIns;
pub use stats::InstanceStats;
pub(crate) use stream::Items;
