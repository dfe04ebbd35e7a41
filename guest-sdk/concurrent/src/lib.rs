//! A part of `cjm-guest`, not to be used alone: the interface `plugin` with an asynchronous `execute`.
//!
//! `cjm-guest` has the same interface with a synchronous one. The generated export macros of the two would have the same
//! name, and exported macros live at the root of their crate: hence a crate of its own.

#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction)]

wit_bindgen::generate!({
    inline: "package cjm:guest-concurrent; world concurrent { export cjm:plugin/plugin@0.1.0; }",
    path: "wit",
    generate_all,
    // Construction does not await; what takes long is a lifecycle hook's.
    async: ["-export:cjm:plugin/plugin@0.1.0#initialize"],
    pub_export_macro: true,
    export_macro_name: "export_concurrent",
});
