//! One `generate!` for each set of exports that a component can have: which of them a component exports is decided by
//! which macro the author's crate expands, and only then does its description travel with the component.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::pedantic)]

/// The types of the contract are the SDK's own, so nothing is converted at the boundary. They have the names and
/// fields that the generated code expects.
pub mod types {
    pub use crate::error::{Error, InvalidInput, ResourceKind, Shortfall, Transient};
    pub use crate::value::{Blob, Value};
    pub type Json = String;
}

/// What the host offers.
pub mod imports {
    wit_bindgen::generate!({
        world: "cjm:plugin/imports",
        path: "wit",
        generate_all,
    });
}

/// `plugin` with a synchronous `execute`.
pub mod blocking {
    wit_bindgen::generate!({
        inline: "package cjm:guest-blocking; world blocking { export cjm:plugin/plugin@0.1.0; }",
        path: "wit",
        with: { "cjm:plugin/types@0.1.0": crate::wasm::bindings::types },
        async: false,
        pub_export_macro: true,
        export_macro_name: "export_blocking",
    });
}

/// `plugin` with an asynchronous `execute`.
pub use cjm_guest_concurrent as concurrent;

/// `streaming`.
pub mod streaming {
    wit_bindgen::generate!({
        inline: "package cjm:guest-streaming; world streaming { export cjm:plugin/streaming@0.1.0; }",
        path: "wit",
        with: { "cjm:plugin/types@0.1.0": crate::wasm::bindings::types },
        pub_export_macro: true,
        export_macro_name: "export_streaming",
    });
}

/// `lifecycle`.
pub mod lifecycle {
    wit_bindgen::generate!({
        inline: "package cjm:guest-lifecycle; world lifecycle { export cjm:plugin/lifecycle@0.1.0; }",
        path: "wit",
        with: { "cjm:plugin/types@0.1.0": crate::wasm::bindings::types },
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
    });
}

/// `config-options`.
pub mod options {
    wit_bindgen::generate!({
        inline: "package cjm:guest-options; world options { export cjm:plugin/config-options@0.1.0; }",
        path: "wit",
        with: { "cjm:plugin/types@0.1.0": crate::wasm::bindings::types },
        pub_export_macro: true,
        export_macro_name: "export_options",
    });
}
