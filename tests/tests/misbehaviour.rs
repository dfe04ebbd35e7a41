//! What a plugin can do wrong, and what becomes of it: each ends in its typed error, costs the host no memory, and
//! leaves its neighbour, and its own instance, able to go on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{Category, Clock, Error, Host, Limits, Plugin, ResourceKind, Source, TrapKind, Value};
use cjm_tests::guest;
use serde_json::json;

fn limits() -> Limits {
    Limits {
        memory_bytes: 256 << 20,
        cpu_time: Some(Duration::from_millis(500)),
        wall_time: Some(Duration::from_secs(2)),
        ..Limits::default()
    }
}

async fn misbehave() -> (Host, Plugin) {
    let host = Host::builder().limits(limits()).build().unwrap();
    let plugin = host.load(guest("misbehave")).await.unwrap();
    (host, plugin)
}

/// Runs a bad action beside a neighbour's calls, and checks what must hold whatever the action is.
async fn run_beside_a_neighbour(action: &str) -> Error {
    let (host, plugin) = misbehave().await;
    let neighbour = host.load(guest("echo")).await.unwrap();
    let bad = tokio::spawn({
        let (plugin, action) = (plugin.clone(), action.to_owned());
        async move { plugin.execute(&action, json!(null)).await }
    });
    let mut answered = 0;
    while answered == 0 || !bad.is_finished() {
        neighbour.execute("echo", json!("still here")).await.expect("the neighbour goes on");
        answered += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let error = bad.await.unwrap().expect_err("it misbehaved");
    let again = plugin.execute("count", json!(null)).await.expect("there is a new instance");
    assert_eq!(again.to::<u64>().unwrap(), 1, "the new instance begins anew");
    error
}

fn trap_kind(error: &Error) -> TrapKind {
    match error {
        Error::Trapped(trap) => trap.kind,
        other => panic!("{other:?}"),
    }
}

macro_rules! spins {
    ($($name:ident: $action:literal, $clock:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            match run_beside_a_neighbour($action).await {
                Error::TimedOut { clock, what, .. } => {
                    assert_eq!(clock, $clock);
                    assert!(what.contains($action) && what.contains("misbehave"), "{what}");
                }
                other => panic!("{other:?}"),
            }
        }
    )*};
}

spins! {
    spinning_runs_out_of_cpu_time: "spin", Clock::Cpu;
    spinning_between_yields_runs_out_of_cpu_time: "spin-yielding", Clock::Cpu;
    sleeping_runs_out_of_wall_time: "sleep", Clock::Wall;
    waiting_for_what_never_comes_runs_out_of_wall_time: "wait-for-cancellation", Clock::Wall;
}

macro_rules! traps {
    ($($name:ident: $action:literal, $kind:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let error = run_beside_a_neighbour($action).await;
            assert_eq!(trap_kind(&error), $kind, "{error}");
        }
    )*};
}

