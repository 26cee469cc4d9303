//! Why something happened, or did not: of one event, who was called for it and who was not, what each decided, what the gate
//! said, and what was delivered.
//!
//! What was decided is read from the journal. Why a script was not called is worked out from the rules as they are now; where
//! they, or what the operator grants, are younger than the event, that is said.

use mynah_model::clock::UnixMs;
use mynah_model::event::{Event, EventBody, EventKind};
use mynah_model::names::{ReleaseId, ScriptName, Seq};
use mynah_store::{AuditRow, Reader, StoreError};
use serde::{Deserialize, Serialize};

use crate::audit::{FAULT, plain, summary};
use crate::grants::{Mode, OnFault};
use crate::limits;
use crate::scripts::{Catalog, Known};

mod lines;

/// The word under which an operator's command is listed among the actions.
pub(crate) const COMMAND: &str = "command";

/// All that is known of how one event was dealt with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// The event.
    pub seq: Seq,
    /// Where it happened.
    pub address: String,
    /// What kind of event it is, as it stands in the journal.
    pub kind: EventKind,
    /// Who did it: `name (id)`.
    pub who: Option<String>,
    /// What was said, shortened.
    pub text: Option<String>,
    /// When it happened, by the network's clock.
    pub time: UnixMs,
    /// When the host received it.
    pub received_at: UnixMs,
    /// When it was handled; `None` while it waits.
    pub handled_at: Option<UnixMs>,
    /// How old it was then, milliseconds.
    pub age_ms: Option<i64>,
    /// The event that caused it.
    pub cause: Option<Seq>,
    /// Why it is set aside, if it is: `code: sentence`.
    pub set_aside: Option<String>,
    /// The scripts that were called, or that would have been, in their order.
    pub calls: Vec<Call>,
    /// The scripts that were not, in their order.
    pub not_called: Vec<NotCalled>,
    /// What others did about it: operators by a command, the webhook, the host.
    pub others: Vec<Deed>,
    /// What to type or write next.
    pub hints: Vec<String>,
}

/// A script that was called, or left out when it was its turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// The script.
    pub script: String,
    /// The release that was called.
    pub release: String,
    /// The release that is live now, if it is another one.
    pub release_now: Option<String>,
    /// When what the operator wrote of it was last edited, if that was after the event.
    pub regranted_at: Option<UnixMs>,
    /// CPU time, microseconds; 0 if it was left out.
    pub cpu_us: u64,
    /// Why it failed or was left out.
    pub code: Option<String>,
    /// The same as a sentence.
    pub text: Option<String>,
    /// The functions that were being called when it failed, innermost first.
    pub backtrace: Option<String>,
    /// What it asked for.
    pub actions: Vec<Deed>,
}

/// Something that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deed {
    /// Who asked, as an [`Actor`](mynah_model::action::Actor) reads.
    pub actor: String,
    /// What, in one line.
    pub summary: String,
    /// Its number; `stop` has none.
    pub number: Option<u64>,
    /// `granted` until it is over; then how it ended: `done`, `refused`, `dry-run`, `failed` ...
    pub outcome: String,
    /// The rule that stood against it, or what the network said.
    pub code: Option<String>,
    /// The same as a sentence.
    pub text: String,
    /// Why, in the words of who asked.
    pub reason: Option<String>,
    /// How long delivery took, milliseconds.
    pub took_ms: Option<i64>,
}

/// A script that was not called.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotCalled {
    /// The script.
    pub script: String,
    /// Its live release; `None` if it has none.
    pub release: Option<String>,
    /// When what the operator wrote of it was last edited, if that was after the event.
    pub regranted_at: Option<UnixMs>,
    /// Why not.
    pub text: String,
}

/// A call as it stands in the journal.
#[derive(Deserialize)]
struct KeptCall {
    script: ScriptName,
    release: String,
    cpu_us: u64,
    code: Option<String>,
    text: Option<String>,
    #[serde(default)]
    actions: Vec<KeptAction>,
}

/// An action as it stands in the journal.
#[derive(Deserialize)]
struct KeptAction {
    action: String,
    verdict: String,
    act: Option<u64>,
    text: Option<String>,
}

