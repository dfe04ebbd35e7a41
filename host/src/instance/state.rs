//! The data of a Store: the states of all capabilities, side by side.

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::capability::job::{JobCtx, JobCtxView, JobView};
use crate::capability::log::{self, Stdio};
use crate::capability::secrets::{self, SecretsCtx, SecretsCtxView, SecretsView};
use crate::capability::{bindings, job};
use crate::engine::{Meter, StoreLimiter};
use crate::policy::Limits;

/// Handles to host resources that one Store may hold. Each takes a little memory of the host's.
const MAX_RESOURCES: usize = 10_000;

pub(super) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    secrets: SecretsCtx,
    pub(super) jobs: JobCtx,
    pub(super) stdio: Stdio,
    pub(super) limiter: StoreLimiter,
    pub(super) meter: Arc<Meter>,
}

impl State {
    /// A state in which nothing is granted but the secrets: no folders, no network, no environment, no arguments.
    pub(super) fn new(limits: &Limits, secrets: SecretsCtx) -> Self {
        let jobs = JobCtx::default();
        let stdio = Stdio::new(jobs.current());
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let wasi = WasiCtx::builder()
            .stdout(stdio.stdout.clone())
            .stderr(stdio.stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let limiter = StoreLimiter::new(limits);
        Self { wasi, table, secrets, jobs, stdio, limiter, meter: Arc::new(Meter::new()) }
    }
}

/// Everything that a guest may import. What is behind it is closed unless it was granted.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    bindings::types::add_to_linker::<State, Types>(linker, |state| state)?;
    job::add_to_linker(linker)?;
    log::add_to_linker(linker)?;
    secrets::add_to_linker(linker)
}

/// The contract's `types` has no functions, but is an import all the same.
struct Types;

impl wasmtime::component::HasData for Types {
    type Data<'a> = &'a mut State;
}

impl bindings::types::Host for State {}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl JobView for State {
    fn job(&mut self) -> JobCtxView<'_> {
        JobCtxView { ctx: &mut self.jobs }
    }
}

impl SecretsView for State {
    fn secrets(&mut self) -> SecretsCtxView<'_> {
        SecretsCtxView { ctx: &self.secrets }
    }
}
