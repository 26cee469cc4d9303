//! The gate: every action passes here, whoever asks for it, and nowhere else is it decided whether it is done.
//!
//! Deciding is pure but for the budgets: what comes out is an [`Act`] for the outbox, a change of the script's timers, or
//! a refusal with a stable code.

mod named;
mod others;

use std::sync::LazyLock;

use mynah_model::action::{Act, Action, ActionBody, Actor, Target, When};
use mynah_model::address::{Address, ChatKind};
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, Event};
use mynah_model::message::Segment;
use mynah_model::names::{AccountName, ActNumber, Seq};
use mynah_model::refusal::{Code, Refusal};
use mynah_model::roster::Roster;

use crate::budget::Budgets;
use crate::fetch::Request;
use crate::grants::Grants;
use crate::limits;
use crate::pause::Pauses;
use crate::sightings::Sightings;

/// What the gate knows of the account that would act.
pub struct ActingAccount<'a> {
    /// Its name.
    pub name: &'a AccountName,
    /// What it knows.
    pub roster: &'a Roster,
    /// What it saw lately, and where.
    pub sightings: &'a Sightings,
    /// What it is doing.
    pub state: AccountState,
    /// Whether it is on the embedded network, where unlisted scripts are live.
    pub embedded: bool,
    /// Acts of it that wait for delivery.
    pub outbox: usize,
    /// About how many bytes those take.
    pub outbox_bytes: usize,
}

/// Who asks, and on what occasion.
pub struct Occasion<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// What the operator allows: `None` for API callers, whose rights were checked where they came in.
    pub grants: Option<&'a Grants>,
    /// The event that is answered, if one is.
    pub event: Option<&'a Event>,
    /// The host's time.
    pub now: UnixMs,
    /// How old an event may be to be acted on, milliseconds.
    pub max_action_age_ms: i64,
    /// What is paused.
    pub(crate) pauses: &'a Pauses,
}

/// What the gate decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is done: the act goes to the outbox.
    Granted(Act),
    /// It is noted down and not done, because its script runs dry.
    DryRun(Act),
    /// It is noted down and not done, because an operator paused it.
    Paused(Act, Refusal),
    /// The script's timer in the chat of the event is set.
    Schedule {
        /// When.
        when: When,
        /// Its name.
        tag: String,
        /// Handed back.
        payload: Option<String>,
    },
    /// The script's timer in the chat of the event is removed.
    Cancel {
        /// Its name.
        tag: String,
    },
    /// No script of lower priority sees the event.
    Stop,
    /// It is not done.
    Refused(Refusal),
}

impl<'a> Occasion<'a> {
    /// An occasion on which nothing is paused: for whoever asks what the gate would decide, without a host.
    pub fn unpaused(
        actor: &'a Actor,
        grants: Option<&'a Grants>,
        event: Option<&'a Event>,
        now: UnixMs,
        max_action_age_ms: i64,
    ) -> Self {
        static NONE: LazyLock<Pauses> = LazyLock::new(Pauses::default);
        Self { actor, grants, event, now, max_action_age_ms, pauses: &NONE }
    }
}

impl Occasion<'_> {
    fn depth(&self) -> u32 {
        self.event.map_or(1, |event| event.depth.saturating_add(1))
    }

    fn seq(&self) -> Option<Seq> {
        self.event.map(|event| event.seq)
    }
}

/// Decides about one action. `account` is the one that would act: the target's, else the event's. `number` is given
/// to the act if there is one.
pub fn decide(
    occasion: &Occasion<'_>,
    account: Option<&ActingAccount<'_>>,
    budgets: &Budgets,
    number: ActNumber,
    action: Action,
) -> Verdict {
    match consider(occasion, account, budgets, number, action) {
        Ok(verdict) => verdict,
        Err(refusal) => Verdict::Refused(refusal),
    }
}

