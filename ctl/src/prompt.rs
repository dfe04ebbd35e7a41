//! Questions to the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use cjm_host::Secret;

use crate::cli::ConfirmArgs;
use crate::failure::{Failure, Result};
use crate::output::{BOLD, Console, DIM, styled};
use crate::text;

/// The longest secret that is read from standard input: more than is ever kept.
const MAX_SECRET: u64 = 1 << 20;

/// Asks whether to go on with something; `doing` names it where it is cut short, for example `installing`.
pub(crate) async fn confirm(args: ConfirmArgs, question: &str, doing: &str, console: &Console) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    // With --json nobody reads a question, even where there is a terminal.
    if console.json() || !io::stdin().is_terminal() {
        return Err(Failure::user(format!("{doing} has to be confirmed, and there is nobody to ask"))
            .hint("add --yes to do it without asking"));
    }
    console.ask(&format!("{} {} ", styled(BOLD, question), styled(DIM, "[y/N]")));
    let mut open = OpenLine { answered: false };
    // A read cannot be interrupted: this thread may outlive the question, and ends with the process.
    let answered = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answered = answered.await;
    open.answered = true;
    let answer = match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Failure::io("read", Path::new("standard input"), &error)),
        Err(error) => return Err(Failure::fatal(format!("the question was not answered: {error}"))),
    };
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::cancelled(doing))
}

/// The line of a question. Where the answer does not end it, as after Ctrl-C, this does.
struct OpenLine {
    answered: bool,
}

impl Drop for OpenLine {
    fn drop(&mut self) {
        if !self.answered {
            let _ = writeln!(io::stderr());
        }
    }
}

/// Gets a secret: from a person, to whom it is not shown, or from standard input, without the line end at its end.
pub(crate) fn secret(name: &str) -> Result<Secret> {
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password(format!("Value of {} (is not shown): ", text::one_line(name)))
            .map_err(|error| Failure::io("read the secret from", Path::new("the terminal"), &error))?;
        return Ok(Secret::new(typed));
    }
    // In one piece, so that growing leaves no copies of it behind.
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(MAX_SECRET as usize));
    io::stdin()
        .lock()
        .take(MAX_SECRET)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("read the secret from", Path::new("standard input"), &error))?;
    let value = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::user("the secret is not UTF-8 text").hint("encode it, for example with base64")
    })?;
    let line = value.strip_suffix('\n').map_or(value, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::new(line))
}

impl Console {
    /// A question on standard error, with the cursor left behind it.
    fn ask(&self, question: &str) {
        // Where it cannot be shown, it will not be answered either.
        let _ = write!(anstream::stderr().lock(), "{question}");
        let _ = io::stderr().flush();
    }
}
