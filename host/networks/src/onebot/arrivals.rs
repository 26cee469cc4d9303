//! What a peer sends, as it comes in: answers go to whoever waits for them, events to the host. Events that come before it
//! is known who is logged in are kept until then.

use std::collections::VecDeque;
use std::time::Duration;

use mynah_model::event::EventBody;
use tokio::sync::watch;

use super::answers::Answer;
use super::back_off::Lost;
use super::frame::{self, Frame, Turn};
use super::http::Receipt;
use super::limits;
use super::oddity::Oddity;
use super::posts::{Post, Reader};
use super::session::{Presence, Session};
use super::socket::Carries;

/// How a frame came.
pub(super) enum Came {
    /// Over a socket.
    Over(Carries),
    /// Posted, by somebody who waits until it is kept.
    Posted(Receipt),
}

impl Session {
    /// Who is logged in; once somebody is, what was kept until then is taken.
    pub(super) async fn take_backlog(
        &self,
        user: &mut watch::Receiver<Option<i64>>,
        backlog: &mut Backlog,
    ) -> Option<i64> {
        let logged_in = *user.borrow_and_update();
        if let Some(user) = logged_in {
            for (text, receipt) in backlog.take() {
                self.take_post(user, &text, receipt).await;
            }
        }
        logged_in
    }

    /// Takes one frame; the heartbeat's interval if it is one.
    pub(super) async fn take_frame(
        &self,
        text: &str,
        came: Came,
        logged_in: Option<i64>,
        backlog: &mut Backlog,
    ) -> Result<Option<Duration>, Lost> {
        let (carries, mut receipt) = match came {
            Came::Over(carries) => (carries, None),
            Came::Posted(receipt) => (Carries::All, Some(receipt)),
        };
        let taken = self.take_it(text, carries, &mut receipt, logged_in, backlog).await;
        settle(receipt);
        taken
    }

    /// Takes one frame. The receipt goes with an event that is still to be kept.
    async fn take_it(
        &self,
        text: &str,
        carries: Carries,
        receipt: &mut Option<Receipt>,
        logged_in: Option<i64>,
        backlog: &mut Backlog,
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
        let Some(user) = logged_in else {
            if frame.post_type.get() != Some("meta_event") {
                if !backlog.keep(text, receipt) {
                    oddities.note(Oddity::Flood, backlog.bytes);
                    // It is lost, and whoever posted it is to know.
                    drop(receipt.take());
                }
                return Ok(None);
            }
            return Ok(self.take(frame.self_id.0.unwrap_or_default(), &frame, text, receipt).await);
        };
        Ok(self.take(user, &frame, text, receipt).await)
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

    /// Takes an event that was kept.
    async fn take_post(&self, user: i64, text: &str, mut receipt: Option<Receipt>) {
        if let Ok(frame) = frame::read_leniently(text, &mut String::new()) {
            self.take(user, &frame, text, &mut receipt).await;
        }
        settle(receipt);
    }

    async fn take(
        &self,
        user: i64,
        frame: &Frame<'_>,
        text: &str,
        receipt: &mut Option<Receipt>,
    ) -> Option<Duration> {
        let onebot = &self.onebot;
        let roster = self.sink.known();
        let reader =
            Reader { self_id: user, now: onebot.clock.now(), roster: &roster, oddities: &onebot.oddities };
        match reader.read(frame, text) {
            Post::Happened(happening) => {
                if onebot.is_duplicate(&happening) {
                    onebot.oddities.note(Oddity::Duplicate, "by its message_id");
                    return None;
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
                    let room = onebot.lanes.room().await;
                    onebot.queue(&self.sink, happening, receipt.take(), room);
                }
                None
            }
            Post::Alive { online, interval } => {
                self.take_online(online);
                interval
            }
            Post::Online => {
                self.set_presence(Presence::Online);
                None
            }
            Post::Offline(why) => {
                self.set_presence(Presence::Offline(why));
                None
            }
            Post::Nothing => None,
        }
    }
}

/// Nothing is left to be kept of what was posted.
fn settle(receipt: Option<Receipt>) {
    // Whoever posted it may have gone.
    let _ = receipt.map(|receipt| receipt.send(()));
}

/// Events that came before the roster.
#[derive(Default)]
pub(super) struct Backlog {
    texts: VecDeque<(String, Option<Receipt>)>,
    bytes: usize,
}

impl Backlog {
    fn keep(&mut self, text: &str, receipt: &mut Option<Receipt>) -> bool {
        if self.bytes.saturating_add(text.len()) > limits::BACKLOG_BYTES || self.texts.len() >= limits::EVENTS
        {
            return false;
        }
        self.bytes += text.len();
        self.texts.push_back((text.to_owned(), receipt.take()));
        true
    }

    fn take(&mut self) -> VecDeque<(String, Option<Receipt>)> {
        self.bytes = 0;
        std::mem::take(&mut self.texts)
    }
}
