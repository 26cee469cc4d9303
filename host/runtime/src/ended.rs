//! How acts end, and the events that come of it: what was sent, and what a script is told.

use mynah_model::Attrs;
use mynah_model::action::{Act, ActionBody, Outcome, Target};
use mynah_model::address::{Address, ChatKind};
use mynah_model::clock::UnixMs;
use mynah_model::event::{ActionResult, Chat, EventBody, FetchResponse};
use mynah_model::message::{Media, Message, MessageClass, Segment, flatten};
use mynah_model::refusal::Code;
use mynah_model::roster::{Person, Roster};
use mynah_networks::network::{Consequence, Happening, NetworkError, Receipt};

/// How an act ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// A stable code; `ok` if it was done.
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) message_id: Option<String>,
    pub(crate) group_id: Option<String>,
    /// What was fetched.
    pub(crate) response: Option<FetchResponse>,
}

impl Ended {
    pub(crate) fn done(receipt: Receipt) -> Self {
        let Receipt { message_id, group_id } = receipt;
        Self { message_id, group_id, ..Self::with(Outcome::Done, "ok", "") }
    }

    /// An answer came to a fetch, whatever its status.
    pub(crate) fn fetched(response: FetchResponse, text: String) -> Self {
        Self { response: Some(response), text, ..Self::with(Outcome::Done, "ok", "") }
    }

    pub(crate) fn refused(outcome: Outcome, code: Code, text: &str) -> Self {
        Self::with(outcome, code.as_str(), text)
    }

    /// The store could not take it.
    pub(crate) fn unkept(outcome: Outcome, text: &str) -> Self {
        Self::with(outcome, "store.failed", text)
    }

    fn with(outcome: Outcome, code: &'static str, text: &str) -> Self {
        Self { outcome, code, text: text.to_owned(), message_id: None, group_id: None, response: None }
    }

    pub(crate) fn failed(error: &NetworkError) -> Self {
        let (outcome, code) = match error {
            NetworkError::Unsupported { .. } => (Outcome::Unsupported, Code::Unsupported),
            NetworkError::Refused(_) => (Outcome::Failed, Code::NetworkRefused),
            NetworkError::Offline(_) => (Outcome::Failed, Code::AccountNotRunning),
            NetworkError::Unknown(_) => (Outcome::Unknown, Code::NetworkUnknown),
        };
        Self::refused(outcome, code, &error.to_string())
    }

    /// The event of a message that was sent.
    pub(crate) fn sent_event(&self, act: &Act, roster: &Roster, now: UnixMs) -> Option<Happening> {
        if self.outcome != Outcome::Done {
            return None;
        }
        let segments = match &act.body {
            ActionBody::Send { segments } => segments.clone(),
            ActionBody::SendMedia { media } => vec![media_segment(media)],
            _ => return None,
        };
        let message = Message {
            id: self.message_id.clone().unwrap_or_default(),
            sender: Person::clone(&roster.user),
            text: flatten(&segments),
            segments,
            class: MessageClass::Send,
            source: act.by.source(),
            attrs: Attrs::new(),
        };
        Some(Happening {
            time: now,
            chat: act.target.as_ref().map(|target| chat_of(target, roster)),
            body: EventBody::MessageSent(message),
            consequence: Some(Consequence::of(act)),
            attrs: Attrs::new(),
        })
    }

    /// The event that tells a script what its fetch came to. Every fetch has one, refused or not.
    pub(crate) fn finished_event(&self, act: &Act, roster: &Roster, now: UnixMs) -> Option<Happening> {
        let ActionBody::Fetch { tag, .. } = &act.body else { return None };
        let why = || match self.outcome {
            Outcome::DryRun => format!("dry-run: {}", self.text),
            _ => format!("{}: {}", self.code, self.text),
        };
        let response = self.response.clone().ok_or_else(why);
        let target = act.target.as_ref().map(|target| chat_of(target, roster));
        Some(Happening {
            time: now,
            chat: target.or_else(|| act.origin.as_ref().and_then(|origin| chat_at(origin, roster))),
            body: EventBody::FetchFinished { script: act.by.script()?.clone(), tag: tag.clone(), response },
            consequence: Some(Consequence::of(act)),
            attrs: Attrs::new(),
        })
    }

    /// The event that tells a script what became of its action, if it asked to be told.
    pub(crate) fn result_event(&self, act: &Act, roster: &Roster, now: UnixMs) -> Option<Happening> {
        let script = act.by.script().filter(|_| act.tell_result)?.clone();
        let result = ActionResult {
            script,
            tag: act.tag.clone(),
            action: act.body.name().to_owned(),
            outcome: self.outcome,
            code: self.code.to_owned(),
            text: self.text.clone(),
            message_id: self.message_id.clone(),
        };
        Some(Happening {
            time: now,
            chat: act.origin.as_ref().and_then(|origin| chat_at(origin, roster)),
            body: EventBody::ActionResult(result),
            consequence: Some(Consequence::of(act)),
            attrs: Attrs::new(),
        })
    }
}

/// The chat that a target names, with the name that the roster has for it.
pub(crate) fn chat_of(target: &Target, roster: &Roster) -> Chat {
    let id = target.id.as_str();
    let name = match target.kind {
        ChatKind::Friend => roster.friends.get(id).map(|friend| friend.display_name()),
        ChatKind::Group => roster.groups.get(id).map(|group| group.name.as_str()),
        ChatKind::Discuss => roster.discusses.get(id).map(|discuss| discuss.name.as_str()),
        ChatKind::Temporary | ChatKind::Other => None,
    };
    Chat {
        kind: target.kind,
        id: id.to_owned(),
        name: name.unwrap_or_default().to_owned(),
        via: target.via.clone(),
        attrs: Attrs::new(),
    }
}

/// The chat at an address, if it is that of a chat.
fn chat_at(address: &Address, roster: &Roster) -> Option<Chat> {
    let chat = address.chat.as_ref()?;
    let target = Target { account: None, kind: chat.kind, id: chat.id.clone(), via: None };
    Some(chat_of(&target, roster))
}

fn media_segment(media: &Media) -> Segment {
    media.kind().segment(media.clone())
}
