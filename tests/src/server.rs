//! A web on loopback.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An HTTP server, which ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    paths: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

/// An answer.
pub type Answer = Response<Full<Bytes>>;

impl Server {
    /// Starts a server that answers as it is told.
    pub async fn start(answer: impl Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("the listener has an address");
        let paths = Arc::<Mutex<Vec<String>>>::default();
        let (answer, asked) = (Arc::new(answer), paths.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, asked) = (answer.clone(), asked.clone());
                let service = service_fn(move |request| {
                    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.uri().to_string());
                    let answered = answer(&request);
                    async move { Ok::<_, Infallible>(answered) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, paths, serving }
    }

    /// The server's address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, for example of `/page`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A page of HTML.
pub fn html(text: impl Into<String>) -> Answer {
    let answer = Response::builder().header("content-type", "text/html; charset=utf-8");
    answer.body(Full::from(text.into())).expect("the headers are good")
}

/// An answer of a status, with a header.
pub fn status(status: u16, header: &str, value: &str) -> Answer {
    let answer = Response::builder().status(status).header(header, value);
    answer.body(Full::default()).expect("status and header are good")
}
