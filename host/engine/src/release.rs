//! A release: one version of a script that was admitted, ready to be instantiated.

use std::fmt;

use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::Refusal;
use mynah_model::script::ScriptInfo;
use sha2::{Digest, Sha256};

use crate::admission;
use crate::imports::{self, ImportGrants};
use crate::limits::Limits;
use crate::trusted::Checked;

/// One loaded version of a script. It compiled, linked, fits its grants and said what it is.
pub struct Release {
    /// The sha256 of its bytes.
    pub id: ReleaseId,
    /// What it says of itself.
    pub info: ScriptInfo,
    /// What it imports, in its own order, for example `mynah:script/kv@0.1.0`.
    pub imports: Vec<String>,
    /// The size of the component in bytes.
    pub size: usize,
    /// Linked, with its exports looked up and compared with the contract.
    pub(crate) component: Checked,
}

impl Release {
    /// The id of a component's release.
    pub fn id_of(bytes: &[u8]) -> ReleaseId {
        ReleaseId(Sha256::digest(bytes).into())
    }

    /// Whether the release may be called with these grants and limits: what [`Engine::admit`](crate::Engine::admit) says of
    /// it without compiling it again.
    ///
    /// # Errors
    /// `import.not-granted`, `limit.size`, `limit.instances`, `limit.tables`, `limit.memory`.
    pub fn fits(&self, name: &ScriptName, grants: &ImportGrants, limits: &Limits) -> Result<(), Refusal> {
        imports::check(name, &self.imports, grants)?;
        admission::check_size(self.size, limits)?;
        admission::check_resources(self.component.bindings().instance_pre().component(), limits)
    }

    /// The imports of the release that need a grant, by the word that a grant has for them.
    pub fn granted_imports(&self) -> impl Iterator<Item = &'static str> {
        ImportGrants::NAMES.into_iter().filter(|name| {
            self.imports.iter().any(|import| {
                import.strip_prefix("mynah:script/").and_then(|rest| rest.split('@').next()) == Some(*name)
            })
        })
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release")
            .field("id", &self.id)
            .field("name", &self.info.name)
            .field("imports", &self.imports)
            .finish_non_exhaustive()
    }
}
