//! The acts of the demo. Each gives in one line what it has shown.

pub(crate) mod numbers;
pub(crate) mod pictures;
pub(crate) mod sentences;
pub(crate) mod spin;
