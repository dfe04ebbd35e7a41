//! From what wasmtime reports to the taxonomy.

use std::time::Duration;

use wasmtime::{Trap as WasmTrap, WasmBacktrace};

use super::limiter::{Refusal, StoreLimiter};
use super::meter::Stop;
use crate::error::{Clock, Error, Frame, ResourceKind, Trap, TrapKind};

/// What was known of a call when it failed.
pub(crate) struct FailureContext<'a> {
    /// What was running, for example ``action `add` of `calculator` ``.
    pub(crate) what: String,
    pub(crate) limiter: &'a StoreLimiter,
    /// The last lines that the guest wrote to standard error.
    pub(crate) stderr: &'a str,
    pub(crate) wall_limit: Option<Duration>,
    pub(crate) cpu_limit: Option<Duration>,
    pub(crate) fuel_limit: Option<u64>,
    pub(crate) output_limit: u64,
}

/// The typed error for a call that ended in an error of the engine.
pub(crate) fn classify(error: &wasmtime::Error, context: FailureContext<'_>) -> Error {
    let what = context.what.clone();
    if let Some(refused) = error.downcast_ref::<Error>() {
        return refused.clone();
    }
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(*stop, &context);
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return trapped(what, TrapKind::Exit(exit.0), String::new(), error);
    }
    match error.downcast_ref::<WasmTrap>() {
        Some(trap) => from_trap(*trap, error, context),
        None if error.root_cause().to_string().contains("too much data") => Error::exhausted(
            ResourceKind::Output,
            format!(
                "{what} gave the host more than its output limit of {} bytes; raise `output-bytes`, or have the \
                 plugin stream its results",
                context.output_limit
            ),
            None,
            Some(context.output_limit),
        ),
        None if error.is::<wasmtime::PoolConcurrencyLimitError>() => Error::exhausted(
            ResourceKind::Instances,
            format!(
                "there is no room for {what}: {}; unload plugins, or raise `pooled_instances`",
                root_message(error)
            ),
            None,
            None,
        ),
        None if root_message(error).contains("resource limit exceeded") => Error::exhausted(
            ResourceKind::Instances,
            format!(
                "{what} went over a limit: {}; raise `instances`, `memories` or `tables`",
                root_message(error)
            ),
            None,
            None,
        ),
        None if context.limiter.refused().is_some() => refused(what, context.limiter),
        None => trapped(what, TrapKind::Other, root_message(error), error),
    }
}

/// The typed error for a call that the host stopped.
fn stopped(stop: Stop, context: &FailureContext<'_>) -> Error {
    let what = context.what.clone();
    match stop {
        Stop::Forced => Error::Cancelled { what, forced: true },
        Stop::WallTime => {
            Error::TimedOut { what, clock: Clock::Wall, limit: context.wall_limit.unwrap_or_default() }
        }
        Stop::CpuTime => {
            Error::TimedOut { what, clock: Clock::Cpu, limit: context.cpu_limit.unwrap_or_default() }
        }
    }
}

fn from_trap(trap: WasmTrap, error: &wasmtime::Error, context: FailureContext<'_>) -> Error {
    let what = context.what;
    let message = trap.to_string();
    let panic = panic_message(context.stderr);
    match trap {
        WasmTrap::OutOfFuel => Error::exhausted(
            ResourceKind::Fuel,
            format!("{what} used up its fuel of {} units; raise `fuel`", context.fuel_limit.unwrap_or(0)),
            None,
            context.fuel_limit,
        ),
        WasmTrap::StackOverflow => trapped(what, TrapKind::StackOverflow, message, error),
        WasmTrap::AsyncDeadlock => trapped(what, TrapKind::Deadlock, message, error),
        WasmTrap::IntegerDivisionByZero | WasmTrap::IntegerOverflow | WasmTrap::BadConversionToInteger => {
            trapped(what, TrapKind::Arithmetic, message, error)
        }
        // A guest that is refused memory mostly aborts, or runs into the null pointer that it was given instead.
        _ if context.limiter.refused().is_some() && panic.is_none() => refused(what, context.limiter),
        WasmTrap::MemoryOutOfBounds if ran_out_of_shadow_stack(error) => {
            trapped(what, TrapKind::StackOverflow, message, error)
        }
        WasmTrap::MemoryOutOfBounds | WasmTrap::TableOutOfBounds | WasmTrap::HeapMisaligned => {
            trapped(what, TrapKind::OutOfBounds, message, error)
        }
        WasmTrap::UnreachableCodeReached => match panic {
            Some(panic) => trapped(what, TrapKind::Panic, panic, error),
            None => trapped(what, TrapKind::Unreachable, message, error),
        },
        _ => trapped(what, TrapKind::Other, message, error),
    }
}

