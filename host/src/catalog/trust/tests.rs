use std::fs;
use std::path::Path;

use super::*;
use crate::catalog::digest::Digest;

/// Made by `signify -G -n`, and by `signify -S` over [`MESSAGE`].
const PUBLIC: &str = "\
untrusted comment: cjm test vector public key
RWT0dxZ6mXZhdSpsIxNGEdvnbKWRrG418xNj7OHqzQanM9Fa6+LwxB5X
";
const SECRET: &str = "\
untrusted comment: cjm test vector secret key
RWRCSwAAAAC98tjrmhmQA2IeA/CRaB5V2boBQVJ9Vkb0dxZ6mXZhdQIPnKEPmmXELTe7ZxKf3Ex152VnxC/6CnF3zLFls1nnKmwjE0YR2+dspZGsbjXzE2Ps4erNBqcz0Vrr4vDEHlc=
";
const SIGNATURE: &str = "\
untrusted comment: verify with k.pub
RWT0dxZ6mXZhdYZRM+vAN6cAGOr6RbwuyiX/l50f/Hoz4g1x34DAG3k5LbhJnBiazdYJp7zTk87KvgnKBjizyfu4lEAMiW2cEw8=
";
const MESSAGE: &[u8] = b"The quick brown fox.\n";

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn secret_key(name: &str) -> SecretKey {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("{name}.sec"));
    write(&path, SECRET, 0o600);
    SecretKey::read(&path).unwrap()
}

#[test]
fn checks_what_signify_signed() {
    let (key, signature) = (PublicKey::parse(PUBLIC).unwrap(), Signature::parse(SIGNATURE).unwrap());
    assert!(key.verifies(MESSAGE, &signature));
    assert!(!key.verifies(&MESSAGE[1..], &signature));
    assert_eq!(signature.comment(), "verify with k.pub");
    assert_eq!(key.number().to_string(), "f477167a99766175");
    assert_eq!((key.to_text().as_str(), signature.to_text().as_str()), (PUBLIC, SIGNATURE));
}

#[test]
fn signs_what_signify_signs_byte_for_byte() {
    let key = secret_key("k");
    assert_eq!(key.sign(MESSAGE).to_text(), SIGNATURE);
    assert!(key.public().is_same_key(&PublicKey::parse(PUBLIC).unwrap()));
}

#[test]
fn a_new_key_signs_is_written_and_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (secret, public) = (dir.path().join("alice.sec"), dir.path().join("alice.pub"));
    let key = SecretKey::generate("alice").unwrap();
    key.write(&secret).unwrap();
    key.public().write(&public).unwrap();
    let signature = SecretKey::read(&secret).unwrap().sign(MESSAGE);
    assert_eq!(signature.comment(), "verify with alice.pub");
    assert!(PublicKey::read(&public).unwrap().verifies(MESSAGE, &signature));
    assert!(!PublicKey::parse(PUBLIC).unwrap().verifies(MESSAGE, &signature));
    let beside = Signature::path_of(&dir.path().join("a.wasm"));
    signature.write(&beside).unwrap();
    assert_eq!(beside, dir.path().join("a.wasm.sig"));
    assert_eq!(Signature::read(&beside).unwrap(), signature);
    assert!(SecretKey::generate("../alice").is_err());
}

#[test]
fn keys_are_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sec");
    let (first, second) = (SecretKey::generate("a").unwrap(), SecretKey::generate("a").unwrap());
    first.write(&path).unwrap();
    assert!(second.write(&path).unwrap_err().to_string().contains("exists"));
    assert_eq!(SecretKey::read(&path).unwrap().public(), first.public());
}

