//! What runs inside of a shared instance's Store: takes calls while there is room, and answers them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use wasmtime::AsContextMut;
use wasmtime::component::Accessor;

use super::round::{Answer, InFlight, Round};
use super::{Call, Message, Reply};
use crate::capability::bindings::types;
use crate::capability::job::{CallStats, Job};
use crate::error::{Error, Result};
use crate::instance::convert;
use crate::instance::live::{ExecuteOwned, ExecuteStream, Outcome};
use crate::instance::state::State;
use crate::instance::stats::Ended;
use crate::instance::stream::serve;
use crate::value::Value;

/// What is called in the Store.
pub(super) struct Functions {
    pub(super) execute: ExecuteOwned,
    pub(super) stream: Option<ExecuteStream>,
}

/// Ends when a call must be stopped by force, with the call's job.
pub(super) type Watch = BoxFuture<'static, Option<Arc<Job>>>;

/// Runs inside of the Store: takes calls while there is room, and answers them.
pub(super) async fn serve_calls(
    accessor: &Accessor<State>,
    functions: Functions,
    round: &Round,
    first: Box<Call>,
    receiver: &mut mpsc::Receiver<Message>,
    watch: mpsc::UnboundedSender<Watch>,
) -> Option<Message> {
    let room = round.blueprint.limits.max_concurrency.max(1) as usize;
    let mut running = FuturesUnordered::new();
    running.push(serve_call(accessor, &functions, round, *first, &watch));
    let mut other = None;
    while !running.is_empty() {
        tokio::select! {
            biased;
            message = receiver.recv(), if other.is_none() && running.len() < room => match message {
                Some(Message::Call(call)) => running.push(serve_call(accessor, &functions, round, *call, &watch)),
                Some(message) => other = Some(message),
                // No caller is left that could send another.
                None => while running.next().await.is_some() {},
            },
            _ = running.next() => {}
        }
    }
    other
}

async fn serve_call(
    accessor: &Accessor<State>,
    functions: &Functions,
    round: &Round,
    call: Call,
    watch: &mpsc::UnboundedSender<Watch>,
) {
    if call.taken.swap(true, Ordering::AcqRel) {
        return;
    }
    let what = call.work.what();
    let mut work = call.work;
    let (items, answer) = match call.reply {
        Reply::Value(reply) => (None, Answer::Value(reply)),
        Reply::Stream(items, reply) => (Some(items), Answer::Stream(reply)),
    };
    let output_bytes = work.limits.output_bytes;
    let (action, input) = (work.action.to_string(), work.take_input());
    let call = round.begin(InFlight {
        work,
        what,
        began: Instant::now(),
        timed_out: AtomicBool::new(false),
        reply: Mutex::new(Some(answer)),
    });
    // The other end lives as long as the round.
    let _ = watch.send(Box::pin(call.clone().must_force()));
    if let Some(fuel) = call.work.limits.fuel {
        // As with CPU time, the last call to begin bounds the Store. The engine counts fuel, or the call would have
        // been refused.
        let _ = accessor.with(|mut access| {
            let mut store = access.as_context_mut();
            round.account_fuel(store.get_fuel().ok(), fuel);
            store.set_fuel(fuel)
        });
    }
    let ended = match items {
        None => serve_execute(accessor, functions.execute, &call, action, input).await.map(|outcome| {
            let value = outcome.map_err(|error| call.error(error));
            End::Value(value.and_then(|value| convert::from_guest(|| call.what.clone(), value, output_bytes)))
        }),
        Some(items) => match functions.stream {
            None => Ok(End::Stream(Err(Error::invalid(format!("{} does not stream", call.what))))),
            Some(stream) => serve(accessor, stream, action, input, items, Some(&call.work.job))
                .await
                .map(|outcome| End::Stream(outcome.map_err(|error| call.error(error)))),
        },
    };
    // A failure of the engine breaks the whole round, which answers its calls.
    let Ok(ended) = ended else { return };
    round.end(&call, ended.how());
    let memory = accessor.with(|mut access| {
        let store = access.as_context_mut();
        let limiter = &store.data().limiter;
        (limiter.memory_bytes(), limiter.peak_memory_bytes())
    });
    call.work.job.measured(CallStats {
        wall: call.began.elapsed(),
        cpu: Duration::ZERO,
        memory_bytes: memory.0,
        peak_memory_bytes: memory.1,
        fuel_used: None,
    });
    // The caller may have gone away.
    match (call.answer(), ended) {
        (Some(Answer::Value(reply)), End::Value(value)) => drop(reply.send(value)),
        (Some(Answer::Stream(reply)), End::Stream(end)) => drop(reply.send(end)),
        _ => {}
    }
}

enum End {
    Value(Result<Value>),
    Stream(Result<()>),
}

impl End {
    fn how(&self) -> Ended {
        match self {
            End::Value(value) => value.into(),
            End::Stream(end) => end.into(),
        }
    }
}

async fn serve_execute(
    accessor: &Accessor<State>,
    execute: ExecuteOwned,
    call: &InFlight,
    action: String,
    input: types::Value,
) -> wasmtime::Result<Outcome<types::Value>> {
    let (started, task) = accessor.with(|mut access| -> wasmtime::Result<_> {
        let started = execute.start_call_concurrent(&mut access, (action, input))?;
        let task = started.task();
        access.as_context_mut().data_mut().jobs.begin_task(task, call.work.job.clone());
        Ok((started, task))
    })?;
    let (outcome,) = execute.finish_call_concurrent(accessor, started).await?;
    accessor.with(|mut access| access.as_context_mut().data_mut().jobs.end_task(task));
    Ok(outcome)
}
