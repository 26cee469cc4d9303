//! The engine: everything that scripts share.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};

use crate::allocation::{self, Allocation};
use crate::cache::CompileCache;
use crate::compiling::Compiling;
use crate::sandbox::Sandbox;
use crate::slots::Slots;
use crate::{bindings, ticker, wasi};

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where compiled components are kept, a folder of the host's own; `None` keeps none.
    pub cache_dir: Option<PathBuf>,
    /// How many threads call scripts at once. More may: they wait for each other, so they must hold nothing that the others
    /// wait for.
    pub workers: usize,
    /// How many warm instances are kept, of all scripts together.
    pub warm_instances: usize,
    /// Whether instances come from a pool, which reserves some hundred GiB of address space (not of memory)
    /// and makes a fresh instance three to four times cheaper. Where there is not enough of it, the engine
    /// does without by itself.
    pub pool: bool,
}

impl Default for EngineConfig {
    /// A worker per core, 32 warm instances, a pool, no cache.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        Self { cache_dir: None, workers, warm_instances: 32, pool: true }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The machine cannot run it.
    #[error("this machine cannot run scripts: {0}")]
    Unusable(String),
    /// The thread that watches the deadlines did not start.
    #[error("the thread that watches deadlines did not start")]
    Ticker(#[from] std::io::Error),
}

/// Runs scripts. A clone is the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<Sandbox>,
    cache: Option<CompileCache>,
    allocation: Allocation,
    calls: Slots,
    warm: Slots,
    workers: usize,
    compiling: Compiling,
}

/// Calls beyond one per worker that have room: admissions, and the threads that stand in for slow ones.
const SPARE_CALLS: usize = 8;

impl Engine {
    /// An engine with its ticker running.
    ///
    /// # Errors
    /// If the machine cannot run compiled scripts at all. A cache that cannot be used is only logged.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let calls = count(config.workers.saturating_add(SPARE_CALLS));
        let warm = count(config.warm_instances);
        let unusable = |error: wasmtime::Error| EngineError::Unusable(format!("{error:#}"));
        let instances = calls.saturating_add(warm);
        let made = if config.pool { allocation::with_pool(instances) } else { allocation::without_pool() };
        let (engine, allocation) = made.map_err(unusable)?;
        let linker = linker(&engine).map_err(unusable)?;
        let cache = config.cache_dir.and_then(|folder| {
            CompileCache::open(&folder, &engine)
                .inspect_err(|error| {
                    tracing::warn!(folder = %folder.display(), "compiled components are not kept: {error}");
                })
                .ok()
        });
        ticker::start(&engine)?;
        let (calls, warm) = (Slots::new(calls), Slots::new(warm));
        let workers = config.workers;
        let compiling = Compiling::default();
        Ok(Self(Arc::new(Inner { engine, linker, cache, allocation, calls, warm, workers, compiling })))
    }

    /// Where the memory of instances comes from on this machine.
    pub fn allocation(&self) -> Allocation {
        self.0.allocation
    }

    /// How many threads may be inside a script at once without waiting for each other; as many as its configuration says.
    pub fn workers(&self) -> usize {
        self.0.workers
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    pub(crate) fn linker(&self) -> &Linker<Sandbox> {
        &self.0.linker
    }

    pub(crate) fn compiling(&self) -> &Compiling {
        &self.0.compiling
    }

    pub(crate) fn cache(&self) -> Option<&CompileCache> {
        self.0.cache.as_ref()
    }

    /// Instances that handle an event.
    pub(crate) fn slots(&self) -> &Slots {
        &self.0.calls
    }

    /// Instances that are kept between events.
    pub(crate) fn warm_slots(&self) -> &Slots {
        &self.0.warm
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("allocation", &self.0.allocation).finish_non_exhaustive()
    }
}

/// Everything that any script may import. What a script is not granted is refused by name before it comes here.
fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Sandbox>> {
    let mut linker = Linker::new(engine);
    bindings::Script::add_to_linker::<Sandbox, HasSelf<Sandbox>>(&mut linker, |sandbox| sandbox)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}
