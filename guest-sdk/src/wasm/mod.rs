//! The component's side: bindings of the contract, and the glue between them and the SDK.

pub mod bindings;
mod convert;
pub mod exports;
pub(crate) mod job;
pub(crate) mod logging;
pub(crate) mod secrets;
pub(crate) mod stream;
