//! What is left when an installation or a removal ends between any two of its steps.

use super::super::change::Step;
use super::*;

const INSTALL: [Step; 7] =
    [Step::Stage, Step::Seal, Step::Lock, Step::Component, Step::Signature, Step::Manifest, Step::Clean];

/// From what to what.
fn ways() -> Vec<(Option<Staged>, Staged)> {
    let (one, two) = (staged("fox", "1.0.0", b"one"), staged("fox", "2.0.0", b"two"));
    vec![
        (None, one.clone()),
        (None, signed(one.clone())),
        (Some(one.clone()), two.clone()),
        (Some(signed(one.clone())), two.clone()),
        (Some(one.clone()), signed(two.clone())),
        (Some(signed(one)), signed(two)),
    ]
}

fn before(way: &Option<Staged>) -> (Place, State) {
    let place = Place::new();
    place.folder.commit(&staged("bystander", "1.0.0", b"bystander")).unwrap();
    if let Some(old) = way {
        place.folder.commit(old).unwrap();
    }
    let state = State::of(&place.folder, "fox");
    (place, state)
}

fn failing_at(step: Step) -> impl FnMut(Step) -> io::Result<()> {
    move |reached| if reached == step { Err(io::Error::other("crash")) } else { Ok(()) }
}

fn bystander_is_well(place: &Place) {
    let bystander = staged("bystander", "1.0.0", b"bystander");
    let state = State::of(&place.folder, "bystander");
    assert_eq!(state.component, Some(bystander.bytes));
    assert!(state.locked.is_some() && state.manifest.is_some());
}

#[test]
fn a_crash_before_any_step_leaves_the_old_state_or_the_new() {
    for (old, new) in ways() {
        for step in INSTALL {
            let (place, old) = before(&old);
            let guard = place.folder.begin("fox").unwrap();
            place.folder.install(&new, &mut failing_at(step)).unwrap_err();
            // Nothing is cleared up: so ends a process that is killed.
            drop(guard);
            let expected = match step {
                Step::Stage | Step::Seal | Step::Lock => old,
                _ => State::installed(&new),
            };
            let scan = place.folder.scan().unwrap();
            assert!(scan.problems.is_empty(), "{step:?}: {:?}", scan.problems);
            assert_eq!(State::of(&place.folder, "fox"), expected, "{step:?}");
            bystander_is_well(&place);
            place.folder.commit(&new).unwrap();
            assert_eq!(State::of(&place.folder, "fox"), State::installed(&new), "{step:?}, and once more");
        }
    }
}

#[test]
fn a_step_that_fails_leaves_the_old_state_and_says_so_or_the_new() {
    for (old, new) in ways() {
        for step in INSTALL {
            let (place, old) = before(&old);
            let guard = place.folder.begin("fox").unwrap();
            let taken = place.folder.install(&new, &mut failing_at(step));
            let outcome = place.folder.settle_after("fox", taken);
            drop(guard);
            match outcome {
                Ok(()) => assert_eq!(State::of(&place.folder, "fox"), State::installed(&new), "{step:?}"),
                Err(error) => {
                    assert!(error.to_string().contains("crash"), "{error}");
                    assert!(matches!(step, Step::Stage | Step::Seal | Step::Lock), "{step:?}");
                    assert_eq!(State::of(&place.folder, "fox"), old, "{step:?}");
                }
            }
            bystander_is_well(&place);
        }
    }
}

#[test]
fn a_crash_of_whoever_finishes_is_finished_by_the_next() {
    let (one, two) = (staged("fox", "1.0.0", b"one"), staged("fox", "2.0.0", b"two"));
    for (old, new) in [(Some(signed(one.clone())), two.clone()), (Some(one), signed(two))] {
        for first in [Step::Component, Step::Signature, Step::Manifest, Step::Clean] {
            for second in [Step::Component, Step::Signature, Step::Manifest, Step::Clean] {
                let (place, _) = before(&old);
                let guard = place.folder.begin("fox").unwrap();
                place.folder.install(&new, &mut failing_at(first)).unwrap_err();
                place.folder.put_in_place("fox", &mut failing_at(second)).unwrap_err();
                drop(guard);
                place.folder.view().unwrap();
                assert_eq!(State::of(&place.folder, "fox"), State::installed(&new), "{first:?}, {second:?}");
            }
        }
    }
}

#[test]
fn a_crash_while_removing_leaves_all_or_nothing() {
    for old in [staged("fox", "1.0.0", b"one"), signed(staged("fox", "1.0.0", b"one"))] {
        for step in [Step::Stage, Step::Lock, Step::Signature, Step::Manifest, Step::Component, Step::Clean] {
            let (place, there) = before(&Some(old.clone()));
            let guard = place.folder.begin("fox").unwrap();
            place.folder.uninstall("fox", &mut failing_at(step)).unwrap_err();
            drop(guard);
            let expected = match step {
                Step::Stage | Step::Lock => there,
                _ => State::absent(),
            };
            place.folder.view().unwrap();
            assert_eq!(State::of(&place.folder, "fox"), expected, "{step:?}");
            bystander_is_well(&place);
        }
    }
}

