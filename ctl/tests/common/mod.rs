//! What the tests of the whole binary share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up fails"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use cjm_tests::guest;
use serde_json::Value;
use tempfile::TempDir;

/// The binary itself.
pub fn binary() -> PathBuf {
    cargo_bin("cjm-ctl")
}

/// `cjm-ctl`, with a compile cache of the tests' own and nothing of the caller's settings.
pub fn cjm() -> Command {
    let mut command = Command::new(binary());
    command
        .env("CJM_CACHE_DIR", cache_dir())
        .env_remove("CLICOLOR_FORCE")
        .env_remove("CJM_CONFIG")
        .env_remove("CJM_DATA_DIR")
        .env_remove("CJM_PLUGINS_DIR")
        .env_remove("CJM_TRUST")
        .env_remove("CJM_SECRETS_SCOPE")
        // What cargo sets for the tests, and would force on the cargo below `cjm-ctl`.
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

pub fn cache_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"))
}

/// Where these tests were built.
pub fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

/// Every line as JSON.
pub fn lines(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {text}"));
    text.lines().map(parse).collect()
}

/// The last line as JSON.
pub fn last_line(output: &[u8]) -> Value {
    lines(output).pop().unwrap_or_else(|| panic!("nothing was printed"))
}

/// A folder of its own to be a project in.
pub struct Project {
    pub dir: TempDir,
}

impl Project {
    /// An empty one.
    pub fn new() -> Self {
        Project { dir: tempfile::tempdir().unwrap() }
    }

    /// One with this `cjm.toml`.
    pub fn with(toml: &str) -> Self {
        let project = Self::new();
        project.write("cjm.toml", toml.as_bytes());
        project
    }

    /// One in which these guests are installed.
    pub fn installed(guests: &[&str]) -> Self {
        let project = Self::new();
        project.install(guests);
        project
    }

    pub fn install(&self, guests: &[&str]) {
        self.ctl(&["install", "--yes", "--quiet"])
            .args(guests.iter().map(|name| guest(name)))
            .assert()
            .success();
    }

    /// `cjm-ctl` in the project.
    pub fn ctl(&self, arguments: &[&str]) -> Command {
        let mut command = cjm();
        command.current_dir(self.dir.path()).args(arguments);
        command
    }

    /// What `cjm-ctl … --json` prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let assert = self.ctl(arguments).arg("--json").assert().success();
        last_line(&assert.get_output().stdout)
    }

    /// The error of `cjm-ctl … --json`, which ends with this status.
    pub fn error(&self, status: i32, arguments: &[&str]) -> Value {
        let assert = self.ctl(arguments).arg("--json").assert().code(status);
        last_line(&assert.get_output().stderr)["error"].clone()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Puts a guest into a file of the project, as another component than it is: with a section that means nothing.
    pub fn variant(&self, path: &str, name: &str, tag: u8) -> PathBuf {
        let mut bytes = fs::read(guest(name)).unwrap();
        bytes.extend([0, 4, 2, b't', b'g', tag]);
        self.write(path, &bytes)
    }

    /// The same as an argument.
    pub fn variant_arg(&self, path: &str, name: &str, tag: u8) -> String {
        self.variant(path, name, tag).to_str().unwrap().to_owned()
    }
}

/// Serves files over HTTP from the loopback until the process ends; gives the address.
pub fn serve(files: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split_whitespace().nth(1).unwrap_or("");
            let (status, body) = match files.iter().find(|(name, _)| *name == path) {
                Some((_, body)) => ("200 OK", body.as_slice()),
                None => ("404 Not Found", b"".as_slice()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    format!("http://{address}")
}
