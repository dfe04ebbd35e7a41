//! Bare wasmtime, set up as well as it can be for the same calls: pooled, precompiled and linked beforehand, without
//! limits, without interruption.

use std::path::Path;

use wasmtime::component::{
    Component, ComponentType, FutureReader, InstancePre, Lift, Linker, Lower, ResourceTable, StreamReader,
    TypedFunc,
};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

#[derive(ComponentType, Lift, Lower, Clone)]
#[component(record)]
pub(crate) struct Blob {
    #[component(name = "media-type")]
    pub(crate) media_type: String,
    pub(crate) data: Vec<u8>,
}

#[derive(ComponentType, Lift, Lower, Clone)]
#[component(variant)]
pub(crate) enum Value {
    #[component(name = "json")]
    Json(String),
    #[component(name = "blob")]
    Blob(Blob),
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct InvalidInput {
    message: String,
    fields: Vec<String>,
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Transient {
    message: String,
    #[component(name = "retry-after-ms")]
    retry_after_ms: Option<u64>,
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum ResourceKind {
    #[component(name = "system-memory")]
    SystemMemory,
    #[component(name = "gpu-memory")]
    GpuMemory,
    #[component(name = "disk")]
    Disk,
    #[component(name = "other")]
    Other(String),
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(record)]
pub(crate) struct Shortfall {
    message: String,
    kind: ResourceKind,
    #[component(name = "needed-bytes")]
    needed_bytes: Option<u64>,
    #[component(name = "available-bytes")]
    available_bytes: Option<u64>,
}

#[derive(ComponentType, Lift, Lower, Clone, Debug)]
#[component(variant)]
pub(crate) enum Error {
    #[component(name = "invalid-input")]
    InvalidInput(InvalidInput),
    #[component(name = "transient")]
    Transient(Transient),
    #[component(name = "resource-exhausted")]
    ResourceExhausted(Shortfall),
    #[component(name = "cancelled")]
    Cancelled,
    #[component(name = "fatal")]
    Fatal(String),
    #[component(name = "other")]
    Other(String),
}

pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl State {
    fn new() -> Self {
        Self { wasi: WasiCtx::builder().build(), table: ResourceTable::new() }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

pub(crate) type Execute = TypedFunc<(&'static str, &'static Value), (Result<Value, Error>,)>;
pub(crate) type ExecuteStream =
    TypedFunc<(String, Value), (Result<(StreamReader<Value>, FutureReader<Result<(), Error>>), Error>,)>;

pub(crate) struct Bare {
    pub(crate) engine: Engine,
    linker: Linker<State>,
}

pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) instance: wasmtime::component::Instance,
    pub(crate) execute: Execute,
}

impl Bare {
    pub(crate) fn new() -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(4000)
            .total_core_instances(16_000)
            .total_memories(4000)
            .total_tables(8000)
            .total_stacks(4000)
            .linear_memory_keep_resident(64 << 10)
            .table_keep_resident(16 << 10)
            .max_unused_warm_slots(64)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config
            .wasm_component_model_async(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        // The contract's own imports are never called here.
        linker.allow_shadowing(true);
        Self { engine, linker }
    }

    pub(crate) fn compile(&self, path: &Path) -> Component {
        Component::from_file(&self.engine, path).unwrap()
    }

    pub(crate) fn link(&self, component: &Component) -> InstancePre<State> {
        let mut linker = self.linker.clone();
        linker.define_unknown_imports_as_traps(component).unwrap();
        linker.instantiate_pre(component).unwrap()
    }

    pub(crate) async fn instantiate(&self, pre: &InstancePre<State>) -> Instance {
        let mut store = Store::new(&self.engine, State::new());
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        let plugin = instance.get_export_index(&mut store, None, "cjm:plugin/plugin@0.1.0").unwrap();
        let execute = instance.get_export_index(&mut store, Some(&plugin), "execute").unwrap();
        let execute = instance.get_typed_func(&mut store, execute).unwrap();
        Instance { store, instance, execute }
    }
}

impl Instance {
    pub(crate) async fn echo(&mut self, input: &Value) -> Value {
        let (echoed,) = self.execute.call_async(&mut self.store, ("echo", input)).await.unwrap();
        echoed.unwrap()
    }
}

pub(crate) fn blob(bytes: usize) -> Value {
    Value::Blob(Blob { media_type: "application/octet-stream".into(), data: vec![7; bytes] })
}
