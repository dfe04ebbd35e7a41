//! Jobs that follow one another.

mod new;
mod view;

pub use new::{NewSequence, Step};
pub use view::Sequence;
