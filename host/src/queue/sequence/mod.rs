//! Jobs that follow one another.

mod advance;
mod change;
mod look;
mod new;
mod reference;
mod resolve;
mod submit;
mod validate;
mod view;

pub(super) use advance::{advance, mend, stop};
pub use new::{NewSequence, Step};
pub(super) use reference::Uses;
pub(super) use resolve::resolve;
pub use view::{Sequence, SequenceFilter};
