//! What the process that started a worker is told, where it is one that wants to know: systemd, of a service with
//! `Type=notify`.

/// Jobs are run and others are answered.
pub(super) const READY: &str = "READY=1";

/// No more jobs begin.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Tells it, as sd_notify(3) does. A supervisor that does not listen is none of the worker's business.
#[cfg(target_os = "linux")]
pub(super) fn tell(state: &str) {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let tell = || {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&name)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)
    };
    let _: std::io::Result<usize> = tell();
}

#[cfg(not(target_os = "linux"))]
pub(super) fn tell(_state: &str) {}
