//! What a file gets that is no plugin for this host: a message that names it, what was found, and what to do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use cjm_host::{Category, Error, Host, Source, inspect_bytes, inspect_file};
use cjm_tests::guest;

async fn refuse(name: &str, bytes: Vec<u8>) -> Error {
    let host = Host::builder().build().unwrap();
    let error = host.loader(Source::bytes(name, bytes)).load().await.expect_err("it is no plugin");
    assert!(error.to_string().contains(name), "the file is named: {error}");
    assert!(!error.is_retriable());
    error
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn a_file_that_is_not_wasm() {
    for (bytes, found) in [
        (&b""[..], "empty"),
        (b"#!/bin/sh\necho hello\n", "script"),
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (b"PK\x03\x04", "zip"),
        (b"(module)", "text"),
    ] {
        let error = refuse("not.wasm", bytes.to_vec()).await;
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().to_lowercase().contains(&found.to_lowercase()), "{error}");
    }
}

#[tokio::test]
async fn a_core_module() {
    let error = refuse("core.wasm", component("(module (func (export \"run\")))")).await;
    assert!(error.to_string().contains("core WebAssembly module"), "{error}");
    assert!(error.to_string().contains("wasm32-wasip2"), "what to do: {error}");
}

#[tokio::test]
async fn a_component_that_is_no_plugin() {
    let error = refuse(
        "other.wasm",
        component(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#),
    )
    .await;
    assert!(
        error.to_string().contains("cjm:plugin") && error.to_string().contains("wasi:cli/run"),
        "{error}"
    );
}

#[tokio::test]
async fn a_component_for_a_newer_contract() {
    let error = refuse(
        "new.wasm",
        component(r#"(component (instance $i) (export "cjm:plugin/plugin@0.9.0" (instance $i)))"#),
    )
    .await;
    assert!(error.to_string().contains("0.9.0") && error.to_string().contains("0.1.0"), "{error}");
}

#[tokio::test]
async fn a_component_that_imports_what_the_host_does_not_have() {
    let plugin = r#"(instance $p) (export "cjm:plugin/plugin@0.1.0" (instance $p))"#;
    let error = refuse(
        "greedy.wasm",
        component(&format!(r#"(component (import "acme:tools/hammer@1.0.0" (instance)) (import "acme:tools/saw@1.0.0" (instance)) {plugin})"#)),
    )
    .await;
    assert!(
        error.to_string().contains("acme:tools/hammer") && error.to_string().contains("acme:tools/saw"),
        "{error}"
    );

    let error = refuse(
        "shiny.wasm",
        component(&format!(r#"(component (import "wasi:nn/tensor@0.2.0" (instance)) {plugin})"#)),
    )
    .await;
    assert!(
        error.to_string().contains("wasi:nn/tensor") && error.to_string().contains("granted or not"),
        "{error}"
    );
}

#[tokio::test]
async fn a_component_whose_functions_are_of_another_shape() {
    let error = refuse(
        "odd.wasm",
        component(r#"(component (instance $i) (export "cjm:plugin/plugin@0.1.0" (instance $i)))"#),
    )
    .await;
    assert!(error.to_string().contains("describe"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read() {
    let host = Host::builder().build().unwrap();
    for path in ["/no/such/plugin.wasm", "/"] {
        let error = host.load(path).await.unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().contains(path), "{error}");
    }
    assert!(inspect_file("/no/such/plugin.wasm").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_and_altered_bytes_end_in_an_error_or_in_a_plugin_but_never_in_a_panic() {
    let good = std::fs::read(guest("echo")).unwrap();
    for length in (0..good.len()).step_by(good.len() / 300) {
        inspect_bytes("cut.wasm", &good[..length]).expect_err("a part of a component is not one");
    }
    let host = Host::builder().build().unwrap();
    let mut random = Random(7);
    let mut refused = 0;
    for round in 0..60 {
        let mut bytes = good.clone();
        for _ in 0..=round % 8 {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        // Debug sections are as large as the code, and not looked at: some alterations change nothing.
        refused +=
            u32::from(host.loader(Source::bytes("altered.wasm", bytes)).id("altered").load().await.is_err());
    }
    assert!(refused > 0);
    for length in [1, 8, 64, 4096] {
        let bytes: Vec<u8> = b"\0asm\x0d\0\x01\0"
            .iter()
            .copied()
            .chain((0..length).map(|_| random.below(256) as u8))
            .collect();
        assert!(host.loader(Source::bytes("random.wasm", bytes)).load().await.is_err());
    }
}

/// xorshift: the same bytes in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
