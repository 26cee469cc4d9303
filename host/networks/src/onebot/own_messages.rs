//! What the account itself said and an implementation tells of: on its phone, through another program, or through us.
//!
//! What we sent ourselves is reported by whoever asked for it, so its echo is none of our business, unless no answer to the
//! call came: then it is the proof that it was done. An echo may come before the answer, after it, or never, and is
//! told by its id or, since ids of echoes differ from those of answers on some implementations, by what it says. An own
//! message that is not taken for an echo, in a chat where we just spoke, still counts as the consequence of that, so
//! that a script that answers such messages ends where all answers to answers do.

use std::collections::{HashMap, VecDeque};

use mynah_model::action::{Act, ActionBody};
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::EventBody;
use mynah_model::message::{MessageSource, Segment};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::limits;
use crate::network::{Consequence, Happening};

/// Something that we send.
#[derive(Debug)]
pub(super) struct Saying {
    chat: ChatRef,
    /// What it says, as far as it survives the way to the network and back.
    essence: String,
    source: MessageSource,
    consequence: Consequence,
}

impl Saying {
    /// What an act says; nothing if it does something else.
    pub(super) fn of(act: &Act) -> Option<Self> {
        let essence = match &act.body {
            ActionBody::Send { segments } => essence(segments),
            ActionBody::SendMedia { media } => essence(&[media.kind().segment(media.clone())]),
            _ => return None,
        };
        let target = act.target.as_ref()?;
        let chat = place(target.kind, &target.id);
        Some(Self { chat, essence, source: act.by.source(), consequence: Consequence::of(act) })
    }
}

/// Where something is said. Echoes do not tell what kind of private chat it was.
fn place(kind: ChatKind, id: &str) -> ChatRef {
    let kind = if kind == ChatKind::Group { kind } else { ChatKind::Friend };
    ChatRef { kind, id: id.to_owned() }
}

/// The text of a message without white space, and what kinds of other things it has.
fn essence(segments: &[Segment]) -> String {
    let mut essence = String::new();
    for segment in segments {
        match segment {
            Segment::Text { text } => essence.extend(text.chars().filter(|c| !c.is_whitespace())),
            // In private they are text, and quotes bring mentions of their own.
            Segment::Mention { .. } | Segment::MentionAll | Segment::ReplyTo { .. } => {}
            Segment::Image(_) | Segment::Voice(_) | Segment::Video(_) | Segment::File(_) => {
                essence.push('\u{1}')
            }
            Segment::Face { .. } | Segment::AppCard { .. } | Segment::Other { .. } => essence.push('\u{2}'),
        }
    }
    essence
}

/// How a call that says something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// It was done; with the id that the answer gives, if it gives one.
    Done(Option<&'a str>),
    /// It was not done.
    Not,
    /// Nobody knows.
    Unknown,
}

/// What becomes of the messages that waited for the end of a call.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The id of the echo that proves that a call without an answer was done.
    pub(super) proof: Option<String>,
    /// Messages that are no echoes, in their order.
    pub(super) others: Vec<Happening>,
}

/// Something that was said and whose echo may still come.
struct Echo {
    id: Option<String>,
    essence: String,
    /// Nobody knows whether it was said: an echo is the news that it was.
    unknown: Option<(MessageSource, Consequence)>,
    until: Instant,
}

#[derive(Default)]
struct Place {
    under_way: usize,
    /// Own messages that came while calls were under way: they may be echoes.
    held: Vec<Happening>,
    echoes: VecDeque<Echo>,
    /// What said something here last, and until when that counts.
    last: Option<(Consequence, Instant)>,
}

#[derive(Default)]
struct Places {
    places: HashMap<ChatRef, Place>,
    /// Until when what was said is remembered, in the order in which it was.
    order: VecDeque<(Instant, ChatRef)>,
}

/// The own messages of one account.
#[derive(Default)]
pub(super) struct OwnMessages {
    inner: Mutex<Places>,
}

impl OwnMessages {
    /// A call is about to be made; [`OwnMessages::end`] follows.
    pub(super) fn begin(&self, saying: &Saying) {
        let mut inner = self.inner.lock();
        inner.places.entry(saying.chat.clone()).or_default().under_way += 1;
    }

