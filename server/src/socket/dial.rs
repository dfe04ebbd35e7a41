//! The end of the socket of whoever asks.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use cjm_host::{Error, Result};
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::listen::user;
use super::place::{NAME, canonical, failed, fits};

/// How often, and how long after, a socket is tried again at which too many wait.
const TRIES: u32 = 100;
const TRY: Duration = Duration::from_millis(20);

/// Who is at the socket of a data folder.
pub(crate) enum Dial {
    /// Somebody, who can be asked at this path.
    Answered(PathBuf),
    Nobody,
}

/// Looks who is at the socket of a data folder.
pub(crate) async fn dial(data_dir: &Path) -> Result<Dial> {
    let Some(data_dir) = canonical(data_dir)? else { return Ok(Dial::Nobody) };
    let path = data_dir.join(NAME);
    let path = match fs::read_link(&path) {
        Ok(elsewhere) => elsewhere,
        // It is no link.
        Err(error) if error.kind() == ErrorKind::InvalidInput => path,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Dial::Nobody),
        Err(error) => return Err(failed("look at", &path, &error)),
    };
    if !fits(&path) {
        // There can be none.
        return Ok(Dial::Nobody);
    }
    match connect(&path).await {
        Ok(stream) => {
            trusted(&stream, &data_dir)?;
            Ok(Dial::Answered(path))
        }
        Err(error) if gone(&error) => Ok(Dial::Nobody),
        Err(error) => Err(unreachable(&path, &error)),
    }
}

/// Makes one request, on a connection of its own: when the answer is dropped, the other side notices.
pub(crate) async fn send(path: &Path, mut request: Request<Body>) -> Result<Response<Body>> {
    let stream = match connect(path).await {
        Ok(stream) => stream,
        Err(error) if gone(&error) => {
            return Err(Error::Transient {
                message: format!(
                    "the worker that was at {} has ended; ask again once there is one",
                    path.display()
                ),
                retry_after: Some(Duration::from_secs(1)),
            });
        }
        Err(error) => return Err(unreachable(path, &error)),
    };
    let hung_up = |error: hyper::Error| Error::Transient {
        message: format!(
            "the worker hung up before it answered ({error}); what was asked may be done: look, and ask again"
        ),
        retry_after: None,
    };
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(hung_up)?;
    tokio::spawn(async move {
        // The one who asked is told of errors.
        let _ = connection.await;
    });
    Ok(sender.send_request(request).await.map_err(hung_up)?.map(Body::new))
}

async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let mut tries = TRIES;
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock && tries > 0 => {
                tries -= 1;
                tokio::time::sleep(TRY).await;
            }
            connected => return connected,
        }
    }
}

/// Nobody listens there: there is nothing, or what somebody left behind, or who listened stopped just now.
fn gone(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
    )
}

fn unreachable(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => Error::Transient {
            message: format!("the worker at {} takes no more connections now; try again", path.display()),
            retry_after: Some(Duration::from_secs(1)),
        },
        ErrorKind::PermissionDenied => Error::invalid(format!(
            "the worker at {} is another user's; ask as that user, or choose another data folder",
            path.display()
        )),
        _ => failed("reach the worker at", path, error),
    }
}

/// Makes sure that the worker is of this user, of root, or of the one whose data folder it is.
fn trusted(stream: &UnixStream, data_dir: &Path) -> Result<()> {
    let told = |error| failed("look who is at the socket of", data_dir, &error);
    let worker = stream.peer_cred().map_err(told)?.uid();
    let known = [user().map_err(told)?, 0, fs::metadata(data_dir).map_err(told)?.uid()];
    if known.contains(&worker) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the worker of {} runs as user {worker}, whose folder it is not; end it, or choose another data folder",
        data_dir.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::Listener;

    #[tokio::test]
    async fn nobody_is_there_before_and_after() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(dial(&dir.path().join("missing")).await.unwrap(), Dial::Nobody));
        assert!(matches!(dial(dir.path()).await.unwrap(), Dial::Nobody));
        let listener = Listener::open(dir.path()).unwrap();
        assert!(matches!(dial(dir.path()).await.unwrap(), Dial::Answered(path) if path == listener.path()));
        drop(listener);
        assert!(matches!(dial(dir.path()).await.unwrap(), Dial::Nobody));
        // As after a process was killed.
        drop(std::os::unix::net::UnixListener::bind(dir.path().join(NAME)).unwrap());
        assert!(matches!(dial(dir.path()).await.unwrap(), Dial::Nobody));
        let ended = send(&dir.path().join(NAME), Request::new(Body::empty())).await.unwrap_err();
        assert!(ended.is_retriable() && ended.to_string().contains("has ended"), "{ended}");
    }

    #[tokio::test]
    async fn a_link_is_followed_to_where_the_socket_is() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(100));
        fs::create_dir(&deep).unwrap();
        assert!(matches!(dial(&deep).await.unwrap(), Dial::Nobody));
        let listener = Listener::open(&deep).unwrap();
        assert!(matches!(dial(&deep).await.unwrap(), Dial::Answered(path) if path == listener.path()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_who_stops_listening_at_that_moment_is_nobody_and_no_error() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..200 {
            let listener = Listener::open(dir.path()).unwrap();
            let stopping = tokio::spawn(async move { drop(listener) });
            dial(dir.path()).await.unwrap();
            let asked = send(&dir.path().join(NAME), Request::new(Body::empty())).await;
            assert!(asked.unwrap_err().is_retriable());
            stopping.await.unwrap();
        }
    }

    #[tokio::test]
    async fn one_who_hangs_up_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let listener = Listener::open(dir.path()).unwrap();
        let path = listener.path().to_owned();
        let (answer, _) = tokio::join!(send(&path, Request::new(Body::empty())), async {
            drop(listener.accept().await.unwrap());
        });
        let error = answer.unwrap_err();
        assert!(error.is_retriable() && error.to_string().contains("hung up"), "{error}");
    }
}
