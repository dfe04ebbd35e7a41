//! The ways in which one call can go wrong.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use crate::cjm::plugin::types::{Blob, Error, ResourceKind, Shortfall, Transient, Value};
use crate::cjm::plugin::{cancellation, job, secrets};
use crate::wasi::logging::logging;
use crate::{CONFIG, invalid, json};

pub(crate) const NAMES: &[&str] = &[
    "echo",
    "count",
    "job",
    "config",
    "secret",
    "spin",
    "spin-yielding",
    "spin-politely",
    "nap",
    "sleep",
    "never",
    "wait-for-cancellation",
    "ignore-cancellation",
    "allocate",
    "take",
    "take-and-spin",
    "recurse",
    "panic",
    "trap",
    "out-of-bounds",
    "exit",
    "flood-logs",
    "flood-stdout",
    "flood-progress",
    "flood-usage",
    "report",
    "log-itself",
    "invalid-json",
    "huge",
    "huge-json",
    "transient",
    "exhausted",
    "fatal",
    "invalid-input",
];

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static ARRIVED: Cell<u32> = const { Cell::new(0) };
}

pub(crate) async fn run(action: &str, input: Value) -> Result<Value, Error> {
    match action {
        "echo" => return Ok(input),
        "count" => {
            COUNT.set(COUNT.get() + 1);
            return Ok(json(COUNT.get().to_string()));
        }
        "job" => {
            // Other calls of the same instance run in between.
            wit_bindgen::yield_async().await;
            return Ok(json(format!(r#"{{"id": "{}", "attempt": {}}}"#, job::id(), job::attempt())));
        }
        "config" => return Ok(json(CONFIG.with_borrow(Clone::clone))),
        "secret" => {
            let Value::Json(name) = input else { return Err(invalid("a name")) };
            let found = secrets::get(name.trim_matches('"'));
            return Ok(json(found.map_or("null".to_owned(), |secret| format!(r#""{secret}""#))));
        }
        "spin" => spin(),
        "spin-yielding" => loop {
            wit_bindgen::yield_async().await;
        },
        "spin-politely" => {
            while !job::is_cancelled() {
                black_box(0);
            }
            return Err(Error::Cancelled);
        }
        "nap" => std::thread::sleep(Duration::from_millis(20)),
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "never" => std::future::pending::<()>().await,
        "wait-for-cancellation" => {
            cancellation::requested().await;
            return Err(Error::Cancelled);
        }
        "ignore-cancellation" => {
            cancellation::requested().await;
            spin();
        }
        "allocate" => allocate(),
        "take" => drop(take(&input)?),
        "take-and-spin" => {
            let taken = take(&input)?;
            while !job::is_cancelled() {
                black_box(&taken);
            }
            return Err(Error::Cancelled);
        }
        "recurse" => {
            black_box(recurse(black_box(1)));
        }
        "panic" => panic_on_purpose(),
        "trap" => std::arch::wasm32::unreachable(),
        "out-of-bounds" => {
            // SAFETY: there is none; that is the point.
            unsafe { black_box(std::ptr::read_volatile(black_box(0xffff_fff0_usize) as *const u32)) };
        }
        "exit" => std::process::exit(3),
        "flood-logs" => {
            let message = "x".repeat(64 << 10);
            for _ in 0..50_000 {
                logging::log(logging::Level::Info, "flood", &message);
            }
        }
        "flood-stdout" => {
            let message = "x".repeat(1000);
            for _ in 0..100_000 {
                println!("{message}");
            }
        }
        "flood-progress" => {
            for step in 0..300_000 {
                job::report_progress(Some(f64::from(step) / 300_000.0), "flooding");
            }
        }
        "flood-usage" => {
            for step in 0..100_000 {
                job::report_usage(&format!("unit-{step}"), 1.0);
            }
        }
        "report" => {
            job::report_progress(Some(0.5), "half");
            job::report_usage("tokens", 2.0);
            job::report_usage("tokens", 3.0);
            logging::log(logging::Level::Warn, "here", "logged");
            println!("printed");
            eprintln!("complained");
            job::report_progress(Some(1.0), "whole");
        }
        "log-itself" => {
            // All of them begin together.
            let together = number(&input)?;
            ARRIVED.set(ARRIVED.get() + 1);
            while ARRIVED.get() < together {
                wit_bindgen::yield_async().await;
            }
            for line in 0..1_500 {
                logging::log(logging::Level::Info, "itself", &format!("{line} of {}", job::id()));
                if line % 10 == 0 {
                    wit_bindgen::yield_async().await;
                }
            }
        }
        "invalid-json" => return Ok(json("{\"open\": ")),
        "huge" => {
            return Ok(Value::Blob(Blob {
                media_type: "application/octet-stream".into(),
                data: vec![1; 100 << 20],
            }));
        }
        "huge-json" => return Ok(json(format!("\"{}\"", "x".repeat(100 << 20)))),
        "transient" => {
            return Err(Error::Transient(Transient { message: "busy".into(), retry_after_ms: Some(250) }));
        }
        "exhausted" => {
            return Err(Error::ResourceExhausted(Shortfall {
                message: "the model does not fit".into(),
                kind: ResourceKind::GpuMemory,
                needed_bytes: Some(8 << 30),
                available_bytes: Some(2 << 30),
            }));
        }
        "fatal" => return Err(Error::Fatal("the model is broken".into())),
        "invalid-input" => return Err(invalid("this field is wrong")),
        _ => return Err(invalid("no such action")),
    }
    Ok(json("null"))
}

pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// A function of its own, to be seen in the backtrace.
#[inline(never)]
fn panic_on_purpose() -> ! {
    panic!("panicked on purpose")
}

fn allocate() {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Takes so many MiB, and says so.
fn take(input: &Value) -> Result<Vec<u8>, Error> {
    let mebibytes = number(input)?;
    job::report_usage("mebibytes", mebibytes.into());
    Ok(black_box(vec![1_u8; (mebibytes as usize) << 20]))
}

fn number(input: &Value) -> Result<u32, Error> {
    let Value::Json(text) = input else { return Err(invalid("it is to be a number")) };
    text.trim().parse().map_err(|_| invalid("it is to be a number"))
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}