fn refused(what: String, limiter: &StoreLimiter) -> Error {
    match limiter.refused() {
        Some(Refusal::Table { needed, limit }) => Error::exhausted(
            ResourceKind::TableElements,
            format!(
                "{what} needed a table of {needed} elements, over its limit of {limit}; raise `table-elements`"
            ),
            Some(needed),
            Some(limit),
        ),
        Some(Refusal::Memory { needed, limit }) => Error::exhausted(
            ResourceKind::SystemMemory,
            format!(
                "{what} needed {needed} bytes of memory, over its limit of {limit}; raise `memory-bytes`"
            ),
            Some(needed),
            Some(limit),
        ),
        None => Error::fatal(format!("{what} ran out of something")),
    }
}

fn trapped(what: String, kind: TrapKind, message: String, error: &wasmtime::Error) -> Error {
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    Error::Trapped(Box::new(Trap { what, kind, message, backtrace }))
}

/// Compilers keep part of a guest's stack at the bottom of its linear memory, and recursion that runs past it
/// faults like any other bad access. It is told by a backtrace that is full and goes round in circles.
fn ran_out_of_shadow_stack(error: &wasmtime::Error) -> bool {
    const FULL: usize = 20;
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return false };
    let frames = backtrace.frames();
    let function = |frame: &wasmtime::FrameInfo| frame.func_index();
    let Some(innermost) = frames.first().map(function) else { return false };
    frames.len() >= FULL && frames.iter().filter(|frame| function(frame) == innermost).count() >= FULL / 5
}

fn frames(backtrace: &WasmBacktrace) -> Vec<Frame> {
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => rustc_demangle::try_demangle(name)
            .map(|demangled| format!("{demangled:#}"))
            .unwrap_or_else(|_| name.to_owned()),
        None => format!("<wasm function {}>", frame.func_index()),
    };
    let frame = |frame: &wasmtime::FrameInfo| Frame {
        function: name(frame),
        module: frame.module().name().map(str::to_owned),
        offset: frame.module_offset(),
    };
    backtrace.frames().iter().map(frame).collect()
}

/// The innermost message without the backtrace that wasmtime puts around it.
fn root_message(error: &wasmtime::Error) -> String {
    error.root_cause().to_string()
}

/// Rust's standard library reports a panic on standard error, in two lines, before it aborts:
/// `thread 'main' (1) panicked at src/lib.rs:3:5:` and the message.
fn panic_message(stderr: &str) -> Option<String> {
    let at = stderr.rfind("panicked at ")?;
    let report = stderr.get(at..)?;
    let (place, message) = report.split_once('\n').unwrap_or((report, ""));
    let place = place.trim_start_matches("panicked at ").trim_end().trim_end_matches(':');
    let message = message.split("\nnote: ").next().unwrap_or("").trim();
    Some(if message.is_empty() { format!("at {place}") } else { format!("{message} (at {place})") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_panic_in_what_the_guest_wrote() {
        let stderr = "something else\n\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\nindex out of bounds: \
                      the len is 0\nnote: run with `RUST_BACKTRACE=1` environment variable\n";
        assert_eq!(panic_message(stderr).unwrap(), "index out of bounds: the len is 0 (at src/lib.rs:3:5)");
        assert_eq!(panic_message("nothing of the kind"), None);
        assert_eq!(panic_message("panicked at src/lib.rs:1:1"), Some("at src/lib.rs:1:1".into()));
    }
}
