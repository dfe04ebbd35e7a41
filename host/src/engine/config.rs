//! The engine's configuration: one function builds it, because compiled code is only valid for engines that were
//! configured alike.

use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::{Error, Result};

/// Settings of the engines, shared by all instances of a host.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Stack for wasm frames of one call, in bytes. A guest that recurses past it gets a stack overflow, and the host
    /// is unharmed. Default: 512 KiB.
    pub wasm_stack_bytes: usize,
    /// Instances that can be alive at the same time. Address space, not memory, is reserved for them. A host that
    /// has less address space runs without a pool, at a higher cost for each instantiation. Default: 4,000.
    pub pooled_instances: u32,
    /// How often a running guest is made to look at its limits and to yield to its neighbours. Default: 1 ms.
    pub tick: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { wasm_stack_bytes: 512 << 10, pooled_instances: 4_000, tick: Duration::from_millis(1) }
    }
}

/// Core instances that one component may consist of. A component of several languages or of Python brings about
/// twenty.
pub(super) const CORE_INSTANCES_PER_COMPONENT: u32 = 100;

/// The room on a fiber's stack that host functions have beside the guest's frames.
const HOST_STACK_BYTES: usize = 1 << 20;

/// The most elements of one table in the pool. Toolchains put one element for each function whose address is taken;
/// a CPython interpreter has about 10,000.
pub(crate) const POOLED_TABLE_ELEMENTS: usize = 100_000;

pub(super) fn engine(options: &EngineOptions, fuel: bool) -> Result<Engine> {
    let mut config = base(options, fuel);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    // The pool reserves its address space here: creating it is the probe.
    match Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(pooled) => {
            tracing::warn!(
                error = format!("{pooled:#}"),
                "no room for an instance pool; instances are allocated on demand"
            );
            let mut config = base(options, fuel);
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
                .map_err(|error| Error::fatal(format!("the WebAssembly engine could not start: {error:#}")))
        }
    }
}

fn base(options: &EngineOptions, fuel: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .wasm_component_model_more_async_builtins(true)
        .wasm_component_model_async_stackful(true)
        .epoch_interruption(true)
        .consume_fuel(fuel)
        .max_wasm_stack(options.wasm_stack_bytes)
        .async_stack_size(options.wasm_stack_bytes.saturating_add(HOST_STACK_BYTES));
    config
}

fn pool(options: &EngineOptions) -> PoolingAllocationConfig {
    let instances = options.pooled_instances.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(2))
        .total_stacks(instances)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(20)
        .max_tables_per_component(40)
        .max_memories_per_module(20)
        .max_tables_per_module(20)
        .table_elements(POOLED_TABLE_ELEMENTS)
        // Slots that are used again and again keep their first pages, which saves the page faults of a small guest.
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .max_unused_warm_slots(64)
        .pagemap_scan(Enabled::Auto);
    pool
}
