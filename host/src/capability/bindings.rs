//! What wasmtime makes of the contract in `wit/`.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::all)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "cjm:plugin/full",
    imports: { default: store },
    exports: { default: async },
});

pub(crate) use self::cjm::plugin::types;
pub(crate) use self::cjm::plugin::{cancellation, job, secrets};
pub(crate) use self::exports::cjm::plugin::config_options;
pub(crate) use self::exports::cjm::plugin::plugin as exported;
pub(crate) use self::wasi::logging::logging;
