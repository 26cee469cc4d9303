//! Saying something in the sim world, by a person or by the account.

use mynah_model::Attrs;
use mynah_model::action::Target;
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::clock::UnixMs;
use mynah_model::event::EventBody;
use mynah_model::message::{Message, MessageClass, MessageSource, Segment, flatten};
use mynah_model::names::Seq;
use mynah_model::roster::{Person, Role};

use super::error::SimError;
use super::mentions;
use super::messages::Remembered;
use super::places::{Place, brief, called};
use super::world::{World, all_muted, rank};
use crate::network::Happening;

/// Bytes of a message's text. More than any network takes, and little enough to journal.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Something that a person says.
#[derive(Debug, Clone, PartialEq)]
pub struct Say {
    /// Where. A stranger's temporary chat is named by the stranger.
    pub chat: ChatRef,
    /// Who says it, by id or uid; may be left out where only one person can.
    pub sender: Option<String>,
    /// What is said: `@name ` and `@id` of a member become mentions. Ignored if there are segments.
    pub text: String,
    /// What is said, piece by piece, instead of the text.
    pub segments: Option<Vec<Segment>>,
    /// Pictures and files that come behind the text.
    pub attached: Vec<Segment>,
    /// When it was said, if not now: networks deliver late after an outage.
    pub time: Option<UnixMs>,
}

impl Say {
    /// A friend says something to the account.
    pub fn friend(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(ChatKind::Friend, id.into(), None, text.into())
    }

    /// A member says something in a group.
    pub fn group(id: impl Into<String>, sender: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(ChatKind::Group, id.into(), Some(sender.into()), text.into())
    }

    /// A member says something in a discuss.
    pub fn discuss(id: impl Into<String>, sender: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(ChatKind::Discuss, id.into(), Some(sender.into()), text.into())
    }

    /// A stranger from a group or discuss says something to the account.
    pub fn temporary(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(ChatKind::Temporary, id.into(), None, text.into())
    }

    /// The pieces, as given or cut out of the text.
    pub(super) fn take_segments(&mut self, place: &Place) -> Vec<Segment> {
        let mut segments = match self.segments.take() {
            Some(segments) => segments,
            None if self.text.is_empty() => Vec::new(),
            None => mentions::segments(&self.text, place.members()),
        };
        segments.append(&mut self.attached);
        segments
    }

    fn new(kind: ChatKind, id: String, sender: Option<String>, text: String) -> Self {
        Self { chat: ChatRef { kind, id }, sender, text, segments: None, attached: Vec::new(), time: None }
    }
}

/// Something was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The number of its event.
    pub seq: Seq,
    /// What names it in the network.
    pub message_id: String,
}

impl World {
    /// A person says something. Returns the message's id and what to report.
    pub(super) fn say(
        &mut self,
        say: Say,
        segments: Vec<Segment>,
        now: UnixMs,
    ) -> Result<(String, Happening), SimError> {
        let place = self.place(&say.chat)?;
        let sender = self.speaker(&place, say.sender.as_deref())?;
        self.check_may_speak(&place, &sender, now)?;
        let text = check_message(&segments)?;
        let time = say.time.unwrap_or(now);
        let id = self.chance.message_id(now);
        let remembered = Remembered { chat: place.chat_ref(), sender: sender.clone(), time, recalled: false };
        self.messages.remember(id.clone(), remembered);
        let message = Message {
            id: id.clone(),
            sender,
            segments,
            text,
            class: MessageClass::Recv,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        };
        let chat = Some(place.chat());
        let body = EventBody::MessageReceived(message);
        Ok((id, Happening { time, chat, body, consequence: None, attrs: Attrs::new() }))
    }

    /// The account says something. Returns the message's id.
    pub(super) fn send(
        &mut self,
        target: &Target,
        segments: &[Segment],
        now: UnixMs,
    ) -> Result<String, SimError> {
        let chat = ChatRef { kind: target.kind, id: target.id.clone() };
        let place = Place::find(&self.roster, &chat, target.via.as_deref())?;
        let own = brief(&self.own_person(&place));
        self.check_may_speak(&place, &own, now)?;
        check_message(segments)?;
        let id = self.chance.message_id(now);
        let remembered = Remembered { chat: place.chat_ref(), sender: own, time: now, recalled: false };
        self.messages.remember(id.clone(), remembered);
        Ok(id)
    }

    fn speaker(&self, place: &Place, given: Option<&str>) -> Result<Person, SimError> {
        let user = &self.roster.user;
        let sender = match (given, place) {
            (Some(given), _) => place.person(given)?,
            (None, Place::Friend(who) | Place::Temporary { who, .. }) => who,
            (None, Place::Group(_) | Place::Discuss(_)) => {
                let known = place.known_people(Some(&user.id));
                return Err(SimError::SenderMissing { place: place.words(), known });
            }
        };
        if sender.id == user.id {
            let own = called(user.display_name(), &user.id);
            return Err(SimError::Refused(format!("{own} is the account itself: it speaks through the API")));
        }
        Ok(brief(sender))
    }

    fn check_may_speak(&self, place: &Place, who: &Person, now: UnixMs) -> Result<(), SimError> {
        let Place::Group(group) = place else { return Ok(()) };
        let until = group.members.get(&who.id).and_then(|member| member.shutup_until).unwrap_or(0);
        let until = until.saturating_mul(1000);
        if until > now {
            let who = called(who.display_name(), &who.id);
            return Err(SimError::Muted { who, place: place.words(), until, now });
        }
        if all_muted(group) && rank(group, &self.roster.user.id, &who.id) == Role::Member {
            return Err(SimError::AllMuted { place: place.words() });
        }
        Ok(())
    }
}

/// The text of a message that can be sent.
fn check_message(segments: &[Segment]) -> Result<String, SimError> {
    let text = flatten(segments);
    if text.len() > MAX_TEXT_BYTES {
        let problem = format!("a message of {} bytes is too long: at most {MAX_TEXT_BYTES}", text.len());
        return Err(SimError::Refused(problem));
    }
    if text.is_empty() {
        return Err(SimError::Refused(
            "the message is empty: it needs a text, a picture or a mention".into(),
        ));
    }
    Ok(text)
}
