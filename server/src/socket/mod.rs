//! The socket of a data folder, from both its ends.

mod dial;
mod listen;
mod place;
mod serve;

pub(crate) use dial::{Dial, dial, send};
pub(crate) use listen::Listener;
pub(crate) use serve::serve;
