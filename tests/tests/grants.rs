//! What a plugin is granted, it has; what it is not, it has not, and the operator learns of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::OnceLock;

use cjm_host::{
    Capability, Category, Error, EventKind, Grant, Grants, Host, InstanceMode, Limits, Plugin, Secret,
    Secrets, Settings, Source, Subscription,
};
use cjm_tests::guest;
use cjm_tests::server::{Server, html, status};
use serde_json::{Value, json};

/// A host; all of them share what was compiled.
fn host() -> Host {
    static CACHE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let cache = CACHE.get_or_init(|| tempfile::tempdir().unwrap());
    Host::builder().cache_dir(cache.path().join("cache")).build().unwrap()
}

fn grants<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Grants {
    texts.into_iter().map(|text| text.as_ref().parse::<Grant>().unwrap()).collect()
}

async fn load<T: AsRef<str>>(
    host: &Host,
    name: &str,
    granted: impl IntoIterator<Item = T>,
) -> cjm_host::Result<Plugin> {
    host.loader(Source::path(guest(name))).grants(grants(granted)).load().await
}

/// What `reach` needs to be loaded at all, and leads nowhere.
const REACH: [&str; 2] = ["network=https://nowhere.invalid", "socket=tcp://192.0.2.1:1"];

async fn reach<T: AsRef<str>>(host: &Host, granted: impl IntoIterator<Item = T>) -> Plugin {
    let granted = granted.into_iter().map(|text| text.as_ref().to_owned());
    load(host, "reach", granted.chain(REACH.map(str::to_owned))).await.unwrap()
}

async fn said(plugin: &Plugin, action: &str, input: impl Into<Value>) -> String {
    plugin.execute(action, input.into()).await.unwrap().to::<String>().unwrap()
}

async fn fetch(plugin: &Plugin, url: &str) -> cjm_host::Result<Value> {
    plugin.execute("fetch", json!({ "url": url })).await?.to()
}

