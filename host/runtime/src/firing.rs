//! Whether a timer that is due may fire: its script is live in the chat, and has fired no more timers than its budget allows. What
//! may not is put off, so that no script fills the journal with timers that nobody asked for.

use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;

use crate::grants::Counted;
use crate::handling::Handling;

impl Handling {
    /// Whether a timer of a script may fire in a chat now. If it may, it is counted as one that did.
    pub(crate) fn may_fire(&self, script: &ScriptName, address: &Address, now: UnixMs) -> bool {
        let rules = self.rules.load();
        let Some(live) = rules.get(script).filter(|live| live.script.covers(address)) else { return false };
        match self.budgets.take_of_script(script, &live.grants, Counted::TIMER, address, 1, now) {
            Ok(()) => true,
            Err(refusal) => {
                live.refusals.count(Counted::TIMER, refusal.code);
                self.alert_of_budget(live, &refusal, now);
                false
            }
        }
    }
}
