use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::connect::Connector;
use super::resolve::Resolve;
use super::*;
use crate::capability::job::Sinks;
use crate::capability::refusals::Refusals;
use crate::event::{EventKind, Subscription};
use crate::policy::NetworkGrant;

/// A server on loopback, which answers with the host that it was asked as, and counts.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let requests = requests.clone();
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    requests.fetch_add(1, Ordering::Relaxed);
                    async move {
                        if request.uri().path() == "/never" {
                            std::future::pending::<()>().await;
                        }
                        let host = request.headers()["host"].as_bytes().to_vec();
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(host))))
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        server
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A server that does with each connection what it is told.
fn raw_server(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    port
}

/// Knows some names, and counts how often it was asked.
#[derive(Default)]
struct Names {
    known: HashMap<&'static str, Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(known: &[(&'static str, &[&str])]) -> Arc<Self> {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let known = known.iter().map(|(name, texts)| (*name, addresses(texts))).collect();
        Arc::new(Self { known, asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let known = self.known.get(name).cloned();
        Box::pin(async move { known.ok_or_else(|| io::Error::other("there is no such name")) })
    }
}

struct Test {
    client: HttpClient,
    events: Subscription,
}

fn test(grants: &[String], names: Arc<Names>) -> Test {
    test_with(grants, names, RootCertStore::empty())
}

fn test_with(grants: &[String], names: Arc<Names>, roots: RootCertStore) -> Test {
    let sinks = Arc::new(Sinks::new("a".into(), Arc::default()));
    let events = sinks.plugin.subscribe();
    let grants: Vec<NetworkGrant> = grants.iter().map(|text| text.parse().unwrap()).collect();
    let refusals = Arc::new(Refusals::new(sinks));
    let tls = Some(tls::with_roots(roots).unwrap());
    let connector = Connector { grants: grants.into(), resolver: names, refusals, tls };
    Test { client: HttpClient::with(connector), events }
}

fn request(uri: &str) -> Request<WasiBody> {
    let uri: ::http::Uri = uri.parse().unwrap();
    let host = uri.authority().unwrap().to_string();
    let body = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    Request::builder().uri(uri).header("host", host).body(body).unwrap()
}

fn options(patience: Duration) -> RequestOptions {
    RequestOptions {
        connect_timeout: Some(patience),
        first_byte_timeout: Some(patience),
        between_bytes_timeout: Some(patience),
    }
}

impl Test {
    async fn get(&self, uri: &str) -> Result<String, Error> {
        let response = self.client.send(None, request(uri), RequestOptions::default()).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    /// The grants that were proposed until now.
    fn proposed(&mut self) -> Vec<String> {
        let events = std::iter::from_fn(|| self.events.try_next());
        events
            .map(|event| match event.kind {
                EventKind::GrantRefused { grant, .. } => grant,
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

#[tokio::test]
async fn requests_go_where_they_are_granted_over_one_connection() {
    let server = Server::start().await;
    let place = format!("http://127.0.0.1:{}", server.port);
    let mut test = test(std::slice::from_ref(&place), Names::new(&[]));
    for _ in 0..3 {
        assert_eq!(test.get(&place).await.unwrap(), place.trim_start_matches("http://"));
    }
    assert_eq!(server.connections(), 1);
    assert!(test.proposed().is_empty());
}

#[tokio::test]
async fn a_place_that_is_not_granted_is_refused_before_it_is_asked() {
    let server = Server::start().await;
    let mut test = test(&["https://example.org".to_owned()], Names::new(&[]));
    for uri in ["http://example.org", "https://www.example.org", &format!("http://127.0.0.1:{}", server.port)]
    {
        let error = test.get(uri).await.unwrap_err();
        assert!(matches!(error, Error::HttpRequestDenied), "{error:?}");
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(
        test.proposed(),
        [
            "network=http://example.org",
            "network=https://www.example.org",
            &format!("network=http://127.0.0.1:{}", server.port)
        ]
    );
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_or_a_private_network_is_refused() {
    let server = Server::start().await;
    let names = Names::new(&[
        ("rebound.example", &["127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("intranet.example", &["10.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("nowhere.example", &["0.0.0.0"]),
    ]);
    let mut test = test(&["http://*:*".to_owned()], names);
    for host in [
        "rebound.example",
        "mapped.example",
        "intranet.example",
        "metadata.example",
        "nowhere.example",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        let error = test.get(&format!("http://{host}:{}", server.port)).await.unwrap_err();
        assert!(matches!(error, Error::DestinationIpProhibited), "{host}: {error:?}");
    }
    assert_eq!(server.connections(), 0);
    let proposed = test.proposed();
    assert_eq!(proposed.len(), 8);
    assert_eq!(proposed[0], format!("network=http://rebound.example:{},private", server.port));
    assert_eq!(proposed[5], format!("network=http://127.0.0.1:{}", server.port));
}

#[tokio::test]
async fn a_private_place_is_reached_once_it_is_granted_and_only_at_addresses_that_are() {
    let server = Server::start().await;
    let names = Names::new(&[("intranet.example", &["169.254.169.254", "127.0.0.1", "0.0.0.0"])]);
    let test = test(&[format!("http://intranet.example:{},private", server.port)], names.clone());
    let place = format!("intranet.example:{}", server.port);
    for _ in 0..3 {
        assert_eq!(test.get(&format!("http://{place}")).await.unwrap(), place);
    }
    assert_eq!(
        names.asked.load(Ordering::Relaxed),
        1,
        "a connection stays with the address that was looked at"
    );
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let plain = Server::start().await.port;
    let cut = raw_server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    });
    let babble = raw_server(|mut stream| {
        let _ = stream.write_all(b"hello?\r\n\r\n");
    });
    let test =
        test(&["http://127.0.0.1:*", "https://127.0.0.1:*", "http://*"].map(str::to_owned), Names::new(&[]));
    let error = async |uri: String| test.get(&uri).await.unwrap_err();
    assert!(matches!(error(format!("http://127.0.0.1:{free}")).await, Error::ConnectionRefused));
    assert!(matches!(error("http://no-such-name".to_owned()).await, Error::DnsError { .. }));
    assert!(matches!(error(format!("https://127.0.0.1:{plain}")).await, Error::TlsProtocolError));
    assert!(matches!(error(format!("http://127.0.0.1:{cut}")).await, Error::HttpResponseIncomplete));
    assert!(matches!(error(format!("http://127.0.0.1:{babble}")).await, Error::HttpProtocolError));
    assert!(matches!(error(format!("http://me@127.0.0.1:{plain}")).await, Error::HttpRequestUriInvalid));
    let mut tunnel = request(&format!("http://127.0.0.1:{plain}"));
    *tunnel.method_mut() = ::http::Method::CONNECT;
    let error = test.client.send(None, tunnel, RequestOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::HttpRequestMethodInvalid));
}

#[tokio::test]
async fn a_server_that_does_not_go_on_is_given_up() {
    let silent = Server::start().await.port;
    let stalling = raw_server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
        std::mem::forget(stream);
    });
    let deaf = raw_server(std::mem::forget);
    let test = test(&["http://127.0.0.1:*", "https://127.0.0.1:*"].map(str::to_owned), Names::new(&[]));
    let send = async |uri: String, options| test.client.send(None, request(&uri), options).await;
    let short = Some(Duration::from_millis(50));
    let options = RequestOptions { first_byte_timeout: short, ..Default::default() };
    let error = send(format!("http://127.0.0.1:{silent}/never"), options).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error:?}");
    let options = RequestOptions { connect_timeout: short, ..Default::default() };
    let error = send(format!("https://127.0.0.1:{deaf}"), options).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionTimeout), "{error:?}");
    let options = RequestOptions { between_bytes_timeout: short, ..Default::default() };
    let response = send(format!("http://127.0.0.1:{stalling}"), options).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error:?}");
}

#[tokio::test]
async fn any_patience_can_be_asked_for() {
    let server = Server::start().await;
    let place = format!("http://127.0.0.1:{}", server.port);
    let test = test(std::slice::from_ref(&place), Names::new(&[]));
    let response = test.client.send(None, request(&place), options(Duration::MAX)).await.unwrap();
    response.into_body().collect().await.unwrap();
    let none = test.client.send(None, request(&place), options(Duration::ZERO)).await.map(drop);
    assert!(
        matches!(none, Ok(()) | Err(Error::ConnectionTimeout | Error::ConnectionReadTimeout)),
        "{none:?}"
    );
}

#[tokio::test]
async fn responses_that_are_not_read_do_not_take_ever_more_connections() {
    let server = Server::start().await;
    let place = format!("http://127.0.0.1:{}", server.port);
    let test = test(std::slice::from_ref(&place), Names::new(&[]));
    let mut unread = Vec::new();
    let error = loop {
        match test.client.send(None, request(&place), options(Duration::from_secs(2))).await {
            Ok(response) => unread.push(response),
            Err(error) => break error,
        }
        assert!(unread.len() < 1000, "there is no end to it");
    };
    assert!(matches!(error, Error::ConnectionLimitReached), "{error:?}");
    unread.pop();
    test.get(&place).await.unwrap();
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_ends() {
    let (told, heard) = std::sync::mpsc::channel();
    let port = raw_server(move |mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        told.send("asked").unwrap();
        // Until the other side closes the connection.
        let _ = io::copy(&mut stream, &mut io::sink());
        told.send("left").unwrap();
    });
    let place = format!("http://127.0.0.1:{port}");
    let test = test(std::slice::from_ref(&place), Names::new(&[]));
    let client = Arc::new(test.client);
    let sending =
        tokio::spawn(
            async move { client.send(None, request(&place), RequestOptions::default()).await.map(drop) },
        );
    let next = async |heard: std::sync::mpsc::Receiver<_>| {
        tokio::task::spawn_blocking(move || (heard.recv().unwrap(), heard)).await.unwrap()
    };
    let (word, heard) = next(heard).await;
    assert_eq!(word, "asked");
    sending.abort();
    assert_eq!(next(heard).await.0, "left");
}

#[test]
fn a_runtime_that_drives_no_sockets_is_enough() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            sender.send(Server::start().await.port).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let place = format!("http://127.0.0.1:{}", receiver.recv().unwrap());
    let test = test(std::slice::from_ref(&place), Names::new(&[]));
    // A connection outlives the runtime in which it was asked for, too.
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(test.get(&place)).unwrap();
    }
}

/// `https` on loopback, with the certificate of `secure.test`.
fn secure_server() -> u16 {
    let certificate = CertificateDer::from(include_bytes!("testdata/certificate.der").as_slice());
    let key = PrivateKeyDer::try_from(include_bytes!("testdata/key.der").as_slice()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    raw_server(move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        if stream.read(&mut [0; 1024]).is_ok() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe");
        }
    })
}

#[tokio::test]
async fn a_server_must_prove_who_it_is() {
    let port = secure_server();
    let names = Names::new(&[("secure.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    let grants = ["secure.test", "other.test"].map(|name| format!("https://{name}:{port},private"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(include_bytes!("testdata/certificate.der").as_slice())).unwrap();
    let trusting = test_with(&grants, names.clone(), roots);
    assert_eq!(trusting.get(&format!("https://secure.test:{port}")).await.unwrap(), "safe");
    let error = trusting.get(&format!("https://other.test:{port}")).await.unwrap_err();
    assert!(matches!(error, Error::TlsCertificateError), "{error:?}");
    let wary = test(&grants, names);
    let error = wary.get(&format!("https://secure.test:{port}")).await.unwrap_err();
    assert!(matches!(error, Error::TlsCertificateError), "{error:?}");
}
