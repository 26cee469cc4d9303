//! What a script was refused so far, counted by the action and by the rule that refused it.

use std::collections::BTreeMap;

use mynah_model::refusal::Code;
use parking_lot::Mutex;

/// The counts of one script since its release was loaded. There are as many as actions times codes, whatever it does.
#[derive(Debug, Default)]
pub(crate) struct RefusalCounts(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl RefusalCounts {
    pub(crate) fn count(&self, action: &'static str, code: Code) {
        *self.0.lock().entry((action, code.as_str())).or_default() += 1;
    }

    /// Action, code, how often.
    pub(crate) fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.0.lock().iter().map(|((action, code), count)| (*action, *code, *count)).collect()
    }
}