/// Explains an event; `None` if the journal does not have it.
pub(crate) fn explain(reader: &Reader, catalog: &Catalog, seq: Seq) -> Result<Option<Why>, StoreError> {
    let Some(event) = reader.event(seq)? else { return Ok(None) };
    let handled = reader.handled(seq)?;
    let letter = reader.dead_letter_of(seq)?;
    let rows = reader.audit_of(seq, limits::WHY_ROWS)?;
    let kept: Vec<KeptCall> = match &handled {
        Some(handled) => serde_json::from_str(&handled.calls).map_err(|error| unreadable(seq, &error))?,
        None => Vec::new(),
    };
    let known = catalog.known();
    let handled_at = handled.as_ref().map(|handled| handled.at);
    let calls: Vec<Call> = kept.iter().map(|call| Call::of(call, &rows, &known, handled_at)).collect();
    let commanded = rows.iter().any(|row| row.entry.action == COMMAND);
    let not_called = match handled_at {
        Some(at) if !commanded => NotCalled::all(&event, &kept, &known, at),
        _ => Vec::new(),
    };
    let others = rows.iter().filter(|row| !row.entry.actor.starts_with("script:")).map(Deed::of).collect();
    let mut why = Why {
        seq,
        address: event.address().to_string(),
        kind: event.body.kind(),
        who: who(&event),
        text: event.body.message().map(|message| plain(&message.text, limits::WHY_TEXT_BYTES)),
        time: event.time,
        received_at: event.received_at,
        handled_at,
        age_ms: handled_at.map(|at| at.saturating_sub(event.time).max(0)),
        cause: event.cause,
        set_aside: letter.map(|letter| format!("{}: {}", letter.code, letter.text)),
        calls,
        not_called,
        others,
        hints: Vec::new(),
    };
    why.hints = why.find_hints(&event);
    Ok(Some(why))
}

fn unreadable(seq: Seq, error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable { table: "handled", row: seq.to_string(), reason: error.to_string() }
}

/// Who did it, by a name and the network's id.
fn who(event: &Event) -> Option<String> {
    let person = match &event.body {
        EventBody::MessageReceived(message) | EventBody::MessageSent(message) => &message.sender,
        EventBody::MemberJoined(membership) | EventBody::MemberLost(membership) => &membership.who,
        EventBody::FriendJoined { who } | EventBody::FriendLost { who } => who,
        _ => return None,
    };
    Some(format!(
        "{} ({})",
        plain(person.display_name(), limits::WHY_TEXT_BYTES),
        plain(&person.id, limits::WHY_TEXT_BYTES)
    ))
}

impl Call {
    fn of(kept: &KeptCall, rows: &[AuditRow], known: &[Known], handled_at: Option<UnixMs>) -> Self {
        let own = |row: &&AuditRow| row.entry.script.as_ref() == Some(&kept.script);
        let live = known.iter().find(|known| known.name == kept.script.as_str());
        let now = live.and_then(|known| known.live.as_ref()).map(|live| live.script.release.id.hex());
        let fault = rows.iter().filter(own).find(|row| row.entry.action == FAULT);
        Self {
            script: kept.script.to_string(),
            release: kept.release.clone(),
            release_now: now.filter(|now| *now != kept.release),
            regranted_at: regranted_at(live, handled_at),
            cpu_us: kept.cpu_us,
            code: kept.code.clone(),
            text: kept.text.clone(),
            backtrace: fault.and_then(|row| row.entry.details.clone()),
            actions: kept
                .actions
                .iter()
                .map(|action| {
                    let row = rows.iter().filter(own).find(|row| Some(row.entry.number.0) == action.act);
                    row.map_or_else(|| Deed::kept(&kept.script, action), Deed::of)
                })
                .collect(),
        }
    }
}

/// When what the operator says of a script was edited, if it was after an event.
fn regranted_at(known: Option<&Known>, handled_at: Option<UnixMs>) -> Option<UnixMs> {
    let since = known?.live.as_ref()?.granted_since;
    handled_at.filter(|handled_at| since > *handled_at).map(|_| since)
}

impl Deed {
    fn of(row: &AuditRow) -> Self {
        let entry = &row.entry;
        let outcome = match entry.outcome.as_str() {
            "decided" | "sending" => "granted",
            other => other,
        };
        Self {
            actor: entry.actor.clone(),
            summary: entry.body.as_ref().map_or_else(|| entry.action.clone(), summary),
            number: Some(entry.number.0),
            outcome: outcome.to_owned(),
            code: entry.code.clone().filter(|code| code != "ok"),
            text: entry.text.clone(),
            reason: entry.reason.clone(),
            took_ms: row.ended_at.map(|ended| ended.saturating_sub(entry.at).max(0)),
        }
    }

    /// Of an action whose row is not there (any more): what the event's own record says.
    fn kept(script: &ScriptName, action: &KeptAction) -> Self {
        let (outcome, code) = match action.verdict.as_str() {
            "granted" if action.act.is_none() => ("done", None),
            word @ ("granted" | "dry-run") => (word, None),
            code => ("refused", Some(code.to_owned())),
        };
        Self {
            actor: format!("script:{script}"),
            summary: action.action.clone(),
            number: action.act,
            outcome: outcome.to_owned(),
            code,
            text: action.text.clone().unwrap_or_default(),
            reason: None,
            took_ms: None,
        }
    }
}

