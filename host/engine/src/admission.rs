//! From bytes to a release: everything that can be wrong with a component is found here, off the event path,
//! and named.

use std::sync::Arc;

use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_model::script::ScriptInfo;
use wasmtime::component::Component;

use crate::anatomy::Anatomy;
use crate::engine::Engine;
use crate::fault::{Fault, chain};
use crate::imports::{self, ImportGrants, mismatch};
use crate::limits::Limits;
use crate::release::Release;
use crate::sandbox::Sandbox;
use crate::trusted::Checked;
use crate::wire_info::script_info;

/// Looks at a component without compiling it: its size, its format, its imports, and how far it unfolds. The names of what
/// it imports, in its own order.
///
/// Takes milliseconds for a megabyte, whatever the bytes are.
///
/// # Errors
/// `limit.size`, `component.invalid`, `import.refused`, `import.not-granted`, `import.unknown`, `contract.mismatch`,
/// `limit.instances`.
pub fn inspect(
    name: &ScriptName,
    bytes: &[u8],
    grants: &ImportGrants,
    limits: &Limits,
) -> Result<Vec<String>, Refusal> {
    check_size(bytes.len(), limits)?;
    let anatomy = Anatomy::read(bytes)?;
    imports::check(name, &anatomy.imports, grants)?;
    anatomy.check(limits)?;
    Ok(anatomy.imports)
}

impl Engine {
    /// Makes a release of a component: looks at its size, its format and its imports, compiles it (or takes
    /// it from the cache), links it, and asks it what it is, under the script's limits.
    ///
    /// Takes from a tenth of a millisecond (cached) to seconds (an interpreter): keep it off the event path.
    ///
    /// # Errors
    /// `limit.size`, `component.invalid`, `import.refused`, `import.not-granted`, `import.unknown`,
    /// `contract.mismatch`, `limit.instances`, `limit.tables`, `limit.compile`, `describe.failed`.
    pub fn admit(
        &self,
        name: &ScriptName,
        bytes: &[u8],
        grants: &ImportGrants,
        limits: &Limits,
    ) -> Result<Arc<Release>, Refusal> {
        let imports = inspect(name, bytes, grants, limits)?;
        let id = Release::id_of(bytes);
        let component = self.compile(&id, bytes, limits)?;
        check_resources(&component, limits)?;
        let component = self.link(&component)?;
        let info = self.describe(name, &component, limits)?;
        Ok(Arc::new(Release { id, info, imports, size: bytes.len(), component }))
    }

    fn compile(&self, id: &ReleaseId, bytes: &[u8], limits: &Limits) -> Result<Component, Refusal> {
        if let Some(component) = self.cache().and_then(|cache| cache.load(id, self.wasmtime())) {
            return Ok(component);
        }
        let compiled = self.compiling().compile(self.wasmtime(), bytes, limits.compile)?;
        let component = compiled.map_err(|error| {
            let text = chain(&error);
            let code = too_much(&text).unwrap_or(Code::ComponentInvalid);
            Refusal::new(code, format!("the component does not compile: {text}"))
        })?;
        if let Some(cache) = self.cache() {
            cache.store(id, &component);
        }
        Ok(component)
    }

    fn link(&self, component: &Component) -> Result<Checked, Refusal> {
        for export in ["describe", "handle"] {
            if component.get_export_index(None, export).is_none() {
                return Err(mismatch(format!("the component exports no function `{export}`")));
            }
        }
        let linked = self.linker().instantiate_pre(component).map_err(|error| {
            mismatch(format!("an import of the component differs from the contract: {}", chain(&error)))
        })?;
        Checked::new(linked).map_err(|error| {
            mismatch(format!("an export of the component differs from the contract: {}", chain(&error)))
        })
    }

    fn describe(
        &self,
        name: &ScriptName,
        component: &Checked,
        limits: &Limits,
    ) -> Result<ScriptInfo, Refusal> {
        let _slot = self.slots().take();
        let sandbox = Sandbox::describing(name, &Arc::new(limits.clone()));
        let mut store = sandbox.into_store(self.wasmtime());
        let exports = match component.bindings().instantiate(&mut store) {
            Ok(exports) => exports,
            Err(error) => {
                let fault = Fault::from_error(&error, &store.data().log);
                return Err(failed("the component failed while it was started", &fault));
            }
        };
        match exports.call_describe(&mut store) {
            Ok(info) => script_info(info).map_err(|wrong| {
                Refusal::new(Code::DescribeFailed, format!("what the component says of itself: {wrong}"))
            }),
            Err(error) => {
                let fault = Fault::from_error(&error, &store.data().log);
                Err(failed("the component failed while it was asked what it is", &fault))
            }
        }
    }
}

fn failed(when: &str, fault: &Fault) -> Refusal {
    let backtrace = fault.backtrace.as_ref().map(|trace| format!("\n{trace}")).unwrap_or_default();
    Refusal::new(Code::DescribeFailed, format!("{when}: {}: {}{backtrace}", fault.code, fault.text))
}

/// Which limit the pool of instances found broken before it took the component, if that is why it did not.
fn too_much(text: &str) -> Option<Code> {
    if text.contains("exceeds the configured maximum") || text.contains("defined memories count") {
        return Some(Code::LimitInstances);
    }
    let exceeds = text.contains("exceeds the limit");
    exceeds.then_some(match text {
        text if text.contains("table") => Code::LimitTables,
        text if text.contains("memory") => Code::LimitMemory,
        _ => Code::LimitInstances,
    })
}

pub(crate) fn check_size(size: usize, limits: &Limits) -> Result<(), Refusal> {
    if size <= limits.component {
        return Ok(());
    }
    let most = limits.component;
    Err(Refusal::new(Code::LimitSize, format!("the component has {size} bytes; it may have {most}")))
}

/// Bytes of a page of a linear memory.
const WASM_PAGE: usize = 65_536;

fn count_of(pages: u64) -> usize {
    usize::try_from(pages).unwrap_or(usize::MAX)
}

/// Memories and tables are known before the first instance is made.
pub(crate) fn check_resources(component: &Component, limits: &Limits) -> Result<(), Refusal> {
    let Some(needs) = component.resources_required() else {
        return Err(Refusal::new(
            Code::ImportUnknown,
            "the component imports a module; scripts bring their own",
        ));
    };
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let initial = needs.max_initial_memory_size.map(|pages| count_of(pages).saturating_mul(WASM_PAGE));
    if let Some(initial) = initial.filter(|initial| *initial > limits.memory) {
        let (given, most) = (initial / 1024, limits.memory / 1024);
        return Err(Refusal::new(
            Code::LimitMemory,
            format!("the component begins with {given} KiB of memory; it may have {most} KiB"),
        ));
    }
    let (code, what, given, most) = if count(needs.num_memories) > limits.memories {
        (Code::LimitInstances, "memories", needs.num_memories, limits.memories)
    } else if count(needs.num_tables) > limits.tables {
        (Code::LimitTables, "tables", needs.num_tables, limits.tables)
    } else {
        return Ok(());
    };
    Err(Refusal::new(code, format!("the component has {given} {what}; it may have {most}")))
}