#[test]
fn a_removal_of_which_a_step_fails_says_so_or_is_finished() {
    for step in [Step::Stage, Step::Lock, Step::Signature, Step::Manifest, Step::Component, Step::Clean] {
        let (place, there) = before(&Some(staged("fox", "1.0.0", b"one")));
        let guard = place.folder.begin("fox").unwrap();
        let taken = place.folder.uninstall("fox", &mut failing_at(step));
        let outcome = place.folder.settle_after("fox", taken);
        drop(guard);
        let expected = if outcome.is_err() { there } else { State::absent() };
        assert_eq!(outcome.is_err(), matches!(step, Step::Stage | Step::Lock), "{step:?}");
        assert_eq!(State::of(&place.folder, "fox"), expected, "{step:?}");
    }
}

#[test]
fn files_that_were_half_gathered_are_cleared_away() {
    let place = Place::new();
    fs::create_dir(place.path(".staging-fox")).unwrap();
    fs::write(place.path(".staging-fox/fox.wasm"), "half").unwrap();
    fs::create_dir(place.path(".trash-fox")).unwrap();
    place.folder.view().unwrap();
    assert_eq!(State::of(&place.folder, "fox"), State::absent());
}

/// An installation of which all files are there, and nothing more: made by somebody who can write to the plugins
/// folder, and not to the lock file.
fn planted(place: &Place, staged: &Staged) {
    let guard = place.folder.begin("fox").unwrap();
    place.folder.install(staged, &mut failing_at(Step::Lock)).unwrap_err();
    drop(guard);
}

#[test]
fn nothing_in_the_folder_can_change_the_lock_file() {
    let place = Place::new();
    let good = staged("fox", "1.0.0", b"one");
    place.folder.commit(&good).unwrap();
    planted(&place, &staged("fox", "1.0.1", b"evil"));
    fs::write(place.path(".removing-bystander"), "").unwrap();
    fs::write(place.path(".removing-fox"), "").unwrap();
    place.folder.commit(&staged("bystander", "1.0.0", b"bystander")).unwrap();
    assert_eq!(State::of(&place.folder, "fox"), State::installed(&good));
    assert!(State::of(&place.folder, "bystander").component.is_some());
}

#[test]
fn what_was_gathered_and_then_altered_is_not_put_in_place() {
    let place = Place::new();
    let new = staged("fox", "1.0.0", b"one");
    let guard = place.folder.begin("fox").unwrap();
    place.folder.install(&new, &mut failing_at(Step::Component)).unwrap_err();
    drop(guard);
    fs::write(place.path(".ready-fox/fox.wasm"), "evil").unwrap();
    place.folder.view().unwrap();
    assert_eq!(State::of(&place.folder, "fox").component, None);
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_what_was_gathered_is_not_followed() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("fox.wasm"), "precious").unwrap();
    std::os::unix::fs::symlink(outside.path(), place.path(".ready-fox")).unwrap();
    std::os::unix::fs::symlink(outside.path(), place.path(".staging-owl")).unwrap();
    place.folder.view().unwrap();
    assert_eq!(fs::read(outside.path().join("fox.wasm")).unwrap(), b"precious");
    assert_eq!(State::of(&place.folder, "fox"), State::absent());
}

#[test]
fn where_it_cannot_be_finished_the_plugin_alone_is_withheld() {
    let place = Place::new();
    place.folder.commit(&staged("bystander", "1.0.0", b"bystander")).unwrap();
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    let new = staged("fox", "2.0.0", b"two");
    let guard = place.folder.begin("fox").unwrap();
    place.folder.install(&new, &mut failing_at(Step::Component)).unwrap_err();
    drop(guard);
    let lock = fs::read(place.folder.lock_path()).unwrap();
    fs::write(place.folder.lock_path(), "damaged").unwrap();

    let view = place.folder.view().unwrap();
    let scan = view.scan().unwrap();
    assert_eq!(scan.components.iter().map(Found::stem).collect::<Vec<_>>(), ["bystander"]);
    let said = scan.problems[0].error.to_string();
    assert!(said.contains("`fox` is left in the middle") && said.contains("cjm.lock"), "{said}");
    assert_eq!(scan.problems[0].path, place.path("fox.wasm"));
    assert!(view.read("fox.wasm").unwrap_err().to_string().contains("in the middle"));
    drop(view);
    assert!(place.folder.commit(&new).unwrap_err().to_string().contains("in the middle"));

    fs::write(place.folder.lock_path(), lock).unwrap();
    place.folder.view().unwrap();
    assert_eq!(State::of(&place.folder, "fox"), State::installed(&new));
}