fn consider(
    occasion: &Occasion<'_>,
    account: Option<&ActingAccount<'_>>,
    budgets: &Budgets,
    number: ActNumber,
    action: Action,
) -> Result<Verdict, Refusal> {
    check_grant(occasion, &action.body)?;
    let asked = action.body.name();
    if action.tag.as_ref().is_some_and(|tag| tag.len() > limits::TAG_BYTES) {
        return Err(Refusal::new(
            Code::ActionInvalid,
            format!("`tag` is longer than {} bytes", limits::TAG_BYTES),
        ));
    }
    let body = match action.body {
        ActionBody::Stop if !runs_dry(occasion, account) => return Ok(Verdict::Stop),
        ActionBody::Schedule { when, tag, payload } => {
            // Or a timer that is set at once would make an old event a new one.
            check_age(occasion)?;
            check_timer(&when, &tag, payload.as_deref())?;
            return Ok(Verdict::Schedule { when, tag, payload });
        }
        ActionBody::Cancel { tag } => return Ok(Verdict::Cancel { tag }),
        body => body,
    };
    let account =
        account.ok_or_else(|| Refusal::new(Code::AccountUnknown, "the host has no such account"))?;
    check_depth(occasion)?;
    check_age(occasion)?;
    let target = resolve_target(occasion, account, action.target, &body)?;
    let body = resolve_body(occasion, body)?;
    check_content(&body)?;
    check_fetch(occasion, &body)?;
    named::check(occasion, account, target.as_ref(), &body)?;
    // An account that is connecting will run again: its acts wait in the outbox until they expire.
    if account.state == AccountState::Stop {
        return Err(Refusal::new(Code::AccountNotRunning, format!("account `{}` is stopped", account.name)));
    }
    let may_target_admins = occasion.grants.is_some_and(|grants| grants.may_target_admins);
    let chat = target.as_ref().map(|target| (target.kind, target.id.as_str()));
    crate::moderation::check(account.roster, chat, &body, may_target_admins)?;
    if account.outbox >= limits::OUTBOX {
        return Err(Refusal::new(
            Code::OutboxFull,
            format!("{} acts of account `{}` wait for delivery", account.outbox, account.name),
        ));
    }
    if account.outbox_bytes >= limits::OUTBOX_BYTES {
        let (waiting, most) = (account.outbox_bytes >> 10, limits::OUTBOX_BYTES >> 10);
        return Err(Refusal::new(
            Code::OutboxFull,
            format!(
                "acts of {waiting} KiB wait for delivery by account `{}`; {most} KiB may wait",
                account.name
            ),
        ));
    }
    let act = Act {
        number,
        account: account.name.clone(),
        before: replaced(account.roster, target.as_ref(), &body),
        target,
        body,
        by: occasion.actor.clone(),
        cause: occasion.seq(),
        origin: occasion.event.map(Event::address),
        depth: occasion.depth(),
        reason: crate::moderation::reason(action.reason, asked, occasion.actor),
        tag: action.tag,
        tell_result: action.tell_result,
        decided_at: occasion.now,
        expires_at: occasion.now.saturating_add(occasion.max_action_age_ms),
    };
    if let Some(refusal) = occasion.pauses.refusal_of(&act) {
        return match occasion.grants {
            Some(_) => Ok(Verdict::Paused(act, refusal)),
            None => Err(refusal),
        };
    }
    if let Some(grants) = occasion.grants {
        if grants.runs_dry(account.embedded) {
            return Ok(Verdict::DryRun(act));
        }
        take_budget(occasion, grants, budgets, asked, &act)?;
    }
    // Last, so that what is refused for anything else takes nothing from the others who act for the account.
    crate::moderation::take_kicks(budgets, &act, occasion.now)?;
    Ok(Verdict::Granted(act))
}

fn runs_dry(occasion: &Occasion<'_>, account: Option<&ActingAccount<'_>>) -> bool {
    let embedded = account.is_some_and(|account| account.embedded);
    occasion.grants.is_some_and(|grants| grants.runs_dry(embedded))
        || occasion
            .event
            .is_some_and(|event| occasion.pauses.refusal(occasion.actor, &event.address()).is_some())
}

fn check_grant(occasion: &Occasion<'_>, body: &ActionBody) -> Result<(), Refusal> {
    let Some(grants) = occasion.grants else { return Ok(()) };
    if grants.allows(body) {
        return Ok(());
    }
    let name = body.name();
    let script = occasion.actor.script().map_or("NAME", |name| name.as_str());
    Err(Refusal::new(Code::GrantMissing, format!("`{name}` is not granted to script `{script}`"))
        .hint(format!("add \"{name}\" to `allow` under `[script.{script}]` in mynah.toml")))
}

fn check_depth(occasion: &Occasion<'_>) -> Result<(), Refusal> {
    if occasion.event.is_some() && occasion.depth() > limits::LOOP_DEPTH {
        let depth = limits::LOOP_DEPTH;
        return Err(Refusal::new(
            Code::LoopDepth,
            format!("this answers a message of our own that is already {depth} deep"),
        ));
    }
    Ok(())
}