    /// A call ended.
    pub(super) fn end(&self, saying: &Saying, said: Said<'_>) -> Settled {
        let mut inner = self.inner.lock();
        let now = Instant::now();
        inner.forget(now);
        let until = now + limits::ECHO_LIFE;
        inner.order.push_back((until, saying.chat.clone()));
        let Some(place) = inner.places.get_mut(&saying.chat) else { return Settled::default() };
        place.last = Some((saying.consequence.clone(), until));
        let mut settled = Settled::default();
        let (id, unknown) = match said {
            Said::Done(id) => (id.map(str::to_owned), None),
            Said::Unknown => (None, Some((saying.source, saying.consequence.clone()))),
            Said::Not => (None, None),
        };
        let echo = Echo { id, essence: saying.essence.clone(), unknown, until };
        match place.held.iter().position(|message| echo.is(message)) {
            _ if said == Said::Not => {}
            Some(found) => {
                let message = place.held.remove(found);
                settled.proof = message.body.message().map(|message| message.id.clone());
            }
            None => place.echoes.push_back(echo),
        }
        if place.echoes.len() > limits::ECHOES {
            place.echoes.pop_front();
        }
        place.under_way = place.under_way.saturating_sub(1);
        if place.under_way == 0 {
            settled.others = std::mem::take(&mut place.held);
            settled.others.iter_mut().for_each(|message| place.mark(message, now));
        }
        settled
    }

    /// Takes a message of the account itself; gives it back if it is news.
    pub(super) fn claim(&self, mut message: Box<Happening>) -> Option<Box<Happening>> {
        let Some(chat) = &message.chat else { return Some(message) };
        let chat = place(chat.kind, &chat.id);
        let mut inner = self.inner.lock();
        let now = Instant::now();
        inner.forget(now);
        let Some(place) = inner.places.get_mut(&chat) else { return Some(message) };
        place.echoes.retain(|echo| echo.until > now);
        if let Some(found) = place.echoes.iter().position(|echo| echo.is(&message)) {
            let (source, consequence) = place.echoes.remove(found)?.unknown?;
            if let EventBody::MessageSent(message) = &mut message.body {
                message.source = source;
            }
            message.consequence = Some(consequence);
        } else if place.under_way > 0 && place.held.len() < limits::ECHOES {
            place.held.push(*message);
            return None;
        } else {
            place.mark(&mut message, now);
        }
        Some(message)
    }
}

impl Place {
    /// What is said where we just spoke may be an echo that we do not know for one.
    fn mark(&self, message: &mut Happening, now: Instant) {
        if let Some((last, _)) = self.last.as_ref().filter(|(_, until)| *until > now) {
            message.consequence = Some(Consequence { by_script: None, ..last.clone() });
        }
    }
}

impl Echo {
    fn is(&self, message: &Happening) -> bool {
        let Some(message) = message.body.message() else { return false };
        self.id.as_deref().is_some_and(|id| id == message.id) || self.essence == essence(&message.segments)
    }
}

