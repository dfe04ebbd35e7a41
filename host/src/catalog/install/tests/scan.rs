use super::*;

fn files(scan: &Scan) -> Vec<&str> {
    scan.components.iter().map(|found| found.file.as_str()).collect()
}

fn problem(scan: &Scan, file: &str) -> String {
    let mut found = scan.problems.iter().filter(|problem| problem.path.ends_with(file));
    found.next().unwrap_or_else(|| panic!("{file}: {:?}", scan.problems)).error.to_string()
}

#[test]
fn every_component_is_found_in_order_with_its_manifest() {
    let place = Place::new();
    place.folder.commit(&staged("b", "1.0.0", b"b")).unwrap();
    place.drop_in("a-1.2.wasm", b"by hand");
    place.drop_in("C.wasm", b"");
    let scan = place.folder.scan().unwrap();
    assert_eq!(files(&scan), ["C.wasm", "a-1.2.wasm", "b.wasm"]);
    assert!(scan.problems.is_empty());
    let [_, a, b] = &scan.components[..] else { panic!() };
    assert_eq!((a.stem(), a.size, a.manifest.as_ref()), ("a-1.2", 7, None));
    assert_eq!(b.manifest.as_ref().unwrap().code.name, "b");
    assert!(b.modified.is_some());
}

#[test]
fn what_is_hidden_temporary_or_of_another_kind_is_passed_over() {
    let place = Place::new();
    for file in
        [".a.wasm", ".#a.wasm", "a.wasm~", "a.wasm.part", "a.WASM", "readme.txt", "settings.json", "wasm"]
    {
        place.drop_in(file, b"{}");
    }
    fs::create_dir(place.path("more")).unwrap();
    fs::write(place.path("more/b.wasm"), "").unwrap();
    let scan = place.folder.scan().unwrap();
    assert!(scan.components.is_empty() && scan.problems.is_empty(), "{scan:?}");
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_and_what_is_no_file_are_problems_that_hide_no_other() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let outside = place.root.path().join("outside.wasm");
    fs::write(&outside, "outside").unwrap();
    place.drop_in("good.wasm", b"good");
    fs::create_dir(place.path("sub")).unwrap();
    fs::write(place.path("sub/inner.wasm"), "inner").unwrap();
    symlink("sub/inner.wasm", place.path("inside.wasm")).unwrap();
    symlink(&outside, place.path("out.wasm")).unwrap();
    symlink("../outside.wasm", place.path("up.wasm")).unwrap();
    symlink("nowhere", place.path("dangling.wasm")).unwrap();
    symlink("circle.wasm", place.path("circle.wasm")).unwrap();
    fs::create_dir(place.path("folder.wasm")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket.wasm")).unwrap();
    place.drop_in("linked.wasm", b"");
    symlink(&outside, place.path("linked.json")).unwrap();

    let view = place.folder.view().unwrap();
    let scan = view.scan().unwrap();
    assert_eq!(files(&scan), ["good.wasm", "inside.wasm"]);
    assert_eq!(view.read("inside.wasm").unwrap().bytes, b"inner");
    for (file, said) in [
        ("out.wasm", "out of the plugins folder"),
        ("up.wasm", "out of the plugins folder"),
        ("dangling.wasm", "leads nowhere"),
        ("circle.wasm", "leads nowhere"),
        ("folder.wasm", "is a folder"),
        ("socket.wasm", "a pipe, a socket or a device"),
        ("linked.wasm", "linked.json is a link"),
    ] {
        assert!(problem(&scan, file).contains(said), "{}", problem(&scan, file));
        assert_eq!(view.read(file).unwrap_err().to_string(), problem(&scan, file));
    }
    assert_eq!(scan.problems.len(), 7, "{:?}", scan.problems);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_itself_a_link_is_none_that_leads_out() {
    let place = Place::new();
    place.drop_in("a.wasm", b"a");
    let link = place.root.path().join("link");
    std::os::unix::fs::symlink(place.folder.dir(), &link).unwrap();
    std::os::unix::fs::symlink("a.wasm", place.path("b.wasm")).unwrap();
    let folder = PluginFolder::open(link, place.folder.lock_path()).unwrap();
    assert_eq!(files(&folder.scan().unwrap()), ["a.wasm", "b.wasm"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_a_problem() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let file = std::ffi::OsStr::from_bytes(b"\xff.wasm");
    fs::write(place.folder.dir().join(file), "").unwrap();
    place.drop_in("a\\b.wasm", b"");
    let scan = place.folder.scan().unwrap();
    assert!(scan.components.is_empty());
    assert_eq!(scan.problems.len(), 2);
    assert!(scan.problems.iter().all(|problem| problem.error.to_string().contains("rename it")), "{scan:?}");
}

#[test]
fn a_component_whose_manifest_cannot_be_used_is_withheld() {
    let place = Place::new();
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    let manifest = fs::read_to_string(place.path("fox.json")).unwrap();
    for (text, said) in [
        ("{".to_owned(), "not well-formed JSON"),
        (manifest.replace("\"2.0\"", "\"3.0\""), "this manifest has format 3.0; this host reads 2.0"),
        (manifest.replace("fox.wasm\"", "owl.wasm\""), "is that of `owl.wasm`"),
        (manifest.replace("\"fox.wasm\"", "\"../fox.wasm\""), "not the plain name"),
    ] {
        fs::write(place.path("fox.json"), text).unwrap();
        let scan = place.folder.scan().unwrap();
        assert!(scan.components.is_empty());
        assert!(problem(&scan, "fox.wasm").contains(said), "{}", problem(&scan, "fox.wasm"));
    }
}

#[test]
fn a_manifest_without_its_component_is_a_problem_and_other_json_is_not() {
    let place = Place::new();
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    fs::remove_file(place.path("fox.wasm")).unwrap();
    place.drop_in("notes.json", b"{}");
    let scan = place.folder.scan().unwrap();
    assert!(problem(&scan, "fox.json").contains("`fox.wasm`, which is not there"));
    assert_eq!(scan.problems.len(), 1);
}

#[test]
fn a_folder_that_vanished_is_an_error_and_no_empty_folder() {
    let place = Place::new();
    place.drop_in("a.wasm", b"a");
    fs::remove_dir_all(place.folder.dir()).unwrap();
    let said = place.folder.scan().unwrap_err().to_string();
    assert!(said.contains("is not there: put it back"), "{said}");
    assert!(!place.folder.dir().exists());
    place.folder.commit(&staged("fox", "1.0.0", b"one")).unwrap();
    assert_eq!(files(&place.folder.scan().unwrap()), ["fox.wasm"]);
}

#[test]
fn reading_takes_plain_names_alone() {
    let place = Place::new();
    fs::write(place.root.path().join("outside.wasm"), "outside").unwrap();
    for file in ["../outside.wasm", "", ".", "..", "/etc/passwd", "a"] {
        let said = place.folder.read(file).unwrap_err().to_string();
        assert!(said.contains("not the plain name"), "{file}: {said}");
    }
    let said = place.folder.read("none.wasm").unwrap_err().to_string();
    assert!(said.contains("cannot read") && said.contains("none.wasm"), "{said}");
}

#[test]
fn a_component_that_is_too_large_is_not_read() {
    let place = Place::new();
    let file = fs::File::create(place.path("large.wasm")).unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    let said = place.folder.read("large.wasm").unwrap_err().to_string();
    assert!(said.contains("over 268435456 bytes"), "{said}");
}
