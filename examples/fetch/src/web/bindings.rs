//! What wit-bindgen makes of `wit/`.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction)]

wit_bindgen::generate!({
    world: "cjm:fetch/fetch",
    path: "wit",
    generate_all,
});
