use super::*;
use serde_json::json;

const PLUGIN: &str = r#"(component
    (import "cjm:plugin/types@0.1.0" (instance))
    (import "cjm:plugin/job@0.1.0" (instance))
    (import "wasi:cli/stdout@0.2.6" (instance))
    (import "wasi:cli/environment@0.2.6" (instance))
    (import "wasi:sockets/tcp@0.2.6" (instance))
    (core module (@producers (language "Rust" "") (processed-by "rustc" "1.95.0")))
    (component $inner (import "wasi:nn/tensor" (instance)) (core module) (export "inner" (instance 0)))
    (instance $empty)
    (export "cjm:plugin/plugin@0.1.0" (instance $empty))
    (export "cjm:plugin/streaming@0.1.0" (instance $empty))
    (export "my:own/thing" (instance $empty))
    (@producers (processed-by "wit-component" "0.254.0"))
)"#;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    match inspect("a.wasm", bytes).unwrap_err() {
        error @ Error::InvalidInput(_) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tells_what_a_plugin_is_without_running_it() {
    let bytes = wat(PLUGIN);
    let inspection = inspect("a.wasm", &bytes).unwrap();
    assert_eq!(
        serde_json::to_value(&inspection).unwrap(),
        json!({
            "file": "a.wasm",
            "digest": Digest::of(&bytes).to_string(),
            "size": bytes.len(),
            "contract": "0.1.0",
            "imports": {
                "job": ["cjm:plugin/job@0.1.0"],
                "cli": ["wasi:cli/stdout@0.2.6", "wasi:cli/environment@0.2.6"],
                "sockets": ["wasi:sockets/tcp@0.2.6"],
            },
            "exports": [
                { "name": "cjm:plugin/plugin@0.1.0", "role": "plugin" },
                { "name": "cjm:plugin/streaming@0.1.0", "role": "streaming" },
                { "name": "my:own/thing", "role": "other" },
            ],
            "language": "Rust",
            "languages": [{ "name": "Rust" }],
            "tools": [
                { "name": "rustc", "version": "1.95.0" },
                { "name": "wit-component", "version": "0.254.0" },
            ],
            "core-modules": 2,
        })
    );
    assert!(inspection.exports_role(Role::Streaming) && !inspection.exports_role(Role::Lifecycle));
    assert_eq!(inspection.roles(), ["cjm:plugin/plugin", "cjm:plugin/streaming", "my:own/thing"]);
    let text = serde_json::to_string(&inspection).unwrap();
    assert_eq!(serde_json::from_str::<Inspection>(&text).unwrap(), inspection, "it can be kept as JSON");
}

#[test]
fn says_what_a_file_is_that_is_no_component() {
    assert!(refused(b"").starts_with("`a.wasm` is empty"));
    assert!(refused(b"\x7fELF").contains("`a.wasm` is not a WebAssembly component but an ELF file"));
    assert!(refused(b"(component)").contains("wasm-tools parse"));
    assert!(refused(&wat("(module)")).contains("build for wasm32-wasip2"));
    assert!(
        refused(&[b"\0asm\x0d\0\x01\0".as_slice(), &[0x7f, 0]].concat()).contains("no section of kind 127")
    );
}

#[test]
fn says_what_a_component_exports_in_place_of_a_plugin() {
    assert!(refused(&wat("(component)")).contains("It exports nothing."));
    let names: String = (0..8).map(|n| format!(r#"(export "x:y/z{n}@1.0.0" (instance $empty))"#)).collect();
    let said = refused(&wat(&format!("(component (instance $empty) {names})")));
    assert!(said.contains("It exports `x:y/z0@1.0.0`, ") && said.contains("and 3 more"), "{said}");
    let unversioned = wat(r#"(component (instance $e) (export "cjm:plugin/plugin" (instance $e)))"#);
    assert!(refused(&unversioned).contains("version cannot be read"));
}

#[test]
fn refuses_versions_that_the_host_does_not_speak() {
    let host = Version::new(0, 1, 0);
    let built = |export: &str, import: &str| {
        let text = format!(
            r#"(component (import "cjm:plugin/job@{import}" (instance)) (instance $e)
                (export "cjm:plugin/plugin@{export}" (instance $e)))"#
        );
        inspect("a.wasm", &wat(&text)).unwrap().check_contract(&host).map_err(|error| error.to_string())
    };
    assert_eq!(built("0.1.0", "0.1.0"), Ok(()));
    assert!(built("0.2.0", "0.2.0").unwrap_err().contains("cjm:plugin 0.2.0"));
    assert!(built("0.1.0", "0.1.3").unwrap_err().contains("cjm:plugin 0.1.3"));
}

#[test]
fn no_cut_makes_it_panic_or_pass_as_a_plugin_of_another_kind() {
    let bytes = wat(PLUGIN);
    let whole = inspect("a.wasm", &bytes).unwrap();
    for end in 0..bytes.len() {
        match inspect("a.wasm", &bytes[..end]) {
            // Cut exactly between two sections the rest is a smaller component.
            Ok(part) => assert!(part.exports.len() <= whole.exports.len()),
            Err(error) => assert!(matches!(error, Error::InvalidInput(_))),
        }
    }
    assert!(refused(&bytes[..6]).contains("cut off or damaged at byte 4 of 6"));
}

#[test]
fn no_damage_makes_it_panic() {
    let bytes = wat(PLUGIN);
    // A fixed sequence (xorshift), so that a failure can be repeated.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random() % 4 {
            let at = random() % damaged.len();
            damaged[at] = random() as u8;
        }
        let _ = inspect("a.wasm", &damaged);
        let noise: Vec<u8> = (0..random() % 64).map(|_| random() as u8).collect();
        let _ = inspect("a.wasm", &[b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat());
    }
}
