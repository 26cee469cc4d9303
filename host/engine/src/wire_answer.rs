//! A script's answer as the host's actions, within the structural limits: one part that breaks them drops
//! the whole answer, because half of what a script meant may be worse than nothing.

use mynah_model::Attrs;
use mynah_model::action::{Action, ActionBody, Target, When};
use mynah_model::address::ChatKind;
use mynah_model::message::{Media, Segment};
use mynah_model::refusal::Code;

use crate::bindings::mynah::script::types as wire;
use crate::fault::{Fault, cut};
use crate::limits::{Limits, MEDIA_ATTRS};

/// The actions of an answer.
pub(crate) fn actions(answer: Vec<wire::Action>, limits: &Limits) -> Result<Vec<Action>, Fault> {
    if answer.len() > limits.actions {
        return Err(Fault::new(
            Code::LimitActions,
            format!("the script returned {} actions; it may return {}", answer.len(), limits.actions),
        ));
    }
    let reader = Reader { limits };
    answer.into_iter().enumerate().map(|(place, action)| reader.action(place, action)).collect()
}

/// JSON texts as values. What is not JSON is a text.
pub(crate) fn attrs(attrs: Vec<wire::Attr>) -> Attrs {
    attrs
        .into_iter()
        .map(|attr| {
            let value = serde_json::from_str(&attr.value).unwrap_or(serde_json::Value::String(attr.value));
            (attr.name, value)
        })
        .collect()
}

/// A kind of chat.
pub(crate) fn chat_kind(kind: wire::ChatKind) -> ChatKind {
    match kind {
        wire::ChatKind::Friend => ChatKind::Friend,
        wire::ChatKind::Group => ChatKind::Group,
        wire::ChatKind::Discuss => ChatKind::Discuss,
        wire::ChatKind::Temporary => ChatKind::Temporary,
        wire::ChatKind::Other => ChatKind::Other,
    }
}

struct Reader<'a> {
    limits: &'a Limits,
}

/// Where in the answer something stands, for error texts.
#[derive(Clone, Copy)]
struct Place {
    action: usize,
    field: &'static str,
}

