//! A socket that is there from one moment to the next, for its owner alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use cjm_host::{Error, Result};
use tokio::net::{UnixListener, UnixStream};

use super::place::{NAME, STAGING, canonical, elsewhere, failed, fits};

/// A socket that is removed with this.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    /// The user whose socket it is.
    owner: u32,
    /// What was made, the last first: the link, the socket, the folder.
    made: Vec<Made>,
    path: PathBuf,
}

/// A file of this process, unless another has put its own in its place.
#[derive(Debug)]
struct Made {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Listener {
    /// Listens in a data folder, of which this process holds the queue: what is there of another is left over.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let data_dir = canonical(data_dir)?
            .ok_or_else(|| failed("find the data folder", data_dir, &ErrorKind::NotFound.into()))?;
        let path = data_dir.join(NAME);
        vacant(&path)?;
        if fits(&path) {
            let (socket, made) =
                bind(&data_dir).map_err(|error| failed("make a socket in", &data_dir, &error))?;
            return Self::of(socket, vec![made], path);
        }
        let dir = elsewhere(&data_dir);
        let folder = private(&dir)?;
        let (socket, made) = bind(&dir).map_err(|error| failed("make a socket in", &dir, &error))?;
        let link = link(&data_dir, &made.path)
            .map_err(|error| failed("make a link to the socket in", &data_dir, &error))?;
        let path = made.path.clone();
        Self::of(socket, vec![link, made, folder], path)
    }

    fn of(socket: std::os::unix::net::UnixListener, made: Vec<Made>, path: PathBuf) -> Result<Self> {
        let listen = || -> io::Result<_> {
            socket.set_nonblocking(true)?;
            let owner = fs::metadata(&path)?.uid();
            Ok((UnixListener::from_std(socket)?, owner))
        };
        let (socket, owner) = listen().map_err(|error| failed("listen on", &path, &error))?;
        Ok(Self { socket, owner, made, path })
    }

    /// The socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the next connection. Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }

    /// Whether somebody of the same user, or root, is at the other end.
    pub(super) fn knows(&self, stream: &UnixStream) -> bool {
        stream.peer_cred().is_ok_and(|peer| peer.uid() == self.owner || peer.uid() == 0)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for made in &self.made {
            // Another process may have the queue by now.
            let same = |there: fs::Metadata| (there.dev(), there.ino()) == (made.device, made.inode);
            if fs::symlink_metadata(&made.path).is_ok_and(same) {
                // What stays behind is replaced by the next one.
                let _ = fs::remove_file(&made.path).or_else(|_| fs::remove_dir(&made.path));
            }
        }
    }
}

impl Made {
    fn at(path: PathBuf) -> io::Result<Self> {
        let there = fs::symlink_metadata(&path)?;
        Ok(Self { device: there.dev(), inode: there.ino(), path })
    }
}

/// Makes sure that nothing is replaced but what another process left over.
fn vacant(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() || there.is_symlink() => Ok(()),
        Ok(_) => Err(Error::invalid(format!(
            "{} is no socket, so that none is put in its place; move it away",
            path.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look at", path, &error)),
    }
}

/// Puts a socket into a folder. It is made in a folder that nobody else can enter, so that at no time others can use it,
/// and moved, so that at no time there is one on which nobody listens.
fn bind(dir: &Path) -> io::Result<(std::os::unix::net::UnixListener, Made)> {
    let staging = dir.join(STAGING);
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&staging)?;
    let bound = || -> io::Result<_> {
        let (first, path) = (staging.join("s"), dir.join(NAME));
        let socket = std::os::unix::net::UnixListener::bind(&first)?;
        fs::set_permissions(&first, Permissions::from_mode(0o600))?;
        fs::rename(&first, &path)?;
        Ok((socket, Made::at(path)?))
    };
    let bound = bound();
    let _ = fs::remove_dir_all(&staging);
    bound
}

/// A folder for this user alone, where others can write beside it.
fn private(dir: &Path) -> Result<Made> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(failed("make the folder", dir, &error));
        }
        _ => {}
    }
    let there = fs::symlink_metadata(dir).map_err(|error| failed("look at", dir, &error))?;
    let ours = user().is_ok_and(|user| there.uid() == user);
    if !there.is_dir() || !ours || there.mode() & 0o077 != 0 {
        return Err(Error::invalid(format!(
            "{} is not a folder for this user alone; remove it, or set XDG_RUNTIME_DIR to another place",
            dir.display()
        )));
    }
    Made::at(dir.to_owned()).map_err(|error| failed("look at", dir, &error))
}

/// Puts a link into the data folder.
fn link(data_dir: &Path, to: &Path) -> io::Result<Made> {
    let (first, path) = (data_dir.join(STAGING), data_dir.join(NAME));
    match fs::remove_file(&first) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(to, &first)?;
    fs::rename(&first, &path)?;
    Made::at(path)
}

/// The user of this process.
pub(super) fn user() -> io::Result<u32> {
    Ok(UnixStream::pair()?.0.peer_cred()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    fn names(dir: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(dir).unwrap().map(name).collect()
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_and_gone_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let listener = Listener::open(dir.path()).unwrap();
        assert_eq!(listener.path(), dir.path().canonicalize().unwrap().join(NAME));
        assert_eq!((mode(listener.path()), names(dir.path())), (0o600, vec![NAME.to_owned()]));
        let (client, server) = tokio::join!(UnixStream::connect(listener.path()), listener.accept());
        assert!(listener.knows(&server.unwrap()));
        client.unwrap();
        drop(listener);
        assert!(names(dir.path()).is_empty());
    }

    #[tokio::test]
    async fn what_was_left_over_is_replaced_and_what_is_anothers_stays() {
        let dir = tempfile::tempdir().unwrap();
        // As after a process was killed, at any point of making it.
        drop(std::os::unix::net::UnixListener::bind(dir.path().join(NAME)).unwrap());
        fs::create_dir(dir.path().join(STAGING)).unwrap();
        fs::write(dir.path().join(STAGING).join("s"), "").unwrap();
        let first = Listener::open(dir.path()).unwrap();
        let second = Listener::open(dir.path()).unwrap();
        drop(first);
        UnixStream::connect(second.path()).await.unwrap();
        drop(second);
        assert!(names(dir.path()).is_empty());
    }

    #[tokio::test]
    async fn nothing_but_a_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), "mine").unwrap();
        let error = Listener::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("is no socket"), "{error}");
        assert_eq!(fs::read(dir.path().join(NAME)).unwrap(), b"mine");
        assert!(Listener::open(&dir.path().join("missing")).is_err());
    }

    #[tokio::test]
    async fn where_the_path_is_too_long_the_socket_is_elsewhere_and_a_link_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(100));
        fs::create_dir(&deep).unwrap();
        let listener = Listener::open(&deep).unwrap();
        let folder = listener.path().parent().unwrap().to_owned();
        assert_eq!(fs::read_link(deep.join(NAME)).unwrap(), listener.path());
        assert_eq!((mode(&folder), mode(listener.path())), (0o700, 0o600));
        UnixStream::connect(listener.path()).await.unwrap();
        drop(listener);
        assert!(!folder.exists());
        assert!(names(&deep).is_empty());
    }

    #[tokio::test]
    async fn a_folder_elsewhere_that_others_can_enter_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        assert!(private(&open).unwrap_err().to_string().contains("for this user alone"));
        symlink(dir.path(), dir.path().join("link")).unwrap();
        assert!(private(&dir.path().join("link")).is_err());
    }
}