/// What was refused until now: the capability, and the grant that would do.
fn refused(events: &mut Subscription) -> Vec<(Capability, String)> {
    let events = std::iter::from_fn(|| events.try_next());
    let refusals = events.filter_map(|event| match event.kind {
        EventKind::GrantRefused { capability, grant, .. } => Some((capability, grant)),
        _ => None,
    });
    refusals.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_was_not_granted_what_it_imports_is_refused_with_what_to_paste() {
    let host = host();
    let Err(Error::NotGranted(error)) = load(&host, "fetch", ["secret=api-key", "gpu"]).await else {
        panic!("it was loaded")
    };
    assert!(error.missing.iter().any(|import| import.starts_with("wasi:http/client@")), "{error}");
    assert_eq!(error.toml, "[plugins.fetch.grants]\nnetwork = [\"https://*\"]\n");
    assert_eq!(error.command, "cjm-ctl grant fetch 'network=https://*'");
    let text = error.to_string();
    assert!(text.contains(&error.toml) && text.contains(&error.command), "{text}");
    load(&host, "fetch", error.grants).await.expect("the grant that was written out is enough");

    let Err(Error::NotGranted(error)) = load(&host, "reach", ["network=https://*"]).await else {
        panic!("it was loaded")
    };
    assert!(error.missing.iter().all(|import| import.starts_with("wasi:sockets/")), "{error}");
    load(&host, "reach", error.grants.into_iter().chain(["network=https://*".to_owned()])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_it_imports_a_plugin_can_be_asked_what_it_is() {
    let host = host();
    for name in ["fetch", "reach"] {
        assert_eq!(host.describe(Source::path(guest(name))).await.unwrap().name, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_fetched_where_it_is_granted() {
    let server = Server::start(|request| match request.uri().path() {
        "/" => status(301, "location", "page?n=1"),
        "/page" => html("<title>A page</title><p>It says <b>this</b>.<p><a href='/next'>Next</a>"),
        _ => status(404, "x-none", ""),
    })
    .await;
    let host = host();
    let plugin = load(&host, "fetch", [format!("network={}", server.url(""))]).await.unwrap();
    let page = fetch(&plugin, &server.url("/")).await.unwrap();
    assert_eq!(
        page,
        json!({
            "url": server.url("/page?n=1"),
            "status": 200,
            "title": "A page",
            "text": "It says this.\nNext",
            "links": [{ "url": server.url("/next"), "text": "Next" }],
        })
    );
    assert_eq!(server.asked(), ["/", "/page?n=1"]);
    let missing = fetch(&plugin, &server.url("/missing")).await.unwrap();
    assert_eq!(missing["status"], 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_where_nothing_is_granted_is_refused_and_told() {
    let secret = Server::start(|_| html("internal")).await;
    let hidden = secret.url("/admin");
    let open = Server::start(move |_| status(302, "location", &hidden)).await;
    let host = host();
    let plugin = load(&host, "fetch", [format!("network={}", open.url(""))]).await.unwrap();
    let mut events = host.events();
    let error = fetch(&plugin, &open.url("/")).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert_eq!(error.violations()[0].pointer, "/url");
    assert!(error.to_string().contains(&secret.url("/admin")), "{error}");
    assert!(secret.asked().is_empty());
    assert_eq!(refused(&mut events), [(Capability::Network, format!("network={}", secret.url("")))]);
    let granted = [format!("network={}", open.url("")), format!("network={}", secret.url(""))];
    let plugin = host.loader(Source::path(guest("fetch"))).id("granted").grants(grants(granted)).load().await;
    assert_eq!(fetch(&plugin.unwrap(), &open.url("/")).await.unwrap()["text"], "internal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_stands_for_this_machine_is_refused_unless_it_is_named() {
    let server = Server::start(|_| html("home")).await;
    let host = host();
    let plugin = load(&host, "fetch", ["network=http://*:*"]).await.unwrap();
    let mut events = plugin.events();
    let port = server.address().port();
    for name in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"] {
        let error = fetch(&plugin, &format!("http://{name}:{port}/")).await.unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput, "{error}");
    }
    assert!(server.asked().is_empty());
    let told = refused(&mut events);
    assert_eq!(told[0], (Capability::Network, format!("network=http://localhost:{port}")));
    assert_eq!(told.len(), 3);
    for grant in [format!("network=http://localhost:{port}"), "network=http://*:*,private".to_owned()] {
        let plugin =
            host.loader(Source::path(guest("fetch"))).id("named").grants(grants([grant])).load().await;
        let plugin = plugin.unwrap();
        assert_eq!(fetch(&plugin, &format!("http://localhost:{port}/")).await.unwrap()["text"], "home");
        plugin.unload().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_says_of_its_failure_arrives_in_the_taxonomy() {
    let server = Server::start(|request| match request.uri().path() {
        "/busy" => status(429, "retry-after", "3"),
        "/image" => status(200, "content-type", "image/png"),
        _ => html("x".repeat(5000)),
    })
    .await;
    let host = host();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let loader = host.loader(Source::path(guest("fetch"))).config(json!({ "max_bytes": 1000 }));
    let plugin = loader.grants(grants(["network=http://127.0.0.1:*"])).load().await.unwrap();
    let error = fetch(&plugin, &server.url("/busy")).await.unwrap_err();
    assert_eq!((error.category(), error.retry_after().unwrap().as_secs()), (Category::Transient, 3));
    let error = fetch(&plugin, &server.url("/image")).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    let error = fetch(&plugin, &server.url("/large")).await.unwrap_err();
    assert_eq!(error.category(), Category::ResourceExhausted);
    let error = fetch(&plugin, &format!("http://{free}/")).await.unwrap_err();
    assert_eq!(error.category(), Category::Transient, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_never_comes_can_be_cancelled() {
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/", deaf.local_addr().unwrap());
    std::thread::spawn(move || deaf.incoming().for_each(std::mem::forget));
    let host = host();
    for mode in [InstanceMode::Shared, InstanceMode::Exclusive] {
        let loader = host.loader(Source::path(guest("fetch"))).id(mode.as_str()).instance_mode(mode);
        let plugin = loader.grants(grants(["network=http://127.0.0.1:*"])).load().await.unwrap();
        let running = plugin.call("fetch", json!({ "url": url })).start();
        let canceller = running.canceller();
        // Until it waits for the answer.
        while canceller.progress().message.is_empty() {
            tokio::task::yield_now().await;
        }
        canceller.cancel();
        let error = running.await.unwrap_err();
        assert!(matches!(error, Error::Cancelled { forced: false, .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_wasi_0_2_are_held_against_the_same_grants() {
    let server = Server::start(|_| html("a page")).await;
    let host = host();
    let plugin = reach(&host, [format!("network={}", server.url(""))]).await;
    let mut events = plugin.events();
    assert_eq!(said(&plugin, "ask", server.url("/")).await, "200 a page");
    assert!(said(&plugin, "ask", "http://example.org/").await.contains("HttpRequestDenied"));
    assert_eq!(refused(&mut events), [(Capability::Network, "network=http://example.org".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_asks_without_end_floods_nobody() {
    let host = host();
    let plugin = reach(&host, [""; 0]).await;
    let mut events = plugin.events();
    assert!(said(&plugin, "insist", "https://example.org/").await.contains("HttpRequestDenied"));
    let told = refused(&mut events).len();
    assert!((1..=64).contains(&told), "{told} of 1001 refusals were told");
}

#[test]
fn a_host_whose_runtime_drives_no_sockets_reaches_what_is_granted() {
    let serving = tokio::runtime::Runtime::new().unwrap();
    let server = serving.block_on(Server::start(|_| html("a page")));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"hello").unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let host = host();
        let granted = [format!("network={}", server.url("")), format!("socket=tcp://{address}")];
        let plugin = reach(&host, granted).await;
        assert_eq!(said(&plugin, "ask", server.url("/")).await, "200 a page");
        assert_eq!(said(&plugin, "connect", address.to_string()).await, "hello");
        let plugin = load(&host, "fetch", [format!("network={}", server.url(""))]).await.unwrap();
        assert_eq!(fetch(&plugin, &server.url("/")).await.unwrap()["text"], "a page");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_can_be_read_or_written_as_granted_and_nothing_else() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = |name: &str| {
        let path = outside.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), name).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("../secret", path.join("link")).unwrap();
        path
    };
    let (input, output) = (folder("input"), folder("output"));
    let host = host();
    let granted =
        [format!("folder={}:/in:ro", input.display()), format!("folder={}:/out:rw", output.display())];
    let plugin = reach(&host, granted).await;
    assert_eq!(said(&plugin, "read", "/in/file").await, "input");
    assert_eq!(said(&plugin, "read", "/out/file").await, "output");
    assert!(said(&plugin, "list", "/in").await.starts_with("file"));
    assert_eq!(said(&plugin, "write", "/out/new").await, "written");
    assert_eq!(std::fs::read_to_string(output.join("new")).unwrap(), "written");
    assert_eq!(said(&plugin, "remove", "/out/new").await, "removed");
    for (action, path) in [
        ("write", "/in/new"),
        ("write", "/in/file"),
        ("remove", "/in/file"),
        ("read", "/in/../secret"),
        ("read", "/in/link"),
        ("write", "/out/link"),
        ("read", "/etc/passwd"),
        ("list", "/"),
        ("read", "file"),
    ] {
        let answer = said(&plugin, action, path).await;
        assert!(answer.starts_with("refused"), "{action} {path}: {answer}");
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
    assert_eq!(std::fs::read_to_string(input.join("file")).unwrap(), "input");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_lent_is_told_when_the_plugin_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let host = host();
    let grant = format!("folder={}:/in", missing.display());
    let error = load(&host, "misbehave", [grant]).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains(&*missing.to_string_lossy()), "{error}");
    assert!(host.plugins().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_is_what_is_granted() {
    let host = host();
    let plugin =
        reach(&host, ["environment=TZ=UTC", "environment=CARGO_PKG_NAME", "environment=NOBODY_SETS_IT"])
            .await;
    assert_eq!(said(&plugin, "variables", Value::Null).await, "CARGO_PKG_NAME=cjm-tests TZ=UTC");
    plugin.unload().await;
    let plugin = reach(&host, [""; 0]).await;
    assert_eq!(said(&plugin, "variables", Value::Null).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_delivered_where_they_are_granted() {
    let host = host();
    let secrets: Secrets = [("api-key", "hunter2"), ("other", "hunter3")]
        .map(|(name, value)| (name.into(), Secret::new(value)))
        .into_iter()
        .collect();
    let loader = host.loader(Source::path(guest("misbehave"))).secrets(&secrets);
    let plugin = loader.grants(grants(["secret=api-key", "secret=not-set"])).load().await.unwrap();
    let mut events = plugin.events();
    for (name, value) in [("api-key", json!("hunter2")), ("other", Value::Null), ("not-set", Value::Null)] {
        let mut call = plugin.call("secret", json!(name)).job("job-1", 1);
        let mut of_call = call.events();
        assert_eq!(call.await.unwrap().to::<Value>().unwrap(), value, "{name}");
        let told = refused(&mut of_call);
        assert_eq!(told.len(), usize::from(name == "other"), "{told:?}");
    }
    assert_eq!(refused(&mut events), [(Capability::Secrets, "secret=other".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_reach_the_addresses_that_are_granted() {
    let host = host();
    let (granted, other) = (
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
    );
    let (granted_at, other_at) = (granted.local_addr().unwrap(), other.local_addr().unwrap());
    let echo = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let echo_at = echo.local_addr().unwrap();
    std::thread::spawn(move || granted.accept().unwrap().0.write_all(b"hello").unwrap());
    std::thread::spawn(move || {
        let mut datagram = [0; 100];
        let (length, from) = echo.recv_from(&mut datagram).unwrap();
        echo.send_to(&datagram[..length], from).unwrap();
    });
    let plugin = reach(
        &host,
        [format!("socket=tcp://{granted_at}"), format!("socket=udp://127.0.0.1:{}", echo_at.port())],
    )
    .await;
    let mut events = plugin.events();
    assert_eq!(said(&plugin, "connect", granted_at.to_string()).await, "hello");
    assert_eq!(said(&plugin, "send", echo_at.to_string()).await, "hello");
    assert!(said(&plugin, "lookup", "localhost").await.ends_with("addresses"));
    assert!(said(&plugin, "connect", other_at.to_string()).await.starts_with("refused"));
    assert!(said(&plugin, "listen", "127.0.0.1:0").await.starts_with("refused"));
    assert_eq!(refused(&mut events), [(Capability::Sockets, format!("socket=tcp://{other_at}"))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_granted_is_lent_again_to_the_next_instance() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "content").unwrap();
    let host = host();
    for mode in [InstanceMode::Exclusive, InstanceMode::Fresh] {
        let limits = Limits { wall_time: Some(std::time::Duration::from_millis(100)), ..Limits::default() };
        let granted =
            REACH.map(str::to_owned).into_iter().chain([format!("folder={}:/in", dir.path().display())]);
        let loader = host.loader(Source::path(guest("reach"))).id(mode.as_str()).instance_mode(mode);
        let plugin = loader.grants(grants(granted)).limits(limits).load().await.unwrap();
        for _ in 0..2 {
            assert_eq!(said(&plugin, "read", "/in/file").await, "content");
        }
        // It waits for a datagram that never comes, and its instance is dropped.
        let deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let _ = plugin.execute("send", json!(deaf.to_string())).await;
        assert_eq!(said(&plugin, "read", "/in/file").await, "content");
    }
}

#[test]
fn what_the_page_tells_to_write_can_be_written() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grants.md")).unwrap();
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    for example in &examples {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cjm.toml"), example).unwrap();
        let settings = Settings::builder().project_dir(dir.path()).load().unwrap();
        assert_eq!(settings.plugin("fetch").unwrap().grants.iter().count(), 10);
    }
    assert_eq!(examples.len(), 1);
}