impl Places {
    /// Forgets places where nothing was said for long.
    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, chat)) = self.order.pop_front() else { return };
            // What was said there later has an entry of its own, and so will have what is under way.
            let is_over = |place: &Place| {
                place.under_way == 0 && place.last.as_ref().is_none_or(|(_, until)| *until <= now)
            };
            if self.places.get(&chat).is_some_and(is_over) {
                self.places.remove(&chat);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::Attrs;
    use mynah_model::event::Chat;
    use mynah_model::message::{Message, MessageClass};
    use mynah_model::names::Seq;
    use mynah_model::roster::Person;

    use super::*;

    fn saying(text: &str) -> Saying {
        Saying {
            chat: ChatRef { kind: ChatKind::Group, id: "100".into() },
            essence: essence(&[Segment::text(text)]),
            source: MessageSource::Script,
            consequence: Consequence {
                cause: Some(Seq(7)),
                depth: 1,
                by_script: Some("ping".parse().unwrap()),
            },
        }
    }

    fn told(id: &str, text: &str) -> Box<Happening> {
        let message = Message {
            id: id.into(),
            sender: Person::default(),
            text: text.into(),
            segments: vec![Segment::text(text)],
            class: MessageClass::Send,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        };
        Box::new(Happening {
            time: 0,
            chat: Some(Chat {
                kind: ChatKind::Group,
                id: "100".into(),
                name: String::new(),
                via: None,
                attrs: Attrs::new(),
            }),
            body: EventBody::MessageSent(message),
            consequence: None,
            attrs: Attrs::new(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_echo_is_taken_whenever_it_comes_and_however_it_is_known() {
        for (id, text) in [("5", "other words"), ("6", "p o n g")] {
            let own = OwnMessages::default();
            own.begin(&saying("pong"));
            assert!(own.claim(told(id, text)).is_none(), "before the answer");
            let settled = own.end(&saying("pong"), Said::Done(Some("5")));
            assert!(settled.others.is_empty() && settled.proof.is_some(), "{id}");

            own.begin(&saying("pong"));
            own.end(&saying("pong"), Said::Done(Some("5")));
            assert!(own.claim(told(id, text)).is_none(), "after the answer");
            assert!(own.claim(told(id, text)).is_some(), "once");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_echo_need_not_know_what_kind_of_private_chat_it_was() {
        for (said, told_as, is_echo) in [
            (ChatKind::Temporary, ChatKind::Other, true),
            (ChatKind::Other, ChatKind::Friend, true),
            (ChatKind::Group, ChatKind::Friend, false),
        ] {
            let own = OwnMessages::default();
            let saying = Saying { chat: place(said, "100"), ..saying("pong") };
            own.begin(&saying);
            own.end(&saying, Said::Done(Some("5")));
            let mut echo = told("5", "pong");
            echo.chat.as_mut().unwrap().kind = told_as;
            assert_eq!(own.claim(echo).is_none(), is_echo, "{said:?} {told_as:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_typed_meanwhile_is_news_and_counts_as_an_answer_to_what_was_said_before() {
        let own = OwnMessages::default();
        assert_eq!(own.claim(told("1", "hi")).unwrap().consequence, None, "nothing was said before");
        own.begin(&saying("pong"));
        assert!(own.claim(told("2", "typed")).is_none(), "it may be the echo");
        let settled = own.end(&saying("pong"), Said::Done(Some("3")));
        let depths = |message: &Happening| message.consequence.as_ref().map(|cause| cause.depth);
        assert_eq!(settled.others.iter().map(depths).collect::<Vec<_>>(), [Some(1)]);
        let later = own.claim(told("4", "typed later")).unwrap();
        let consequence = later.consequence.as_ref().unwrap();
        assert_eq!((consequence.depth, &consequence.by_script), (1, &None), "every script may hear of it");
        tokio::time::advance(limits::ECHO_LIFE * 2).await;
        assert_eq!(own.claim(told("5", "much later")).unwrap().consequence, None);
        own.begin(&saying("x"));
        own.end(&saying("x"), Said::Not);
        assert_eq!(own.inner.lock().places.len(), 1);
        tokio::time::advance(limits::ECHO_LIFE * 2).await;
        own.claim(told("6", "y"));
        assert!(own.inner.lock().places.is_empty(), "places are forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn the_echo_of_a_call_that_nobody_answered_is_the_proof_that_it_was_done() {
        let own = OwnMessages::default();
        own.begin(&saying("pong"));
        own.claim(told("9", "pong"));
        assert_eq!(
            own.end(&saying("pong"), Said::Unknown).proof.as_deref(),
            Some("9"),
            "before it is given up"
        );
        own.begin(&saying("pong"));
        assert!(own.end(&saying("pong"), Said::Unknown).proof.is_none());
        let late = own.claim(told("10", "pong")).unwrap();
        assert_eq!(late.consequence, Some(saying("").consequence), "much too late: the act's, all the same");
        assert_eq!(late.body.message().unwrap().source, MessageSource::Script);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_own_messages_is_not_held_without_bounds() {
        let own = OwnMessages::default();
        own.begin(&saying("pong"));
        let news = (0..1_000).filter_map(|number| own.claim(told(&number.to_string(), "flood"))).count();
        assert_eq!(news, 1_000 - limits::ECHOES);
    }
}
