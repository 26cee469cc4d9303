//! From the socket to the host: what happens in one chat is reported in order, and chats do not wait for each other.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mynah_model::address::ChatRef;
use mynah_model::event::EventBody;
use mynah_model::roster::Person;
use parking_lot::Mutex;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::OneBot;
use super::actions::Call;
use super::post_box::Receipt;
use super::{limits, people};
use crate::network::{Happening, NetworkError, Sink};

/// Something that waits to be reported.
struct Queued {
    happening: Box<Happening>,
    sink: Arc<dyn Sink>,
    /// Who waits until it is journalled.
    receipt: Option<Receipt>,
    /// What it takes of the room of all that wait.
    _room: Option<Room>,
}

/// How much waits.
#[derive(Default)]
struct Load {
    events: AtomicUsize,
    bytes: AtomicUsize,
    less: Notify,
}

/// The room of one event that waits; free again when this is dropped.
pub(super) struct Room {
    load: Arc<Load>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.load.events.fetch_sub(1, Ordering::SeqCst);
        self.load.bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        self.load.less.notify_waiters();
    }
}

/// The lanes of one account. A chat with a queue here has a task that empties it.
#[derive(Default)]
pub(super) struct Lanes {
    queues: Mutex<HashMap<Option<ChatRef>, VecDeque<Queued>>>,
    load: Arc<Load>,
    /// Until then nobody is asked for names, because that was not answered.
    nameless_until: Mutex<Option<Instant>>,
}

impl Lanes {
    /// Whether one more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.load.events.load(Ordering::SeqCst) < limits::EVENTS
            && self.load.bytes.load(Ordering::SeqCst) < limits::EVENTS_BYTES
    }

    /// Resolves when one more may wait.
    pub(super) async fn room(&self) {
        loop {
            let mut less = pin!(self.load.less.notified());
            // From here on nothing is missed.
            less.as_mut().enable();
            if self.has_room() {
                return;
            }
            less.await;
        }
    }

    /// The room of an event whose frame has so many bytes. Whoever asks has seen that there is some.
    pub(super) fn admit(&self, bytes: usize) -> Room {
        self.load.events.fetch_add(1, Ordering::SeqCst);
        self.load.bytes.fetch_add(bytes, Ordering::SeqCst);
        Room { load: self.load.clone(), bytes }
    }
}

fn lane_of(happening: &Happening) -> Option<ChatRef> {
    happening.chat.as_ref().map(|chat| ChatRef { kind: chat.kind, id: chat.id.clone() })
}

impl OneBot {
    /// Reports a message at once, if nothing of its chat waits and the host has room; most of what comes is that, and a
    /// lane costs more than the report.
    pub(super) fn offer(
        &self,
        sink: &Arc<dyn Sink>,
        happening: Box<Happening>,
    ) -> Result<(), Box<Happening>> {
        let is_message = matches!(happening.body, EventBody::MessageReceived(_));
        if !is_message || self.lanes.queues.lock().contains_key(&lane_of(&happening)) {
            return Err(happening);
        }
        sink.offer(*happening)
    }

    /// Reports something behind all that its chat has waiting.
    pub(super) fn queue(
        self: &Arc<Self>,
        sink: &Arc<dyn Sink>,
        happening: Box<Happening>,
        receipt: Option<Receipt>,
        room: Option<Room>,
    ) {
        let lane = lane_of(&happening);
        let queued = Queued { happening, sink: sink.clone(), receipt, _room: room };
        let mut queues = self.lanes.queues.lock();
        if let Some(queue) = queues.get_mut(&lane) {
            queue.push_back(queued);
            return;
        }
        queues.insert(lane.clone(), [queued].into());
        drop(queues);
        // Outside of a runtime everything ends anyway.
        if let Ok(tasks) = Handle::try_current() {
            tasks.spawn(self.clone().empty(lane));
        }
    }

    async fn empty(self: Arc<Self>, lane: Option<ChatRef>) {
        loop {
            let queued = {
                let mut queues = self.lanes.queues.lock();
                match queues.get_mut(&lane).and_then(VecDeque::pop_front) {
                    Some(queued) => queued,
                    None => {
                        queues.remove(&lane);
                        return;
                    }
                }
            };
            let mut happening = queued.happening;
            self.find_name(&mut happening).await;
            // An account that takes nothing more takes none of the rest either.
            match queued.sink.report(*happening).await {
                // Whoever posted it may have gone.
                Ok(_) => drop(queued.receipt.map(|receipt| receipt.send(()))),
                Err(_) => tracing::debug!(account = %self.account, "an event came too late"),
            }
        }
    }

    /// Finds out what somebody is called whom the event only numbers: a greeting wants a name.
    async fn find_name(&self, happening: &mut Happening) {
        let chat = happening.chat.as_ref();
        let (who, member) = match &mut happening.body {
            EventBody::MemberJoined(membership) => (&mut membership.who, true),
            EventBody::FriendJoined { who } => (who, false),
            EventBody::FriendRequest(request)
            | EventBody::GroupRequest(request)
            | EventBody::GroupInvite(request) => (&mut request.from, false),
            _ => return,
        };
        let vain = self.lanes.nameless_until.lock().is_some_and(|until| Instant::now() < until);
        let Ok(user) = who.id.parse::<i64>() else { return };
        if !who.name.is_empty() || vain {
            return;
        }
        let group = chat.and_then(|chat| chat.id.parse::<i64>().ok()).filter(|_| member);
        let call = match group {
            Some(group) => {
                let params = json!({ "group_id": group, "user_id": user, "no_cache": true });
                Call::new("get_group_member_info", params)
            }
            None => Call::new("get_stranger_info", json!({ "user_id": user, "no_cache": false })),
        };
        match self.call(&call, limits::NAME).await {
            Ok(data) => {
                if let Some(found) = people::person(data.as_deref()).filter(|found| found.id == who.id) {
                    *who = Person { markname: who.markname.take(), ..found };
                }
            }
            Err(NetworkError::Unknown(_)) => {
                *self.lanes.nameless_until.lock() = Some(Instant::now() + limits::NAMELESS);
            }
            Err(error) => tracing::debug!(account = %self.account, %error, "somebody has no name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_bounded_by_its_number_and_by_its_bytes() {
        let lanes = Lanes::default();
        let large = lanes.admit(limits::EVENTS_BYTES);
        assert!(!lanes.has_room());
        let mut room = pin!(lanes.room());
        assert!(futures_util::FutureExt::now_or_never(&mut room).is_none());
        drop(large);
        room.await;
        let mut small: Vec<_> = (0..limits::EVENTS).map(|_| lanes.admit(1)).collect();
        assert!(!lanes.has_room());
        small.pop();
        assert!(lanes.has_room());
    }
}
