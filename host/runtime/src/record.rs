//! What was decided on an event and why: kept with the event, and shown to whoever asks.

use std::sync::Arc;

use mynah_model::action::{Act, ActionBody};
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, ReleaseId, ScriptName};
use mynah_model::refusal::Code;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::audit::cut;
use crate::fetch;
use crate::gate::Verdict;
use crate::limits;

/// An event that was handled: which scripts were called, and what came of it.
#[derive(Debug, Clone)]
pub struct Handled {
    /// The event.
    pub event: Arc<Event>,
    /// The calls, in their order.
    pub calls: Vec<CallRecord>,
}

impl Handled {
    /// The calls as they stand in the journal.
    pub(crate) fn calls_json(&self) -> String {
        serde_json::to_string(&self.calls).unwrap_or_else(|error| format!("[\"{error}\"]"))
    }
}

/// One call of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// The script.
    pub script: ScriptName,
    /// The release that was called.
    pub release: ReleaseId,
    /// CPU time, microseconds; 0 if it was not called.
    pub cpu_us: u64,
    /// Why it failed or was left out: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it asked for, and what the gate said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionRecord>,
}

impl CallRecord {
    pub(crate) fn new(script: ScriptName, release: ReleaseId) -> Self {
        Self { script, release, cpu_us: 0, code: None, text: None, actions: Vec::new() }
    }

    pub(crate) fn fail(&mut self, code: Code, text: &str) {
        self.code = Some(code);
        self.text = Some(text.to_owned());
    }
}

/// One action that a script asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionRecord {
    /// The action's name.
    pub action: &'static str,
    /// `granted`, `dry-run`, or the code of the refusal.
    pub verdict: &'static str,
    /// The number of the act that it became, or of its entry in the audit; `stop` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<ActNumber>,
    /// The script's reason, or the sentence of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl ActionRecord {
    pub(crate) fn of(action: &'static str, verdict: &Verdict, number: ActNumber) -> Self {
        let (verdict, act, text) = match verdict {
            Verdict::Granted(act) => ("granted", Some(number), reason(act)),
            Verdict::DryRun(act) => ("dry-run", Some(number), reason(act)),
            Verdict::Paused(_, refusal) => ("dry-run", Some(number), Some(refusal.text.clone())),
            Verdict::Schedule { tag, .. } => ("granted", Some(number), Some(format!("timer `{tag}` set"))),
            Verdict::Cancel { tag } => ("granted", Some(number), Some(format!("timer `{tag}` removed"))),
            Verdict::Stop => ("granted", None, None),
            Verdict::Refused(refusal) => (refusal.code.as_str(), Some(number), Some(refusal.text.clone())),
        };
        Self { action, verdict, act, text: text.map(|text| cut(&text, limits::AUDIT_TEXT_BYTES)) }
    }
}

/// Why, in the script's words; of a fetch also what.
fn reason(act: &Act) -> Option<String> {
    let ActionBody::Fetch { method, url, .. } = &act.body else { return act.reason.clone() };
    let why = act.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(fetch::shown(method, url) + &why)
}

/// Tells whoever listens what was decided, after it is committed.
pub(crate) struct Records {
    sender: broadcast::Sender<Arc<Handled>>,
}

impl Records {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(limits::BROADCAST) }
    }

    pub(crate) fn publish(&self, handled: Arc<Handled>) {
        // Without listeners there is nobody to tell.
        let _ = self.sender.send(handled);
    }

    pub(crate) fn has_listeners(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Handled>> {
        self.sender.subscribe()
    }
}
