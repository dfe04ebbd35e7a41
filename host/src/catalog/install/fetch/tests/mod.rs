mod server;

use std::fs;
use std::time::Duration;

use ureq::Proxy;

use super::http::{Client, without_user};
use super::*;
use crate::catalog::trust::SecretKey;
use server::{Server, answer, roots};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn going_on(_: u64, _: Option<u64>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// As on a machine where the environment names no proxy.
fn get(address: &str) -> Result<Fetched> {
    Client::default().fetch(address, &mut going_on)
}

fn refused(address: &str) -> String {
    match get(address).unwrap_err() {
        error @ Error::InvalidInput(_) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn signature() -> Signature {
    SecretKey::generate("vendor").unwrap().sign(COMPONENT)
}

#[test]
fn a_path_gives_the_file_and_the_signature_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fox.wasm");
    let source = path.to_str().unwrap();
    fs::write(&path, COMPONENT).unwrap();
    let fetched = fetch(source, &mut going_on).unwrap();
    assert_eq!(
        (fetched.bytes.as_slice(), fetched.source.as_str(), fetched.signature),
        (COMPONENT, source, None)
    );
    let signature = signature();
    signature.write(&Signature::path_of(&path)).unwrap();
    assert_eq!(fetch(source, &mut going_on).unwrap().signature, Some(signature));
    fs::write(Signature::path_of(&path), "nonsense").unwrap();
    assert!(fetch(source, &mut going_on).unwrap_err().to_string().contains("fox.wasm.sig"));
}

#[test]
fn what_is_no_source_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let said = |source: &str| fetch(source, &mut going_on).unwrap_err().to_string();
    assert!(said("ftp://example.org/a.wasm").contains("there are `https://`, `http://` and paths"));
    assert!(said(dir.path().to_str().unwrap()).contains("is no file"));
    assert!(said(dir.path().join("none.wasm").to_str().unwrap()).contains("cannot read"));
    assert!(said("https://").contains("is no address"));
}

#[test]
fn an_address_gives_the_file_and_the_signature_beside_it() {
    let signature = signature();
    let text = signature.to_text();
    let server = Server::start(move |target| match target {
        "/a/fox.wasm" => answer("200 OK", "content-type: application/wasm\r\n", COMPONENT),
        "/a/fox.wasm.sig" => answer("200 OK", "", text.as_bytes()),
        _ => answer("404 Not Found", "", b""),
    });
    let address = format!("{}/a/fox.wasm", server.address);
    let mut seen = Vec::new();
    let fetched = Client::default()
        .fetch(&address, &mut |done, total| {
            seen.push((done, total));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.source), (COMPONENT, address));
    assert_eq!(fetched.signature, Some(signature));
    let size = COMPONENT.len() as u64;
    assert_eq!((seen[0], *seen.last().unwrap()), ((0, Some(size)), (size, Some(size))));
    assert_eq!(server.asked(), ["GET /a/fox.wasm HTTP/1.1", "GET /a/fox.wasm.sig HTTP/1.1"]);
}

#[test]
fn a_signature_that_is_not_there_is_none_and_one_that_is_damaged_is_an_error() {
    for (reply, found) in [
        (answer("404 Not Found", "", b""), Some(false)),
        (answer("403 Forbidden", "", b""), Some(false)),
        (answer("200 OK", "content-type: text/html\r\n", &[b' '; 100_000]), Some(false)),
        (answer("200 OK", "", b"<!DOCTYPE html><p>All is well"), Some(false)),
        (answer("200 OK", "", b"untrusted comment: x\nRW"), None),
        (answer("200 OK", "", &[b' '; 100_000]), None),
        (answer("500 Internal Server Error", "", b""), None),
    ] {
        let server = Server::start(move |target| match target {
            "/fox.wasm?v=1" => answer("200 OK", "", COMPONENT),
            "/fox.wasm.sig?v=1" => reply.clone(),
            _ => Vec::new(),
        });
        let fetched = get(&format!("{}/fox.wasm?v=1", server.address));
        match found {
            Some(found) => assert_eq!(fetched.unwrap().signature.is_some(), found),
            None => assert!(fetched.unwrap_err().to_string().contains("/fox.wasm.sig?v=1")),
        }
    }
}

#[test]
fn an_answer_that_is_no_file_is_an_error_that_names_it() {
    let server = Server::start(|target| match target {
        "/page" => answer("200 OK", "content-type: text/html; charset=utf-8\r\n", b"<p>Download it here"),
        "/unnamed-page" => answer("200 OK", "", b"\n <!doctype HTML><html>"),
        "/missing" => answer("404 Not Found", "", b""),
        "/denied" => answer("401 Unauthorized", "", b""),
        "/teapot" => answer("418 I'm a teapot", "", b""),
        "/nothing" => b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec(),
        "/round" => answer("302 Found", "location: /round\r\n", b""),
        _ => b"no http\r\n\r\n".to_vec(),
    });
    for (path, said) in [
        ("page", "a web page, not with a component"),
        ("unnamed-page", "a web page, not with a component"),
        ("missing", "the server answers 404 Not Found; check the address"),
        ("denied", "401 Unauthorized; it may want a name and a password"),
        ("teapot", "418"),
        ("nothing", "204"),
        ("round", "redirects more than 10 times"),
        ("other", "was not fetched"),
    ] {
        let address = format!("{}/{path}", server.address);
        let error = refused(&address);
        assert!(error.contains(said) && error.contains(&address), "{error}");
    }
}

#[test]
fn what_may_succeed_later_is_transient() {
    let server = Server::start(|target| match target {
        "/busy" => answer("503 Service Unavailable", "retry-after: 7\r\n", b""),
        "/cut" => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\0asm".to_vec(),
        _ => Vec::new(),
    });
    let busy = get(&format!("{}/busy", server.address)).unwrap_err();
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for address in [format!("{}/cut", server.address), format!("{}/hangs-up", server.address), nobody] {
        let error = get(&address).unwrap_err();
        assert!(matches!(error, Error::Transient { .. }), "{error:?}");
        assert!(error.to_string().contains(&address), "{error}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_and_while_it_is_fetched() {
    let server = Server::start(|target| match target {
        "/large.wasm" => b"HTTP/1.1 200 OK\r\ncontent-length: 300000000\r\n\r\n".to_vec(),
        "/fox.wasm" => answer("200 OK", "", COMPONENT),
        _ => [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".as_slice(), &[b'x'; 100_000]].concat(),
    });
    for (path, said) in
        [("large.wasm", "large.wasm is over 268435456"), ("fox.wasm", "fox.wasm.sig is over 4096")]
    {
        let error = refused(&format!("{}/{path}", server.address));
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_download_can_be_cancelled() {
    let server = Server::start(|_| answer("200 OK", "", &[0; 1 << 20]));
    let mut calls = 0;
    let outcome = Client::default().fetch(&format!("{}/fox.wasm", server.address), &mut |_, _| {
        calls += 1;
        if calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(outcome, Err(Error::Cancelled { .. })), "{outcome:?}");
}

#[test]
fn redirects_are_followed() {
    let server = Server::start(|target| match target {
        "/latest" => answer("302 Found", "location: /fox.wasm\r\n", b""),
        "/fox.wasm" => answer("200 OK", "", COMPONENT),
        _ => answer("404 Not Found", "", b""),
    });
    let address = format!("{}/latest", server.address);
    let fetched = get(&address).unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.source), (COMPONENT, address));
}

#[test]
fn nothing_leads_away_from_https() {
    let plain = Server::start(|_| answer("200 OK", "", COMPONENT));
    let to = plain.address.clone();
    let secure = Server::start_tls(move |target| match target {
        "/away" => answer("302 Found", &format!("location: {to}/fox.wasm\r\n"), b""),
        "/fox.wasm" => answer("200 OK", "", COMPONENT),
        _ => answer("404 Not Found", "", b""),
    });
    let believing = Client::with(None, Some(roots()));
    let good = believing.fetch(&format!("{}/fox.wasm", secure.address), &mut going_on).unwrap();
    assert_eq!(good.bytes, COMPONENT);
    let error = believing.fetch(&format!("{}/away", secure.address), &mut going_on).unwrap_err();
    let said = format!("it redirects to {}/fox.wasm, away from https", plain.address);
    assert!(error.to_string().contains(&said), "{error}");
    assert!(plain.asked().is_empty(), "{:?}", plain.asked());
    // Towards it is another matter.
    let to = secure.address.clone();
    let plain = Server::start(move |target| match target {
        "/fox.wasm" => answer("302 Found", &format!("location: {to}/fox.wasm\r\n"), b""),
        _ => answer("404 Not Found", "", b""),
    });
    let fetched = believing.fetch(&format!("{}/fox.wasm", plain.address), &mut going_on).unwrap();
    assert_eq!(fetched.bytes, COMPONENT);
}

#[test]
fn a_host_whose_certificate_nobody_vouches_for_is_not_believed() {
    let secure = Server::start_tls(|_| answer("200 OK", "", COMPONENT));
    let said = refused(&format!("{}/fox.wasm", secure.address));
    assert!(said.contains("its host cannot be trusted"), "{said}");
}

#[test]
fn a_proxy_is_asked_in_place_of_the_host() {
    let proxy = Server::start(|target| match target {
        "example.invalid:80" => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        "/fox.wasm" => answer("200 OK", "", COMPONENT),
        _ => answer("404 Not Found", "", b""),
    });
    let client = Client::with(Some(Proxy::new(&proxy.address).unwrap()), None);
    let fetched = client.fetch("http://example.invalid/fox.wasm", &mut going_on).unwrap();
    assert_eq!(fetched.bytes, COMPONENT);
    assert_eq!(proxy.asked()[..2], ["CONNECT example.invalid:80 HTTP/1.1", "GET /fox.wasm HTTP/1.1"]);
}

#[test]
fn a_password_is_sent_and_neither_shown_nor_kept() {
    let server = Server::start(|target| match target {
        "/fox.wasm" => answer("200 OK", "", COMPONENT),
        _ => answer("404 Not Found", "", b""),
    });
    let host = server.address.strip_prefix("http://").unwrap();
    let fetched = get(&format!("http://fox:hunter2@{host}/fox.wasm")).unwrap();
    assert_eq!(fetched.source, format!("http://{host}/fox.wasm"));
    assert!(server.asked()[0].contains("Basic Zm94Omh1bnRlcjI="), "{:?}", server.asked());
    let said = refused(&format!("http://fox:hunter2@{host}/none.wasm"));
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(without_user("https://a:b@c@host/p@q?r@s"), "https://host/p@q?r@s");
}
