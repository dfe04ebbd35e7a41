//! The data of a Store: the states of all capabilities, side by side.

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::lent::Lent;
use crate::capability::http::{self, HttpCtx};
use crate::capability::job::{JobCtx, JobCtxView, JobView};
use crate::capability::log::{self, Stdio};
use crate::capability::network::network;
use crate::capability::secrets::{self, SecretsCtx, SecretsCtxView, SecretsView};
use crate::capability::{bindings, job};
use crate::engine::{Meter, StoreLimiter};
use crate::error::Result;
use crate::policy::Limits;

/// Handles to host resources that one Store may hold. Each takes a little memory of the host's.
const MAX_RESOURCES: usize = 10_000;

pub(super) struct State {
    wasi: WasiCtx,
    http: HttpCtx,
    table: ResourceTable,
    secrets: SecretsCtx,
    pub(super) jobs: JobCtx,
    pub(super) stdio: Stdio,
    pub(super) limiter: StoreLimiter,
    pub(super) meter: Arc<Meter>,
}

impl State {
    /// A state with what is lent, and nothing else: no arguments, no standard input.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where a folder that is lent is not there any more.
    pub(super) fn new(limits: &Limits, lent: &Lent) -> Result<Self> {
        let jobs = JobCtx::default();
        let stdio = Stdio::new(jobs.current());
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let wasi = lent.wasi.open(|wasi| {
            wasi.stdout(stdio.stdout.clone()).stderr(stdio.stderr.clone());
        })?;
        let http = HttpCtx::new(lent.http.clone(), jobs.current().clone());
        let secrets = lent.secrets.clone();
        let limiter = StoreLimiter::new(limits);
        let runtime = if lent.wasi.has_sockets() { network().cloned() } else { None };
        let meter = Arc::new(Meter::new(runtime));
        Ok(Self { wasi, http, table, secrets, jobs, stdio, limiter, meter })
    }
}

/// Everything that a guest may import. What is behind it is closed unless it was granted.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    bindings::types::add_to_linker::<State, Types>(linker, |state| state)?;
    job::add_to_linker(linker)?;
    log::add_to_linker(linker)?;
    secrets::add_to_linker(linker)?;
    http::add_to_linker(linker)
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

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(&mut self.table)
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
