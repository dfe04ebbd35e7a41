//! What a host lends to guests: one folder a capability, each with its state, its view and its `add_to_linker`,
//! after the shape of wasmtime's own WASI crates. None knows of another, but that they ask `job` whose call it is.

pub(crate) mod bindings;
pub(crate) mod http;
pub(crate) mod job;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod refusals;
pub(crate) mod secrets;
pub(crate) mod wasi;
