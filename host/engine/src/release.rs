//! A release: one version of a script that was admitted, ready to be instantiated.

use std::fmt;

use mynah_model::names::ReleaseId;
use mynah_model::script::ScriptInfo;

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

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release")
            .field("id", &self.id)
            .field("name", &self.info.name)
            .field("imports", &self.imports)
            .finish_non_exhaustive()
    }
}
