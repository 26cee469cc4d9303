//! What the host shows of itself.

use mynah_model::action::{Act, ActionBody};
use mynah_model::clock::UnixMs;
use mynah_model::message::flatten;
use mynah_model::refusal::Refusal;
use mynah_model::script::Ask;
use serde::Serialize;

use crate::fetch;
use crate::grants::Mode;
use crate::script_setup::ScriptSetup;
use crate::scripts::Entry;

/// A script as `GET /api/v1/scripts` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptStatus {
    /// Its name.
    pub name: String,
    /// The live release, 64 hex digits; `None` if none ever loaded.
    pub release: Option<String>,
    /// `live`, `dry-run` or `off`.
    pub mode: String,
    /// `running`, `off`, `refused` (the newest file was refused; an older release may be live), `held` (the newest file waits
    /// to be accepted; the release before it is live) or `resting` (breaker open).
    pub state: String,
    /// Events it was called for since it was loaded.
    pub events: u64,
    /// Calls that failed since it was loaded.
    pub faults: u64,
    /// Calls that were left out since it was loaded: it rested, or was over its CPU budget.
    pub skipped: u64,
    /// Why the last call failed or the last file was refused: `code: sentence`.
    pub last_error: Option<String>,
    /// When the live release was loaded, unix ms.
    pub since: Option<UnixMs>,
    /// What it says of itself, one sentence.
    pub summary: Option<String>,
    /// The release that waits to be accepted, if one does.
    pub held: Option<HeldStatus>,
    /// Why the newest `mynah.toml` is not in force, if it is not: what is shown here is of the one before.
    pub grants_error: Option<String>,
}

/// A release that waits to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldStatus {
    /// The sha256 of its bytes, 64 hex digits.
    pub release: String,
    /// What it asks for beyond the release before, each with its reason.
    pub added: Vec<Ask>,
}

impl ScriptStatus {
    pub(crate) fn of(name: &str, entry: &Entry, setup: &ScriptSetup, now: UnixMs) -> Self {
        let live = entry.live.as_ref();
        let mode = live.map_or(setup.grants.mode, |live| live.grants.mode);
        let counters = live.map(|live| live.health.counters()).unwrap_or_default();
        let state = match live {
            _ if entry.held.is_some() => "held",
            _ if entry.refusal.is_some() => "refused",
            Some(_) if mode == Mode::Off => "off",
            Some(live) if live.health.resting(now) => "resting",
            _ => "running",
        };
        let hint = |refusal: &Refusal| match &refusal.hint {
            Some(hint) => format!("{refusal} (hint: {hint})"),
            None => refusal.to_string(),
        };
        Self {
            name: name.to_owned(),
            release: live.map(|live| live.script.release.id.hex()),
            mode: mode.as_str().to_owned(),
            state: state.to_owned(),
            events: counters.events,
            faults: counters.faults,
            skipped: counters.skipped,
            last_error: entry.refusal.as_ref().map(hint).or(counters.last_error),
            since: live.map(|live| live.since),
            summary: live.map(|live| live.script.release.info.summary.clone()),
            held: entry
                .held
                .as_ref()
                .map(|held| HeldStatus { release: held.release.id.hex(), added: held.added.clone() }),
            grants_error: None,
        }
    }
}

/// What an account did, as `GET .../sim/outbox` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutboxEntry {
    /// The action: `send`, `shutup`, `kick` ...
    pub kind: String,
    /// The chat's address.
    pub chat: String,
    /// The text of what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The id of the picture or file that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The members that were acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// For how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Who asked: `script:NAME`, `api` or `webhook`.
    pub by: String,
    /// The seq of the event that it was decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// Why, in the words of whoever asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl OutboxEntry {
    /// An act as whoever watches the account sees it.
    pub(crate) fn of(act: &Act) -> Self {
        let (mut text, mut members, mut seconds) = (None, None, None);
        let (mut media_id, mut name, mut mime, mut size) = (None, None, None, None);
        match &act.body {
            ActionBody::Send { segments } => text = Some(flatten(segments)),
            ActionBody::SendMedia { media } => {
                text = media.name.clone().or_else(|| media.url.clone());
                (media_id, name) = (media.id.clone(), media.name.clone());
                (mime, size) = (media.mime.clone(), media.size);
            }
            ActionBody::Shutup { members: who, seconds: how_long } => {
                members = Some(who.clone());
                seconds = Some(*how_long);
            }
            ActionBody::Unshutup { members: who } | ActionBody::Kick { members: who, .. } => {
                members = Some(who.clone());
            }
            ActionBody::SetCard { member, card } => {
                members = Some(vec![member.clone()]);
                text = Some(card.clone());
            }
            ActionBody::SetGroupName { name: new } => text = Some(new.clone()),
            ActionBody::Invite { friends } => members = Some(friends.clone()),
            ActionBody::Recall { message_id } => text = Some(message_id.clone()),
            ActionBody::CreateGroup { friends, name } => {
                members = Some(friends.clone());
                text.clone_from(name);
            }
            ActionBody::SetMarkname { member, markname } => {
                members = member.clone().map(|member| vec![member]);
                text = Some(markname.clone());
            }
            ActionBody::Stick { on } => text = Some(if *on { "on" } else { "off" }.to_owned()),
            ActionBody::MakeFriend { text: verify } => text = Some(verify.clone()),
            ActionBody::AnswerRequest { request_id, .. } => text = Some(request_id.clone()),
            ActionBody::Fetch { method, url, .. } => text = Some(fetch::shown(method, url)),
            _ => {}
        }
        Self {
            kind: act.body.name().to_owned(),
            chat: act.address().to_string(),
            text,
            media_id,
            name,
            mime,
            size,
            members,
            seconds,
            by: act.by.without_key(),
            cause: act.cause.map(|seq| seq.0),
            reason: act.reason.clone(),
        }
    }
}
