//! How wasmtime is configured, and where the memory of instances comes from.
//!
//! Instances come from a pool: a slot keeps its pages from one instance to the next, which makes a fresh
//! instance per event three to four times cheaper. A pool reserves address space for everything it could
//! ever hold; where there is not enough of it (`ulimit -v`, small machines), instances are made on demand.

use rustix::process::{Resource, getrlimit};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::limits::{
    BACKTRACE_FRAMES, KEEP_RESIDENT, Limits, POOL_MEMORY_BYTES, POOL_TABLE_ELEMENTS, SCARCE_MEMORY_BYTES,
    STACK,
};

/// Where the memory of instances comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool.
    Pool,
    /// From the operating system, for each instance.
    OnDemand,
}

/// An engine that makes every instance on demand.
pub(crate) fn without_pool() -> wasmtime::Result<(Engine, Allocation)> {
    Ok((Engine::new(&on_demand())?, Allocation::OnDemand))
}

/// An engine with a pool for so many instances, or without one if the address space is too small for it.
pub(crate) fn with_pool(instances: u32) -> wasmtime::Result<(Engine, Allocation)> {
    let per_instance = u32::try_from(Limits::default().memories).unwrap_or(u32::MAX);
    let memories = instances.saturating_mul(per_instance);
    let wanted = u64::from(memories).saturating_mul(POOL_MEMORY_BYTES);
    // Half of it must stay for the host itself.
    let allowed = getrlimit(Resource::As).current.is_none_or(|limit| limit / 2 >= wanted);
    if allowed {
        match Engine::new(&pooled(instances, memories)) {
            Ok(engine) => return Ok((engine, Allocation::Pool)),
            Err(error) => tracing::debug!("no pool of instances: {error:#}"),
        }
    }
    tracing::info!(
        gib = wanted >> 30,
        "not enough address space for a pool of instances: they are made on demand, which is slower"
    );
    without_pool()
}

fn common() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Nothing a script does waits, so that the machinery for it would only cost.
        .concurrency_support(false)
        .wasm_memory64(false)
        // The same answer on every machine: a replay depends on it.
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES))
        // Function names come with the component; lines would need its debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

fn pooled(instances: u32, memories: u32) -> Config {
    let limits = Limits::default();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(count(limits.instances)))
        .total_memories(memories)
        .total_tables(instances.saturating_mul(count(limits.tables)))
        .max_core_instances_per_component(count(limits.instances))
        .max_memories_per_component(count(limits.memories))
        .max_tables_per_component(count(limits.tables))
        .max_memories_per_module(count(limits.memories))
        .max_tables_per_module(count(limits.tables))
        .table_elements(POOL_TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    let mut config = common();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn on_demand() -> Config {
    let mut config = common();
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .memory_reservation(SCARCE_MEMORY_BYTES)
        .memory_reservation_for_growth(SCARCE_MEMORY_BYTES)
        .memory_may_move(true);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_no_address_space_holds_is_done_without() {
        // A petabyte and a half; a process has 128 TiB.
        let (engine, allocation) = with_pool(100_000).unwrap();
        assert_eq!(allocation, Allocation::OnDemand);
        drop(engine);
    }
}