fn check_age(occasion: &Occasion<'_>) -> Result<(), Refusal> {
    let Some(event) = occasion.event else { return Ok(()) };
    let age = occasion.now.saturating_sub(event.time);
    if age > occasion.max_action_age_ms {
        let (age, most) = (age / 1_000, occasion.max_action_age_ms / 1_000);
        return Err(Refusal::new(
            Code::ActionExpired,
            format!("the event is {age} s old, more than {most} s"),
        ));
    }
    Ok(())
}

fn check_timer(when: &When, tag: &str, payload: Option<&str>) -> Result<(), Refusal> {
    if payload.is_some_and(|payload| payload.len() > limits::TIMER_PAYLOAD_BYTES) {
        let most = limits::TIMER_PAYLOAD_BYTES;
        return Err(Refusal::new(
            Code::ActionInvalid,
            format!("`payload` of a schedule has at most {most} bytes"),
        ));
    }
    if tag.is_empty() || tag.len() > limits::TAG_BYTES {
        let most = limits::TAG_BYTES;
        return Err(Refusal::new(Code::ActionInvalid, format!("`tag` of a schedule has 1 to {most} bytes")));
    }
    match when {
        When::Other { kind, .. } => Err(Refusal::new(
            Code::Unsupported,
            format!("this version of the host knows no timer of kind `{kind}`"),
        )),
        When::Cron { pattern, zone } => crate::timers::check_cron(pattern, zone.as_deref()),
        When::AfterMs(_) | When::At(_) => Ok(()),
    }
}

/// The place and the secret that it names are looked up again when it is fetched.
fn check_fetch(occasion: &Occasion<'_>, body: &ActionBody) -> Result<(), Refusal> {
    if !matches!(body, ActionBody::Fetch { .. }) {
        return Ok(());
    }
    let (Some(script), Some(grants)) = (occasion.actor.script(), occasion.grants) else {
        return Err(Refusal::new(Code::Unsupported, "`fetch` is for scripts only"));
    };
    Request::of(body, script, &grants.fetch).map(drop)
}

fn resolve_target(
    occasion: &Occasion<'_>,
    account: &ActingAccount<'_>,
    target: Option<Target>,
    body: &ActionBody,
) -> Result<Option<Target>, Refusal> {
    let of_event =
        occasion.event.filter(|event| event.account == *account.name).and_then(|event| event.chat.as_ref());
    let Some(target) = target else {
        return match of_event {
            Some(chat) => Ok(Some(Target {
                account: Some(account.name.clone()),
                kind: chat.kind,
                id: chat.id.clone(),
                via: chat.via.clone(),
            })),
            None if matches!(
                body,
                ActionBody::AnswerRequest { .. }
                    | ActionBody::CreateGroup { .. }
                    | ActionBody::Fetch { .. }
                    | ActionBody::Other { .. }
                    | ActionBody::Stop
            ) =>
            {
                Ok(None)
            }
            None => Err(Refusal::new(
                Code::ActionInvalid,
                format!("`{}` names no chat, and the event happened in none", body.name()),
            )),
        };
    };
    let elsewhere = of_event.is_none_or(|chat| (chat.kind, &chat.id) != (target.kind, &target.id));
    if let Some(grants) = occasion.grants.filter(|_| elsewhere) {
        let address = Address::chat(account.name.clone(), target.kind, target.id.clone());
        if !grants.reaches(&address) {
            let script = occasion.actor.script().map_or("NAME", |name| name.as_str());
            return Err(Refusal::new(
                Code::GrantChat,
                format!("script `{script}` may not act in `{address}`"),
            )
            .hint(format!("add \"{address}\" to `chats` under `[script.{script}]` in mynah.toml")));
        }
    }
    check_known(account, &target, occasion.grants.is_some() && elsewhere)?;
    Ok(Some(Target { account: Some(account.name.clone()), ..target }))
}

/// Whether the roster has a chat. `strange`: a script names it that was not called there. What has many names would have a
/// budget and a pause for each, so that scripts reach people whom the roster has not only where they were met.
fn check_known(account: &ActingAccount<'_>, target: &Target, strange: bool) -> Result<(), Refusal> {
    let roster = account.roster;
    let met = |via: &str| {
        let (kind, id) = via.split_once('/')?;
        match kind {
            "group" => roster.groups.get(id)?.members.get(&target.id).map(drop),
            "discuss" => roster.discusses.get(id)?.members.get(&target.id).map(drop),
            _ => None,
        }
    };
    let known = match target.kind {
        ChatKind::Friend => roster.friends.get(&target.id).is_some(),
        ChatKind::Group => roster.groups.get(&target.id).is_some(),
        ChatKind::Discuss => roster.discusses.get(&target.id).is_some(),
        ChatKind::Temporary if strange => target.via.as_deref().and_then(met).is_some(),
        ChatKind::Temporary => target.via.is_some(),
        ChatKind::Other => !strange,
    };
    if known {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ChatUnknown,
        format!("account `{}` knows no {} `{}`", account.name, target.kind, target.id),
    ))
}

