//! One loaded plugin: its Store, its calls, their cancellation, its death and its next life.

mod blueprint;
mod convert;
mod exclusive;
mod fresh;
mod lent;
mod live;
mod pipe;
mod runner;
mod shared;
mod stand_in;
mod state;
mod stream;
mod supervise;

pub(crate) use blueprint::{Blueprint, Catalogued, Linkers};
pub(crate) use lent::Lent;
pub(crate) use pipe::PipeReader;
pub(crate) use runner::{CallLimits, Runner, Work};
pub(crate) use stand_in::StandIns;
pub(crate) use stream::Items;