impl Reader<'_> {
    fn action(&self, place: usize, action: wire::Action) -> Result<Action, Fault> {
        let at = |field| Place { action: place, field };
        let (target, mut body) = self.body(place, action.body)?;
        if let ActionBody::Fetch { secret, .. } = &mut body {
            *secret = self.secret(at("attrs"), &action.attrs)?;
        }
        Ok(Action {
            target,
            body,
            tag: self.optional(at("tag"), action.tag)?,
            tell_result: action.tell_result,
            reason: self.optional(at("reason"), action.reason)?,
        })
    }

    fn body(&self, place: usize, body: wire::ActionBody) -> Result<(Option<Target>, ActionBody), Fault> {
        let at = |field| Place { action: place, field };
        let group =
            |target: Option<wire::Target>| target.map(|target| self.target(at("in"), target)).transpose();
        Ok(match body {
            wire::ActionBody::Reply(it) => {
                let segments = self.segments(place, it.segments)?;
                (None, ActionBody::Reply { segments, quote: it.quote })
            }
            wire::ActionBody::Send(it) => {
                let segments = self.segments(place, it.segments)?;
                (Some(self.target(at("to"), it.to)?), ActionBody::Send { segments })
            }
            wire::ActionBody::SendMedia(it) => {
                let target = it.to.map(|target| self.target(at("to"), target)).transpose()?;
                (target, ActionBody::SendMedia { media: self.media(at("media"), it.media)? })
            }
            wire::ActionBody::Shutup(it) => {
                let members = self.members(at("members"), it.members)?;
                (group(it.in_)?, ActionBody::Shutup { members, seconds: it.seconds })
            }
            wire::ActionBody::Unshutup(it) => {
                (group(it.in_)?, ActionBody::Unshutup { members: self.members(at("members"), it.members)? })
            }
            wire::ActionBody::ShutupAll(it) => (group(it.in_)?, ActionBody::ShutupAll { on: it.on }),
            wire::ActionBody::Kick(it) => {
                let members = self.members(at("members"), it.members)?;
                (group(it.in_)?, ActionBody::Kick { members, reject_again: it.reject_again })
            }
            wire::ActionBody::Recall(it) => (
                group(it.in_)?,
                ActionBody::Recall { message_id: self.text(at("message-id"), it.message_id)? },
            ),
            wire::ActionBody::SetCard(it) => {
                let member = self.id(at("member"), it.member)?;
                (group(it.in_)?, ActionBody::SetCard { member, card: self.text(at("card"), it.card)? })
            }
            wire::ActionBody::SetGroupName(it) => {
                (group(it.in_)?, ActionBody::SetGroupName { name: self.text(at("name"), it.name)? })
            }
            wire::ActionBody::Invite(it) => {
                (group(it.in_)?, ActionBody::Invite { friends: self.members(at("friends"), it.friends)? })
            }
            wire::ActionBody::AnswerRequest(it) => {
                let request_id = self.text(at("request-id"), it.request_id)?;
                let text = self.optional(at("text"), it.text)?;
                (None, ActionBody::AnswerRequest { request_id, from: None, approve: it.approve, text })
            }
            wire::ActionBody::Schedule(it) => {
                let when = self.when(place, it.when)?;
                let tag = self.text(at("tag"), it.tag)?;
                (None, ActionBody::Schedule { when, tag, payload: self.optional(at("payload"), it.payload)? })
            }
            wire::ActionBody::Cancel(tag) => {
                (None, ActionBody::Cancel { tag: self.text(at("cancel"), tag)? })
            }
            wire::ActionBody::Fetch(it) => (None, self.fetch(place, it)?),
            wire::ActionBody::Stop => (None, ActionBody::Stop),
            wire::ActionBody::Other(it) => {
                let kind = self.text(at("kind"), it.kind)?;
                (None, ActionBody::Other { kind, json: self.text(at("json"), it.json)? })
            }
        })
    }

    fn segments(&self, place: usize, segments: Vec<wire::Segment>) -> Result<Vec<Segment>, Fault> {
        if segments.is_empty() {
            return Err(empty(Place { action: place, field: "segments" }));
        }
        if segments.len() > self.limits.segments {
            return Err(Fault::new(
                Code::LimitSegments,
                format!(
                    "action {place} has a message of {} segments; it may have {}",
                    segments.len(),
                    self.limits.segments
                ),
            ));
        }
        let at = Place { action: place, field: "segments" };
        segments.into_iter().map(|segment| self.segment(at, segment)).collect()
    }

    fn segment(&self, at: Place, segment: wire::Segment) -> Result<Segment, Fault> {
        Ok(match segment {
            wire::Segment::Text(text) => Segment::Text { text: self.text(at, text)? },
            wire::Segment::Mention(it) => {
                Segment::Mention { id: self.text(at, it.id)?, name: self.text(at, it.name)? }
            }
            wire::Segment::MentionAll => Segment::MentionAll,
            wire::Segment::Image(it) => Segment::Image(self.media(at, it)?),
            wire::Segment::Face(it) => {
                Segment::Face { id: self.text(at, it.id)?, name: self.text(at, it.name)? }
            }
            wire::Segment::Voice(it) => Segment::Voice(self.media(at, it)?),
            wire::Segment::Video(it) => Segment::Video(self.media(at, it)?),
            wire::Segment::File(it) => Segment::File(self.media(at, it)?),
            wire::Segment::ReplyTo(id) => Segment::ReplyTo { id: self.text(at, id)? },
            wire::Segment::AppCard(data) => Segment::AppCard { data: self.text(at, data)? },
            wire::Segment::Other(it) => {
                Segment::Other { kind: self.text(at, it.kind)?, json: self.text(at, it.json)? }
            }
        })
    }

    fn media(&self, at: Place, media: wire::Media) -> Result<Media, Fault> {
        if media.attrs.len() > MEDIA_ATTRS {
            return Err(Fault::new(
                Code::ScriptAnswer,
                format!(
                    "`{}` of action {} has a media of {} attrs; it may have {MEDIA_ATTRS}",
                    at.field,
                    at.action,
                    media.attrs.len()
                ),
            ));
        }
        for attr in &media.attrs {
            self.check(at, &attr.name)?;
            self.check(at, &attr.value)?;
        }
        Ok(Media {
            id: self.optional(at, media.id)?,
            url: self.optional(at, media.url)?,
            path: self.optional(at, media.path)?,
            name: self.optional(at, media.name)?,
            mime: self.optional(at, media.mime)?,
            size: media.size,
            attrs: attrs(media.attrs),
        })
    }

    fn when(&self, place: usize, when: wire::When) -> Result<When, Fault> {
        let at = |field| Place { action: place, field };
        Ok(match when {
            wire::When::AfterMs(ms) => When::AfterMs(ms),
            wire::When::At(time) => When::At(time),
            wire::When::Cron(it) => When::Cron {
                pattern: self.text(at("pattern"), it.pattern)?,
                zone: self.optional(at("zone"), it.zone)?,
            },
            wire::When::Other(it) => {
                When::Other { kind: self.text(at("kind"), it.kind)?, json: self.text(at("json"), it.json)? }
            }
        })
    }

    fn fetch(&self, place: usize, fetch: wire::Fetch) -> Result<ActionBody, Fault> {
        let at = |field| Place { action: place, field };
        let header = |header: wire::Header| {
            Ok((self.text(at("headers"), header.name)?, self.text(at("headers"), header.value)?))
        };
        Ok(ActionBody::Fetch {
            tag: self.text(at("tag"), fetch.tag)?,
            method: self.text(at("method"), fetch.method)?,
            url: self.text(at("url"), fetch.url)?,
            headers: fetch.headers.into_iter().map(header).collect::<Result<_, Fault>>()?,
            // Its size is bounded with that of the whole answer.
            body: fetch.body,
            // Named in the action's attrs.
            secret: None,
        })
    }

    /// The attr `secret`, the JSON text of a name.
    fn secret(&self, at: Place, attrs: &[wire::Attr]) -> Result<Option<String>, Fault> {
        let Some(attr) = attrs.iter().find(|attr| attr.name == "secret") else { return Ok(None) };
        self.check(at, &attr.value)?;
        let name = serde_json::from_str(&attr.value).map_err(|_| {
            let action = at.action;
            Fault::new(
                Code::ScriptAnswer,
                format!("`secret` in the attrs of action {action} is not a JSON text, such as \"weather\""),
            )
        })?;
        Ok(Some(name))
    }

    fn target(&self, at: Place, target: wire::Target) -> Result<Target, Fault> {
        let account = target.account.map(|name| name.parse()).transpose();
        let account = account.map_err(|error| {
            Fault::new(Code::ScriptAnswer, format!("`{}` of action {}: {error}", at.field, at.action))
        })?;
        Ok(Target {
            account,
            kind: chat_kind(target.kind),
            id: self.id(at, target.id)?,
            via: target.via.map(|via| self.id(at, via)).transpose()?,
        })
    }

    fn members(&self, at: Place, members: Vec<String>) -> Result<Vec<String>, Fault> {
        if members.is_empty() {
            return Err(empty(at));
        }
        if members.len() > self.limits.members {
            return Err(Fault::new(
                Code::ScriptAnswer,
                format!(
                    "`{}` of action {} has {} ids; it may have {}",
                    at.field,
                    at.action,
                    members.len(),
                    self.limits.members
                ),
            ));
        }
        members.into_iter().map(|member| self.id(at, member)).collect()
    }

    fn optional(&self, at: Place, text: Option<String>) -> Result<Option<String>, Fault> {
        text.map(|text| self.text(at, text)).transpose()
    }

    fn text(&self, at: Place, text: String) -> Result<String, Fault> {
        self.check(at, &text)?;
        Ok(text)
    }

    fn check(&self, at: Place, text: &str) -> Result<(), Fault> {
        within(at, "a text", text, self.limits.text)
    }

    /// The id of a chat or a person.
    fn id(&self, at: Place, id: String) -> Result<String, Fault> {
        within(at, "an id", &id, self.limits.id)?;
        Ok(id)
    }
}

fn within(at: Place, what: &str, text: &str, most: usize) -> Result<(), Fault> {
    if text.len() <= most {
        return Ok(());
    }
    let start = cut(text.chars().take(20).collect(), 80);
    Err(Fault::new(
        Code::LimitText,
        format!(
            "`{}` of action {} has {what} of {} bytes (`{start}…`); it may have {most}",
            at.field,
            at.action,
            text.len()
        ),
    ))
}

fn empty(at: Place) -> Fault {
    Fault::new(
        Code::ScriptAnswer,
        format!("`{}` of action {} is empty; it needs at least one", at.field, at.action),
    )
}