traps! {
    recursing_overflows_the_stack: "recurse", TrapKind::StackOverflow;
    a_panic_is_a_panic: "panic", TrapKind::Panic;
    a_trap_is_a_trap: "trap", TrapKind::Unreachable;
    reading_outside_of_memory_is_told: "out-of-bounds", TrapKind::OutOfBounds;
    // `wasi:cli/exit` knows success and failure, no other status.
    exiting_ends_the_instance_only: "exit", TrapKind::Exit(1);
    awaiting_what_cannot_happen_is_a_deadlock: "never", TrapKind::Deadlock;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_brings_its_message_and_a_backtrace_with_names() {
    let Error::Trapped(trap) = run_beside_a_neighbour("panic").await else { panic!() };
    assert!(trap.message.contains("panicked on purpose"), "{trap}");
    assert!(trap.message.contains("ways.rs"), "the place is named: {trap}");
    assert!(
        trap.backtrace.iter().any(|frame| frame.function.contains("misbehave::ways::panic_on_purpose")),
        "{trap}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allocating_without_end_is_out_of_memory_not_a_trap() {
    let error = run_beside_a_neighbour("allocate").await;
    let Error::ResourceExhausted(shortfall) = &error else { panic!("{error:?}") };
    assert_eq!(shortfall.kind, ResourceKind::SystemMemory);
    assert_eq!(shortfall.available, Some(256 << 20));
    assert!(shortfall.needed.unwrap() > 256 << 20);
    assert!(error.is_retriable());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growing_tables_is_limited() {
    let host = Host::builder().limits(limits()).build().unwrap();
    let error = host
        .loader(Source::bytes("tables", table_grower()))
        .limits(Limits { table_elements: 1000, ..limits() })
        .load()
        .await
        .unwrap_err();
    let Error::ResourceExhausted(shortfall) = &error else { panic!("{error:?}") };
    assert_eq!((&shortfall.kind, shortfall.available), (&ResourceKind::TableElements, Some(1000)));
}

/// A component that grows a table as it is instantiated, and traps when that is refused. It exports `plugin` so far
/// as the host looks at it before it instantiates.
fn table_grower() -> Vec<u8> {
    let text = include_str!("table-grower.wat");
    wat::parse_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_is_a_budget_of_its_own() {
    let host = Host::builder().build().unwrap();
    let fuelled = Limits { fuel: Some(1_000_000), ..limits() };
    let plugin = host.loader(Source::path(guest("misbehave"))).limits(fuelled).load().await.unwrap();
    for _ in 0..2 {
        let error = plugin.execute("spin", json!(null)).await.unwrap_err();
        let Error::ResourceExhausted(shortfall) = &error else { panic!("{error:?}") };
        assert_eq!((&shortfall.kind, shortfall.available), (&ResourceKind::Fuel, Some(1_000_000)));
        assert!(!error.is_retriable());
    }
    let running = plugin.call("echo", json!(1)).start();
    let watched = running.canceller();
    running.await.unwrap();
    assert!(watched.stats().fuel_used.is_some_and(|used| used > 0 && used < 1_000_000));

    let (_host, plain) = misbehave().await;
    let error = plain.call("echo", json!(1)).fuel(5).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput, "fuel is not counted there: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_json_is_the_plugins_fault() {
    let (_host, plugin) = misbehave().await;
    let error = plugin.execute("invalid-json", json!(null)).await.unwrap_err();
    assert_eq!(error.category(), Category::Fatal);
    assert!(error.to_string().contains("invalid JSON"), "{error}");
    let again = plugin.execute("count", json!(null)).await.unwrap();
    assert_eq!(again.to::<u64>().unwrap(), 1, "nothing happened to the instance");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_says_of_its_failure_arrives_in_the_taxonomy() {
    let (_host, plugin) = misbehave().await;
    let fail = async |action| plugin.execute(action, json!(null)).await.unwrap_err();
    let transient = fail("transient").await;
    assert_eq!(transient.retry_after(), Some(Duration::from_millis(250)));
    let Error::ResourceExhausted(shortfall) = fail("exhausted").await else { panic!() };
    assert_eq!((shortfall.kind, shortfall.needed), (ResourceKind::GpuMemory, Some(8 << 30)));
    assert_eq!(fail("fatal").await.category(), Category::Fatal);
    assert_eq!(fail("invalid-input").await.violations()[0].pointer, "/field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_refuses_or_spins_at_initialization_is_not_loaded() {
    let host = Host::builder().limits(limits()).build().unwrap();
    let load = async |config| host.loader(Source::path(guest("misbehave"))).config(config).load().await;
    let error = load(json!({ "initialize": "refuse" })).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    let error = load(json!({ "initialize": "spin" })).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { clock: Clock::Cpu, .. }), "{error}");
    let error = load(json!({ "initialize": 7 })).await.unwrap_err();
    assert_eq!(error.violations()[0].pointer, "/initialize");
    assert!(host.plugins().is_empty());
    assert!(matches!(host.plugin("misbehave"), Err(Error::NotLoaded { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_over_the_limit_is_refused_before_the_guest_runs() {
    let (_host, plugin) = misbehave().await;
    let error = plugin.execute("echo", Value::blob("a/b", vec![0; (64 << 20) + 1])).await.unwrap_err();
    let Error::ResourceExhausted(shortfall) = &error else { panic!("{error:?}") };
    assert_eq!(shortfall.kind, ResourceKind::Input);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_of_too_many_parts_is_not_loaded() {
    let host = Host::builder().build().unwrap();
    for limits in [
        Limits { instances: 0, ..limits() },
        Limits { memories: 0, ..limits() },
        Limits { tables: 0, ..limits() },
    ] {
        let error = host.loader(Source::path(guest("echo"))).limits(limits).load().await.unwrap_err();
        let Error::ResourceExhausted(shortfall) = &error else { panic!("{error:?}") };
        assert_eq!(shortfall.kind, ResourceKind::Instances, "{error}");
    }
}
