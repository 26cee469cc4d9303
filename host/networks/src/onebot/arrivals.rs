//! What a peer sends, as it comes in: answers go to whoever waits for them, events to the host. Events that cannot be taken
//! yet are set aside, so that answers and pings are not kept waiting behind them.
//!
//! Nothing here waits: an event that was begun with is also done with, whenever the connection ends.

use std::future::pending;
use std::time::Duration;

use mynah_model::address::ChatRef;
use mynah_model::event::EventBody;

use super::answers::Answer;
use super::back_off::Lost;
use super::backlog::KeptFrame;
use super::frame::{self, Frame, Turn};
use super::oddity::Oddity;
use super::post_box::Receipt;
use super::posts::{Post, Reader};
use super::presence::Said;
use super::remembered::WayIn;
use super::session::Session;
use super::socket::Carries;
use crate::network::Happening;

/// How a frame came.
pub(super) struct Came {
    /// What is sent that way.
    pub(super) carries: Carries,
    pub(super) way: WayIn,
    /// Who waits until it is journalled, if it was posted.
    pub(super) receipt: Option<Receipt>,
}

impl Session {
    /// Whether more may be read: what would have to be set aside fits.
    pub(super) fn may_read(&self) -> bool {
        // Before the login the answers are what is waited for; what does not fit then is dropped and counted.
        self.user.borrow().is_none() || !self.onebot.backlog.is_full()
    }

    /// Takes of what was set aside what can be taken now.
    pub(super) fn take_backlog(&self) {
        let Some(user) = *self.user.borrow() else { return };
        while self.onebot.lanes.has_room()
            && let Some(KeptFrame { text, way, mut receipt }) = self.onebot.backlog.take()
        {
            // It could be read when it came.
            if let Ok(frame) = frame::read_leniently(&text, &mut String::new()) {
                self.take(user, &frame, &text, way, &mut receipt);
            }
            settle(receipt);
        }
    }

    /// Resolves when something of what was set aside can be taken.
    pub(super) async fn until_takeable(&self) {
        if self.user.subscribe().wait_for(Option::is_some).await.is_err() {
            return pending().await;
        }
        self.onebot.lanes.room().await;
    }

    /// Takes one frame; the heartbeat's interval if it is one.
    pub(super) fn take_frame(&self, text: &str, came: Came) -> Result<Option<Duration>, Lost> {
        let Came { carries, way, mut receipt } = came;
        let taken = self.take_it(text, carries, way, &mut receipt);
        settle(receipt);
        taken
    }

    /// Takes one frame. The receipt goes with an event that is still to be kept.
    fn take_it(
        &self,
        text: &str,
        carries: Carries,
        way: WayIn,
        receipt: &mut Option<Receipt>,
    ) -> Result<Option<Duration>, Lost> {
        let oddities = &self.onebot.oddities;
        let mut spare = String::new();
        let frame = match frame::read_leniently(text, &mut spare) {
            Ok(frame) => frame,
            Err(error) => {
                oddities.note(Oddity::Malformed, error);
                return Ok(None);
            }
        };
        match frame.turn() {
            Turn::Neither => {
                oddities.note(Oddity::Neither, format!("{} bytes", text.len()));
                return Ok(None);
            }
            Turn::Answer => return self.take_answer(&frame, text.len()).map(|()| None),
            Turn::Event if carries == Carries::Calls => {
                oddities.note(Oddity::Duplicate, "an event on the socket for calls");
                return Ok(None);
            }
            Turn::Event => {}
        }
        let user = *self.user.borrow();
        let waits = user.is_none() || !self.onebot.backlog.is_empty() || !self.onebot.lanes.has_room();
        if waits && frame.post_type.get() != Some("meta_event") {
            // What does not fit is lost, and whoever posted it is to know.
            if !self.onebot.backlog.keep(text, way, receipt.take()) {
                oddities.note(Oddity::Flood, format!("{} bytes", text.len()));
            }
            return Ok(None);
        }
        let user = user.or(frame.self_id.0).unwrap_or_default();
        Ok(self.take(user, &frame, text, way, receipt))
    }

