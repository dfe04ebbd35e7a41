//! Reaches for what is outside of it, in every way that there is. What it gets is a text; what it does not get is a text
//! that begins with `refused`.

#![cfg(target_arch = "wasm32")]

mod http;

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use cjm_guest::{NoConfig, Plugin, Result, secrets};

struct Reach;

impl Plugin for Reach {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Reach {
    /// Reads a file.
    fn read(&self, path: String) -> Result<String> {
        said(std::fs::read_to_string(path))
    }

    /// Writes a file.
    fn write(&self, path: String) -> Result<String> {
        said(std::fs::write(path, "written").map(|()| "written".to_owned()))
    }

    /// Removes a file.
    fn remove(&self, path: String) -> Result<String> {
        said(std::fs::remove_file(path).map(|()| "removed".to_owned()))
    }

    /// Lists a folder.
    fn list(&self, path: String) -> Result<String> {
        said(std::fs::read_dir(path).and_then(|entries| {
            let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
            names.sort();
            Ok(names.join(" "))
        }))
    }

    /// Lists the environment.
    fn variables(&self) -> Result<String> {
        let mut variables: Vec<String> =
            std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
        variables.sort();
        Ok(variables.join(" "))
    }

    /// Asks for a secret.
    fn secret(&self, name: String) -> Result<String> {
        Ok(secrets::get(&name).map_or_else(|| "refused".to_owned(), |secret| secret.reveal().to_owned()))
    }

    /// Connects, and gives what it is told.
    fn connect(&self, address: String) -> Result<String> {
        said(TcpStream::connect(address).and_then(|mut stream| {
            let mut told = String::new();
            stream.read_to_string(&mut told)?;
            Ok(told)
        }))
    }

    /// Sends a datagram, and gives what comes back.
    fn send(&self, address: String) -> Result<String> {
        said(UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.send_to(b"hello", &address)?;
            let mut told = [0; 100];
            let (length, _) = socket.recv_from(&mut told)?;
            Ok(String::from_utf8_lossy(&told[..length]).into_owned())
        }))
    }

    /// Listens.
    fn listen(&self, address: String) -> Result<String> {
        said(TcpListener::bind(address).map(|_| "listens".to_owned()))
    }

    /// Asks for the addresses of a name.
    fn lookup(&self, name: String) -> Result<String> {
        said((name.as_str(), 0).to_socket_addrs().map(|addresses| format!("{} addresses", addresses.count())))
    }

    /// Asks for a page over `wasi:http` 0.2.
    fn ask(&self, url: String) -> Result<String> {
        said(http::get(&url))
    }

    /// Asks for a page again and again.
    fn insist(&self, url: String) -> Result<String> {
        for _ in 0..1000 {
            let _ = http::get(&url);
        }
        said(http::get(&url))
    }
}

fn said<E: Debug>(outcome: std::result::Result<String, E>) -> Result<String> {
    let _ = io::stdout().flush();
    Ok(outcome.unwrap_or_else(|error| format!("refused: {error:?}")))
}