#[test]
fn a_secret_key_shows_itself_nowhere() {
    let shown = format!("{:?}", secret_key("k"));
    assert!(shown.contains("f477167a99766175") && !shown.contains("secret:"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_secret_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sec");
    SecretKey::generate("a").unwrap().write(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = SecretKey::read(&path).unwrap_err().to_string();
        assert!(said.contains("open to others") && said.contains("chmod 600"), "{said}");
    }
}

#[test]
fn a_key_under_a_passphrase_or_damaged_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.sec");
    // The byte at which the number of rounds ends, one of the checksum, one of the seed, one of the public half.
    for (at, reason) in [(7, "passphrase"), (24, "checksum"), (40, "checksum"), (103, "checksum")] {
        let mut payload = armor::parse("it", SECRET.as_bytes()).unwrap().payload;
        payload[at] ^= 1;
        write(&path, &armor::to_text("altered", &payload), 0o600);
        let said = SecretKey::read(&path).unwrap_err().to_string();
        assert!(said.contains(reason), "{at}: {said}");
    }
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let [public, sealed, tail] = [PUBLIC, SIGNATURE, &SIGNATURE[SIGNATURE.find("RW").unwrap()..]];
    for (text, reason) in [
        ("", "untrusted comment"),
        ("untrusted comment: x", "cut off"),
        ("untrusted comment: x\n", "Ed25519"),
        ("untrusted comment: x\nRW", "base64"),
        ("untrusted comment: x\nRUQ=\n", "minisign"),
        (&format!("{sealed}message"), "goes on"),
        (public, "42 bytes in place of 74"),
        (&format!("untrusted comment: {}\n{tail}", "x".repeat(2000)), "too long"),
    ] {
        let said = Signature::parse(text).unwrap_err().to_string();
        assert!(
            said.starts_with("the signature cannot be read: ") && said.contains(reason),
            "{text}: {said}"
        );
    }
    assert!(PublicKey::parse(SIGNATURE).unwrap_err().to_string().contains("74 bytes in place of 42"));
}

#[test]
fn no_damage_makes_it_panic_and_no_cut_passes() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("a.sec");
    write(&secret, "", 0o600);
    let cuts = |text: &'static str| (0..text.len() - 1).map(move |end| &text[..end]);
    assert!(cuts(PUBLIC).all(|text| PublicKey::parse(text).is_err()));
    assert!(cuts(SIGNATURE).all(|text| Signature::parse(text).is_err()));
    for text in cuts(SECRET) {
        fs::write(&secret, text).unwrap();
        assert!(SecretKey::read(&secret).is_err(), "{text}");
    }
    let signature = armor::parse("it", SIGNATURE.as_bytes()).unwrap().payload;
    let key = PublicKey::parse(PUBLIC).unwrap();
    for bit in 0..8 * signature.len() {
        let mut altered = signature.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let fits = Signature::parse(&armor::to_text("", &altered)).is_ok_and(|it| key.verifies(MESSAGE, &it));
        assert!(!fits, "bit {bit}");
    }
}

#[test]
fn keys_that_are_trusted_are_added_listed_removed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("trusted-keys");
    let mut keys = TrustedKeys::open(&dir).unwrap();
    let (key, other) = (PublicKey::parse(PUBLIC).unwrap(), SecretKey::generate("other").unwrap().public());
    let signature = Signature::parse(SIGNATURE).unwrap();
    let said = keys.verify(MESSAGE, &signature).unwrap_err().to_string();
    assert!(said.contains("f477167a99766175") && said.contains("no key is trusted yet"), "{said}");

    keys.add("vendor", key.clone()).unwrap();
    keys.add("vendor", key.clone()).unwrap();
    assert!(keys.add("vendor", other.clone()).unwrap_err().to_string().contains("another trusted key"));
    assert!(keys.add("again", key).unwrap_err().to_string().contains("under the name `vendor`"));
    assert!(keys.add("../vendor", other.clone()).is_err());
    keys.add("a", other).unwrap();

    let mut keys = TrustedKeys::open(&dir).unwrap();
    assert_eq!(keys.list().iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["a", "vendor"]);
    assert_eq!(keys.verify(MESSAGE, &signature).unwrap(), "vendor");
    let said = keys.verify(b"other", &signature).unwrap_err().to_string();
    assert!(said.contains("by the trusted key `vendor`, but does not fit"), "{said}");

    keys.remove("vendor").unwrap();
    assert!(keys.verify(MESSAGE, &signature).unwrap_err().to_string().contains("trusted are `a`"));
    assert!(keys.remove("vendor").unwrap_err().to_string().contains("no trusted key `vendor`"));
    assert!(keys.remove("../a").is_err());
    assert_eq!(TrustedKeys::open(&dir).unwrap().list().len(), 1);
}

#[test]
fn a_file_that_is_no_key_trusts_nobody_and_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("good.pub"), PUBLIC, 0o644);
    write(&dir.path().join("bad.pub"), "nonsense", 0o644);
    write(&dir.path().join("README"), "keys", 0o644);
    fs::create_dir(dir.path().join("folder.pub")).unwrap();
    let mut keys = TrustedKeys::open(dir.path()).unwrap();
    assert_eq!((keys.list().len(), keys.problems().len()), (1, 2));
    keys.remove("bad").unwrap();
    assert_eq!(TrustedKeys::open(dir.path()).unwrap().problems().len(), 1);
}