    /// Takes an answer to whoever waits for it.
    fn take_answer(&self, frame: &Frame<'_>, bytes: usize) -> Result<(), Lost> {
        let echo = frame.echo.or_empty();
        // This is how NapCat and LLBot refuse a token: the upgrade is accepted, and then this comes.
        if echo.is_empty() && matches!(frame.retcode.0, Some(1401 | 1403)) {
            let said = frame.sentence().unwrap_or_else(|| "it takes the token for wrong".to_owned());
            return Err(Lost::Refused(said));
        }
        if !self.onebot.answers.resolve(echo, Answer::read(frame)) {
            self.onebot.oddities.note(Oddity::LateAnswer, format!("{bytes} bytes"));
        }
        Ok(())
    }

    fn take(
        &self,
        user: i64,
        frame: &Frame<'_>,
        text: &str,
        way: WayIn,
        receipt: &mut Option<Receipt>,
    ) -> Option<Duration> {
        let onebot = &self.onebot;
        let now = onebot.clock.now();
        let roster = self.sink.known();
        let reader = Reader { self_id: user, now, roster: &roster, oddities: &onebot.oddities };
        match reader.read(frame, text) {
            Post::Happened(happening) if self.is_duplicate(&happening, frame, text, way) => None,
            Post::Happened(happening) => {
                if matches!(happening.body, EventBody::MessageReceived(_)) {
                    self.hear(Said::Heard { at: happening.time });
                }
                if let Some(group) = frame.group_id.id() {
                    match happening.body {
                        EventBody::GroupLost(_) | EventBody::GroupInvite(_) => {}
                        EventBody::GroupJoined(_) => onebot.members.outdated(group),
                        _ => onebot.members.hurry(group),
                    }
                }
                let news = match happening.body {
                    EventBody::MessageSent(_) => onebot.own_messages.claim(happening),
                    _ => onebot.own_acts.claim(happening, &user.to_string()),
                };
                let happening = news?;
                // Whoever posted it waits until it is kept.
                let offered = match receipt {
                    Some(_) => Err(happening),
                    None => onebot.offer(&self.sink, happening),
                };
                if let Err(happening) = offered {
                    let room = onebot.lanes.admit(text.len());
                    onebot.queue(&self.sink, happening, receipt.take(), Some(room));
                }
                None
            }
            Post::Alive { online, interval } => {
                if let Some(online) = online {
                    self.hear(Said::Status(online));
                }
                interval
            }
            Post::Online => {
                self.hear(Said::Back);
                None
            }
            Post::Offline(why) => {
                self.hear(Said::Gone { why, at: now });
                None
            }
            Post::Nothing => None,
        }
    }

    /// Whether something came before; from now on it did.
    fn is_duplicate(&self, happening: &Happening, frame: &Frame<'_>, text: &str, way: WayIn) -> bool {
        let known = match (happening.body.message(), &happening.chat) {
            // Without an id there is nothing to tell it by.
            (Some(message), Some(_)) if matches!(message.id.as_str(), "" | "0") => None,
            (Some(message), Some(chat)) => {
                let chat = ChatRef { kind: chat.kind, id: chat.id.clone() };
                let known =
                    self.onebot.remembered.lock().knows_message(&chat, &message.id, frame.time.0, way);
                known.then_some("by its message_id")
            }
            // What has no time may well happen again just so.
            _ if frame.time.0.is_none() => None,
            _ => self.onebot.remembered.lock().knows_frame(text, way).then_some("by all that it says"),
        };
        if let Some(how) = known {
            self.onebot.oddities.note(Oddity::Duplicate, how);
        }
        known.is_some()
    }
}

/// Nothing is left to be kept of what was posted.
fn settle(receipt: Option<Receipt>) {
    // Whoever posted it may have gone.
    let _ = receipt.map(|receipt| receipt.send(()));
}
