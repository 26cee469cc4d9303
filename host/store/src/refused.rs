//! What scripts were refused, counted: for whoever looks at a script before trusting it, beside a running host or without
//! one.

use std::path::Path;

use mynah_model::names::ScriptName;

use crate::error::{StoreError, loaded};
use crate::reader::Reader;

impl Reader {
    /// Reads the file of a host that may be running, and changes nothing in it.
    pub fn beside(path: &Path) -> Result<Self, StoreError> {
        Self::open(path)
    }

    /// How often a script was refused something, by the action and the code of the rule, over all that the audit still holds.
    pub fn refused(&self, script: &ScriptName) -> Result<Vec<(String, String, u64)>, StoreError> {
        self.all(
            "SELECT action, code, count(*) FROM audit WHERE script = ?1 AND code IS NOT NULL \
             AND outcome IN ('refused', 'unsupported', 'expired') GROUP BY action, code ORDER BY action, code",
            [script.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?, loaded(row.get(2)?))),
        )
    }
}