/// A reply becomes a send; quoting becomes a segment.
fn resolve_body(occasion: &Occasion<'_>, body: ActionBody) -> Result<ActionBody, Refusal> {
    let ActionBody::Reply { mut segments, quote } = body else { return Ok(body) };
    let Some(event) = occasion.event else {
        return Err(Refusal::new(Code::ActionInvalid, "`reply` answers an event, and there is none"));
    };
    if segments.is_empty() {
        return Err(Refusal::new(Code::ActionInvalid, "`segments` of a reply is empty"));
    }
    if let Some(message) = event.body.message().filter(|_| quote) {
        segments.insert(0, Segment::ReplyTo { id: message.id.clone() });
    }
    Ok(ActionBody::Send { segments })
}

fn check_content(body: &ActionBody) -> Result<(), Refusal> {
    let wrong = match body {
        ActionBody::Send { segments } if segments.is_empty() => "`segments` of a send is empty",
        ActionBody::SendMedia { media }
            if media.id.is_none() && media.url.is_none() && media.path.is_none() =>
        {
            "`media` of a send-media has none of id, url and path"
        }
        ActionBody::SendMedia { media } if media.path.as_deref().is_some_and(|path| !is_file_name(path)) => {
            "`path` of a media is the name of a file in the host's media folder, without `/`"
        }
        ActionBody::Recall { message_id } if message_id.is_empty() => "`message-id` of a recall is empty",
        ActionBody::SetCard { member, .. } if member.is_empty() => "`member` of a set-card is empty",
        ActionBody::SetGroupName { name } if name.trim().is_empty() => "`name` of a set-group-name is empty",
        ActionBody::Invite { friends } if friends.is_empty() => "`friends` of an invite is empty",
        ActionBody::AnswerRequest { request_id, .. } if request_id.is_empty() => {
            "`request-id` of an answer-request is empty"
        }
        ActionBody::CreateGroup { friends, .. } if friends.is_empty() => {
            "`friends` of a create-group is empty"
        }
        ActionBody::SetMarkname { member: Some(member), .. } if member.is_empty() => {
            "`member` of a set-markname is empty"
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(Code::ActionInvalid, wrong))
}

/// The card or name that an action replaces, as far as it is known.
fn replaced(roster: &Roster, target: Option<&Target>, body: &ActionBody) -> Option<String> {
    let target = target?;
    let group = || roster.groups.get(&target.id).filter(|_| target.kind == ChatKind::Group);
    let before = match body {
        ActionBody::SetCard { member, .. } => group()?.members.get(member)?.card.clone(),
        ActionBody::SetGroupName { .. } => Some(group()?.name.clone()),
        ActionBody::SetMarkname { member: Some(member), .. } => {
            group()?.members.get(member)?.markname.clone()
        }
        ActionBody::SetMarkname { member: None, .. } if target.kind == ChatKind::Friend => {
            roster.friends.get(&target.id)?.markname.clone()
        }
        _ => return None,
    };
    Some(before.unwrap_or_default())
}

/// Whether this names a file in a folder and nothing outside of it.
fn is_file_name(path: &str) -> bool {
    !path.is_empty() && !path.contains(['/', '\\', '\0']) && !path.starts_with('.')
}

fn take_budget(
    occasion: &Occasion<'_>,
    grants: &Grants,
    budgets: &Budgets,
    asked: &'static str,
    act: &Act,
) -> Result<(), Refusal> {
    let Some(script) = occasion.actor.script() else { return Ok(()) };
    budgets.take_of_script(script, grants, asked, &act.address(), people(&act.body), occasion.now)
}

/// How many an action counts for: five members kicked at once are five kicks.
pub(crate) fn people(body: &ActionBody) -> usize {
    match body {
        ActionBody::Shutup { members, .. }
        | ActionBody::Unshutup { members }
        | ActionBody::Kick { members, .. } => members.len(),
        ActionBody::Invite { friends } | ActionBody::CreateGroup { friends, .. } => friends.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