impl NotCalled {
    fn all(event: &Event, called: &[KeptCall], known: &[Known], handled_at: UnixMs) -> Vec<Self> {
        let was_called = |name: &str| called.iter().any(|call| call.script.as_str() == name);
        let mut scripts: Vec<&Known> = known.iter().filter(|known| !was_called(&known.name)).collect();
        let priority = |known: &Known| known.live.as_ref().map_or(i32::MIN, |live| live.script.priority);
        scripts.sort_by(|a, b| priority(b).cmp(&priority(a)).then_with(|| a.name.cmp(&b.name)));
        scripts.into_iter().map(|script| Self::of(event, called, known, script, handled_at)).collect()
    }

    fn of(
        event: &Event,
        called: &[KeptCall],
        known_all: &[Known],
        known: &Known,
        handled_at: UnixMs,
    ) -> Self {
        let not = |release: Option<ReleaseId>, text: String| Self {
            script: known.name.clone(),
            release: release.map(|release| release.hex()),
            regranted_at: regranted_at(Some(known), Some(handled_at)),
            text,
        };
        let Some(live) = &known.live else {
            let why = known.refusal.as_ref().map(|refusal| format!(": {refusal}")).unwrap_or_default();
            return not(None, format!("nothing of it is live{why}"));
        };
        let release = Some(live.script.release.id);
        if live.grants.mode == Mode::Off {
            return not(release, "its mode is off".to_owned());
        }
        if live.since > handled_at {
            let now = match live.script.indifference(event) {
                Some(why) => format!("now it would not be called either: {why}"),
                None => "now it would be called".to_owned(),
            };
            return not(release, format!("this release was loaded later; {now}"));
        }
        if let Some(why) = live.script.indifference(event) {
            return not(release, why.to_string());
        }
        let stopped = called.iter().find(|call| {
            call.actions.iter().any(|action| action.action == "stop" && action.verdict == "granted")
        });
        let failed = called.iter().find(|call| call.code.is_some() && stops_where_it_fails(known_all, call));
        not(
            release,
            match (stopped, failed) {
                (Some(call), _) => {
                    format!("script `{}`, which comes before it, stopped the event", call.script)
                }
                (None, Some(call)) => format!(
                    "script `{}`, which comes before it, failed, and `on-fault = \"stop\"` keeps what it fails on from the others",
                    call.script
                ),
                (None, None) => {
                    "it was not live, or was not to be called, when the event was handled; now it would be"
                        .to_owned()
                }
            },
        )
    }
}

/// Whether the operator keeps what a script fails on from those after it, as he says it now.
fn stops_where_it_fails(known: &[Known], call: &KeptCall) -> bool {
    let known = known.iter().find(|known| known.name == call.script.as_str());
    known.and_then(|known| known.live.as_ref()).is_some_and(|live| live.grants.on_fault == OnFault::Stop)
}

impl Why {
    fn find_hints(&self, event: &Event) -> Vec<String> {
        let mut codes: Vec<&str> = Vec::new();
        let faults = self.calls.iter().filter_map(|call| call.code.as_deref());
        let deeds = self.calls.iter().flat_map(|call| &call.actions).chain(&self.others);
        for code in faults.chain(deeds.filter_map(|deed| deed.code.as_deref())) {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let mut hints: Vec<String> = codes.iter().map(|code| format!("`mynah explain {code}`")).collect();
        let prefix = "its `chats` in mynah.toml do not cover";
        if let Some(not) = self.not_called.iter().find(|not| not.text.starts_with(prefix)) {
            let (script, address) = (&not.script, event.address());
            hints.push(format!("add \"{address}\" to `chats` under `[script.{script}]` in mynah.toml"));
        }
        if self
            .calls
            .iter()
            .flat_map(|call| &call.actions)
            .any(|deed| deed.outcome == "dry-run" && deed.code.is_none())
        {
            hints.push("`mode = \"live\"` under `[script.NAME]` has it done".to_owned());
        }
        if self.calls.iter().any(|call| call.release_now.is_some()) {
            hints.push("another release is live by now: what it would do is not known".to_owned());
        }
        let called = self.calls.iter().map(|call| (&call.script, call.regranted_at));
        let not_called = self.not_called.iter().map(|not| (&not.script, not.regranted_at));
        for (script, at) in called.chain(not_called).filter_map(|(script, at)| Some((script, at?))) {
            let at = lines::time(at);
            hints.push(format!(
                "`[script.{script}]` was edited at {at}, after this event: it may be otherwise now"
            ));
        }
        hints.truncate(limits::WHY_HINTS);
        hints
    }
}
