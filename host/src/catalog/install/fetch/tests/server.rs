//! A server on this machine that answers as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::{Certificate, RootCerts};

const PEM: &[u8] = include_bytes!("localhost.pem");

/// Where it listens, and what it was asked: the first line of each request, and its `authorization`.
pub(super) struct Server {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with what `answer` makes of its target; an empty answer hangs up.
    pub(super) fn start(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        Self::serve("http", answer, |stream, exchange| {
            let _ = exchange(&mut BufReader::new(&stream), &mut &stream);
        })
    }

    /// The same over TLS.
    pub(super) fn start_tls(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(PEM).unwrap()],
                PrivateKeyDer::from_pem_slice(PEM).unwrap(),
            )
            .unwrap();
        let config = Arc::new(config);
        Self::serve("https", answer, move |stream, exchange| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut answer = Vec::new();
            if exchange(&mut stream, &mut answer).is_ok() {
                let stream = stream.get_mut();
                let _ = stream.write_all(&answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        })
    }

    fn serve(
        scheme: &str,
        answer: impl Fn(&str) -> Vec<u8> + Send + 'static,
        each: impl Fn(TcpStream, &mut dyn FnMut(&mut dyn BufRead, &mut dyn Write) -> std::io::Result<()>)
        + Send
        + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{scheme}://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                each(stream, &mut |from, to| {
                    loop {
                        let (asked, target) = request(from)?;
                        let goes_on = asked.starts_with("CONNECT ");
                        noted.lock().unwrap().push(asked);
                        to.write_all(&answer(&target))?;
                        to.flush()?;
                        // A proxy's tunnel, at the end of which it is itself.
                        if !goes_on {
                            return Ok(());
                        }
                    }
                });
            }
        });
        Self { address, asked }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads one request: what is noted of it, and its target.
fn request(from: &mut dyn BufRead) -> std::io::Result<(String, String)> {
    let mut lines = Vec::new();
    for line in from.lines() {
        match line? {
            line if line.is_empty() => break,
            line => lines.push(line),
        }
    }
    let first = lines.first().cloned().unwrap_or_default();
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let named = lines.iter().find(|line| line.to_lowercase().starts_with("authorization: "));
    Ok((named.map_or(first.clone(), |header| format!("{first} {header}")), target))
}

/// Those who believe the server's certificate.
pub(super) fn roots() -> RootCerts {
    RootCerts::new_with_certs(&[Certificate::from_pem(PEM).unwrap()])
}

/// An answer with a body.
pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}