#[cfg(unix)]
#[test]
fn keys_that_others_can_write_trust_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a.pub"), PUBLIC, 0o664);
    let keys = TrustedKeys::open(dir.path()).unwrap();
    assert!(keys.list().is_empty() && keys.problems()[0].to_string().contains("chmod go-w"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(TrustedKeys::open(dir.path()).unwrap_err().to_string().contains("chmod go-w"));
}

#[test]
fn levels_have_the_names_of_the_configuration() {
    for level in [TrustLevel::Any, TrustLevel::Locked, TrustLevel::Signed] {
        assert_eq!(level.to_string().parse::<TrustLevel>().unwrap(), level);
        assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
    }
    assert!(TrustLevel::Any < TrustLevel::Locked && TrustLevel::Locked < TrustLevel::Signed);
    assert!("none".parse::<TrustLevel>().unwrap_err().to_string().contains("`any`, `locked` and `signed`"));
}

/// The highest level at which a component is admitted, and what is said above it.
fn admitted(verdict: &Verdict) -> (Option<TrustLevel>, String) {
    let mut highest = None;
    for level in [TrustLevel::Any, TrustLevel::Locked, TrustLevel::Signed] {
        match verdict.admit(level) {
            Ok(()) => highest = Some(level),
            Err(error) => return (highest, error.to_string()),
        }
    }
    (highest, String::new())
}

#[test]
fn a_component_is_admitted_as_far_as_it_can_show() {
    let dir = tempfile::tempdir().unwrap();
    let mut trusted = TrustedKeys::open(dir.path()).unwrap();
    let nobody = TrustedKeys::open(&dir.path().join("none")).unwrap();
    trusted.add("vendor", PublicKey::parse(PUBLIC).unwrap()).unwrap();
    let (good, bad) = (Digest::of(MESSAGE), Digest::of(b"another"));
    let nothing = Evidence {
        name: "fox",
        file: "fox.wasm",
        component: Some((MESSAGE, good)),
        locked: None,
        recorded: None,
        signature: None,
    };
    let locked = Evidence { locked: Some(good), recorded: Some(good), ..nothing };
    let signed = Evidence { signature: Some(SIGNATURE.as_bytes()), ..locked };
    let forged = secret_key("k").sign(b"another").to_text();
    let (any, lock, sign) = (Some(TrustLevel::Any), Some(TrustLevel::Locked), Some(TrustLevel::Signed));
    for (evidence, keys, integrity, level, said) in [
        (nothing, &trusted, Integrity::NotLocked, any, "cjm.lock does not have it"),
        (locked, &trusted, Integrity::Intact, lock, "it is not signed"),
        (signed, &trusted, Integrity::Intact, sign, ""),
        (signed, &nobody, Integrity::Intact, lock, "which is not trusted"),
        (
            Evidence { locked: None, ..signed },
            &trusted,
            Integrity::NotLocked,
            any,
            "cjm.lock does not have it",
        ),
        (Evidence { locked: Some(bad), ..signed }, &trusted, Integrity::Altered, None, "cjm.lock has sha256"),
        (Evidence { recorded: Some(bad), ..signed }, &trusted, Integrity::Altered, None, "its manifest"),
        (Evidence { component: None, ..signed }, &trusted, Integrity::Missing, None, "is missing"),
        (
            Evidence { signature: Some(forged.as_bytes()), ..locked },
            &trusted,
            Integrity::Intact,
            None,
            "does not fit",
        ),
        (Evidence { signature: Some(b"x"), ..locked }, &trusted, Integrity::Intact, None, "cannot be read"),
    ] {
        let verdict = Verdict::of(evidence, keys);
        assert_eq!(verdict.integrity, integrity, "{evidence:?}");
        let (highest, why) = admitted(&verdict);
        assert_eq!(highest, level, "{evidence:?}: {why}");
        assert!(why.contains(said) && (why.is_empty() || why.contains("`fox`")), "{why}");
    }
}

#[test]
fn a_verdict_has_a_stable_structure() {
    let keys = TrustedKeys::open(Path::new("none")).unwrap();
    let digest = Digest::of(MESSAGE);
    let verdict = Verdict::of(
        Evidence {
            name: "fox",
            file: "fox.wasm",
            component: Some((MESSAGE, digest)),
            locked: Some(digest),
            recorded: None,
            signature: Some(SIGNATURE.as_bytes()),
        },
        &keys,
    );
    assert_eq!(
        serde_json::to_value(&verdict).unwrap(),
        serde_json::json!({
            "name": "fox",
            "file": "fox.wasm",
            "integrity": "intact",
            "found": digest.to_string(),
            "locked": digest.to_string(),
            "recorded": null,
            "signature": { "state": "untrusted", "number": "f477167a99766175" },
        })
    );
}
