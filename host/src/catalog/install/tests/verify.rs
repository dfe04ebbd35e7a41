use super::*;
use crate::catalog::trust::{Integrity, Signed, TrustLevel, TrustedKeys, Verdict};

fn verify(place: &Place, name: Option<&str>, keys: &TrustedKeys) -> Vec<(String, Integrity)> {
    let verdicts = place.folder.verify(name, keys).unwrap();
    verdicts.into_iter().map(|verdict| (verdict.name, verdict.integrity)).collect()
}

fn nobody() -> TrustedKeys {
    TrustedKeys::open(Path::new("nowhere")).unwrap()
}

#[test]
fn each_plugin_gets_the_verdict_that_it_deserves() {
    let place = Place::new();
    for name in ["altered", "gone", "intact", "other", "unmanifested"] {
        place.folder.commit(&staged(name, "1.0.0", name.as_bytes())).unwrap();
    }
    place.drop_in("altered.wasm", b"something else");
    fs::remove_file(place.path("gone.wasm")).unwrap();
    fs::remove_file(place.path("unmanifested.json")).unwrap();
    place.drop_in("other.json", b"{");
    place.drop_in("dropped-in.wasm", b"by hand");
    assert_eq!(
        verify(&place, None, &nobody()),
        [
            ("altered".to_owned(), Integrity::Altered),
            ("dropped-in".to_owned(), Integrity::NotLocked),
            ("intact".to_owned(), Integrity::Intact),
            ("other".to_owned(), Integrity::Unusable),
            ("unmanifested".to_owned(), Integrity::Intact),
            ("gone".to_owned(), Integrity::Missing),
        ]
    );
    assert_eq!(verify(&place, Some("intact"), &nobody()), [("intact".to_owned(), Integrity::Intact)]);
    assert_eq!(verify(&place, Some("gone"), &nobody()), [("gone".to_owned(), Integrity::Missing)]);
    let said = place.folder.verify(Some("unheard-of"), &nobody()).unwrap_err().to_string();
    assert!(said.contains("no plugin `unheard-of`"), "{said}");
    let unusable = place.folder.verify(Some("other"), &nobody()).unwrap().remove(0);
    assert!(unusable.admit(TrustLevel::Any).unwrap_err().to_string().contains("other.json"));
}

#[test]
fn every_byte_and_every_cut_counts() {
    let place = Place::new();
    let content = b"a component of some bytes";
    place.folder.commit(&staged("fox", "1.0.0", content)).unwrap();
    for at in 0..content.len() {
        let mut altered = content.to_vec();
        altered[at] ^= 1;
        for bytes in [&altered[..], &content[..at]] {
            place.drop_in("fox.wasm", bytes);
            let verdict = place.folder.verify(None, &nobody()).unwrap().remove(0);
            assert_eq!(verdict.integrity, Integrity::Altered);
            assert!(verdict.admit(TrustLevel::Any).unwrap_err().to_string().contains("was altered"));
        }
    }
}

#[test]
fn a_signature_counts_by_who_made_it() {
    let place = Place::new();
    let vendor = SecretKey::generate("vendor").unwrap();
    let mut fox = staged("fox", "1.0.0", b"one");
    fox.signature = Some(vendor.sign(b"one"));
    place.folder.commit(&fox).unwrap();
    let verdict = |keys: &TrustedKeys| place.folder.verify(Some("fox"), keys).unwrap().remove(0);
    let untrusted = verdict(&nobody());
    assert_eq!(untrusted.signature, Signed::Untrusted { number: vendor.public().number() });
    assert!(untrusted.admit(TrustLevel::Locked).is_ok() && untrusted.admit(TrustLevel::Signed).is_err());
    let mut keys = TrustedKeys::open(&place.root.path().join("trusted-keys")).unwrap();
    keys.add("acme", vendor.public()).unwrap();
    let trusted = verdict(&keys);
    assert_eq!(trusted.signature, Signed::By { key: "acme".into() });
    assert!(trusted.admit(TrustLevel::Signed).is_ok());
}

#[test]
fn an_altered_lock_file_is_an_error_and_takes_nobody_for_unlocked() {
    let place = Place::new();
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    fs::write(place.folder.lock_path(), "version = 1\n[[plugin]]\n").unwrap();
    let said = place.folder.verify(None, &nobody()).unwrap_err().to_string();
    assert!(said.contains("cjm.lock cannot be used"), "{said}");
    let view = place.folder.view().unwrap();
    let stored = view.read("fox.wasm").unwrap();
    assert!(view.verdict(&stored, "fox", &nobody()).is_err());
}

#[test]
fn a_plugin_under_the_name_of_one_that_is_pinned_is_held_against_that_pin() {
    let place = Place::new();
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    fs::remove_file(place.path("fox.wasm")).unwrap();
    fs::remove_file(place.path("fox.json")).unwrap();
    place.drop_in("innocent.wasm", b"impostor");
    let view = place.folder.view().unwrap();
    let stored = view.read("innocent.wasm").unwrap();
    let verdict: Verdict = view.verdict(&stored, "fox", &nobody()).unwrap();
    assert_eq!(verdict.integrity, Integrity::Altered);
    assert!(verdict.admit(TrustLevel::Any).is_err());
    assert_eq!(view.verdict(&stored, "innocent", &nobody()).unwrap().integrity, Integrity::NotLocked);
}

#[test]
fn signatures_are_kept_as_they_came() {
    let place = Place::new();
    let fox = signed(staged("fox", "1.0.0", b"one"));
    place.folder.commit(&fox).unwrap();
    assert_eq!(Some(Signature::read(&place.path("fox.wasm.sig")).unwrap()), fox.signature);
    assert_eq!(place.folder.read("fox.wasm").unwrap().digest, Digest::of(b"one"));
}
