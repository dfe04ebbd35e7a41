//! The terminal's own part in what is on the screen.

/// How many characters fit into a line of standard output; none where that is no terminal.
#[cfg(unix)]
pub(crate) fn width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

/// How many characters fit into a line of standard output; none where that is not known.
#[cfg(not(unix))]
pub(crate) fn width() -> Option<u16> {
    None
}

/// How many lines fit onto the terminal that standard output is.
#[cfg(unix)]
pub(crate) fn height() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_row > 0).then_some(size.ws_row)
}

/// How many lines fit onto the terminal; none where that is not known.
#[cfg(not(unix))]
pub(crate) fn height() -> Option<u16> {
    None
}

/// While one of these lives, the terminal does not write `^C` when that is pressed: it would do so in the middle of the
/// progress bar, which then could no longer be taken away.
#[derive(Debug)]
pub(crate) struct NoEcho {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl NoEcho {
    pub(crate) fn begin() -> Self {
        NoEcho { before: silence() }
    }
}

#[cfg(unix)]
impl Drop for NoEcho {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = self.before.take()
            && in_foreground()
        {
            // A terminal that has gone needs no settings.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &before);
        }
    }
}

/// Gives what the settings were, if they were changed.
#[cfg(unix)]
fn silence() -> Option<rustix::termios::Termios> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    if !in_foreground() {
        return None;
    }
    let before = tcgetattr(rustix::stdio::stdin()).ok()?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHOCTL);
    tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &silent).ok()?;
    Some(before)
}

/// Whether the terminal is this process's to change: the system stops one in the background that tries.
#[cfg(unix)]
fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
impl NoEcho {
    pub(crate) fn begin() -> Self {
        NoEcho {}
    }
}
