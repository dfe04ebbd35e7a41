//! What a trap was, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A trap of a guest, with the backtrace of its wasm frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// What was running, for example ``action `add` of `calculator` ``.
    pub what: String,
    /// Which trap it was.
    pub kind: TrapKind,
    /// The panic's message, or the engine's description of the trap.
    pub message: String,
    /// The wasm frames, innermost first; with names where the component carries a name section.
    pub backtrace: Vec<Frame>,
}

/// The traps that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrapKind {
    /// The guest's language reported a panic before it trapped.
    Panic,
    /// The guest recursed past the limit of its stack.
    StackOverflow,
    /// An `unreachable` instruction without a panic message: an abort.
    Unreachable,
    /// An access outside of a memory or a table.
    OutOfBounds,
    /// A division by zero, an integer overflow, an invalid conversion.
    Arithmetic,
    /// The guest waits for something that can never happen.
    Deadlock,
    /// The guest ended its own process, with this status: `exit(0)` is success to a program, but ends an instance.
    Exit(i32),
    /// Any other violation of the rules of WebAssembly or of the component model.
    Other,
}

/// One frame of a wasm backtrace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function's demangled name, or `<wasm function N>`.
    pub function: String,
    /// The core module that it is in, where that has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The offset in the module's bytes, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
}

impl Trap {
    /// The first line of the message: what happened, without the backtrace.
    pub fn headline(&self) -> String {
        let Trap { what, kind, message, .. } = self;
        match kind {
            TrapKind::Panic => format!("{what} panicked: {message}"),
            TrapKind::StackOverflow => format!("{what} overflowed its stack"),
            TrapKind::Deadlock => format!("{what} waits for something that can never happen"),
            TrapKind::Exit(status) => format!("{what} ended its own process with status {status}"),
            _ => format!("{what} trapped: {message}"),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        for (index, frame) in self.backtrace.iter().enumerate() {
            write!(f, "\n  {index}: {}", frame.function)?;
        }
        Ok(())
    }
}
