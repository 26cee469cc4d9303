//! consult: a message to a friend, answered with what the friend says next.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use mynah_model::address::ChatKind;
use mynah_model::event::{Event, EventBody};
use mynah_model::names::AccountName;
use mynah_model::roster::Roster;
use serde_json::Value;

use super::{send, targets};
use crate::answer::Answer;
use crate::call::Call;
use crate::feed::Feed;
use crate::params::Params;
use crate::sending;
use crate::server::Closing;
use crate::settings::{CONSULT_SECONDS, CONSULT_WAIT};

/// How long until the journal is looked at again if it could not be read.
const JOURNAL_AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn answer(call: Call, roster: &Roster) -> Answer {
    let friend = targets::friend(roster, &call.params);
    let wanted = friend.map(|friend| targets::friend_chat(&friend.id));
    let (target, content) = match send::message(&call, wanted).await {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    let Some(timeout) = timeout(&call.params) else {
        let (least, most) = (CONSULT_SECONDS.start(), CONSULT_SECONDS.end());
        return Answer::not_sent(400, format!("timeout is not a number of seconds from {least} to {most}"));
    };
    let Ok(_room) = call.api.consults.try_acquire() else {
        return Answer::Busy("too many consults wait for a reply".into());
    };
    // Listening begins before the message is sent: the reply may be there before the network has said that it was.
    let events = events(Feed::from_now(&call.api.host));
    let sent = match sending::send_now(&call, target.clone(), content).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let mut fields = send::sent(&target, &sent);
    let reply = reply(events, call.account.name(), &target.id, timeout, call.closing).await;
    if reply.is_none() {
        fields.insert("reply_status".into(), "reply timeout".into());
    }
    fields.insert("reply".into(), reply.map_or(Value::Null, Value::from));
    Answer::Json(fields.into())
}

/// How long the call wants to wait; `None` if it says so in no way that is understood.
fn timeout(params: &Params) -> Option<Duration> {
    let Some(given) = params.get("timeout") else { return Some(CONSULT_WAIT) };
    let is_number = given.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = given.parse().ok().filter(|_| is_number)?;
    CONSULT_SECONDS.contains(&seconds).then(|| Duration::from_secs(seconds))
}

fn events(feed: Feed) -> impl Stream<Item = Arc<Event>> {
    stream::unfold(feed, |mut feed| async move {
        loop {
            match feed.next().await {
                Ok(event) => return event.map(|event| (event, feed)),
                Err(error) => {
                    tracing::error!(%error, "consult cannot read the journal");
                    tokio::time::sleep(JOURNAL_AGAIN).await;
                }
            }
        }
    })
}

/// The first thing that a friend says to an account; `None` if that takes too long.
async fn reply(
    events: impl Stream<Item = Arc<Event>>,
    account: &AccountName,
    friend: &str,
    timeout: Duration,
    mut closing: Closing,
) -> Option<String> {
    let said = events.filter_map(|event| async move {
        let from_friend =
            event.chat.as_ref().is_some_and(|chat| chat.kind == ChatKind::Friend && chat.id == friend);
        match &event.body {
            EventBody::MessageReceived(message) if from_friend && event.account == *account => {
                Some(message.text.clone())
            }
            _ => None,
        }
    });
    let mut said = pin!(said);
    tokio::select! {
        biased;
        reply = said.next() => reply,
        () = tokio::time::sleep(timeout) => None,
        () = closing.wait() => None,
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::Attrs;
    use mynah_model::event::Chat;
    use mynah_model::message::{Message, MessageClass, MessageSource};
    use mynah_model::names::Seq;
    use mynah_model::roster::Person;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    fn said(account: &str, kind: ChatKind, id: &str, text: &str, class: MessageClass) -> Arc<Event> {
        let message = Message {
            id: "1".into(),
            sender: Person::default(),
            segments: Vec::new(),
            text: text.into(),
            class,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        };
        Arc::new(Event {
            seq: Seq(1),
            account: account.parse().unwrap(),
            network: "sim".into(),
            self_id: "@me".into(),
            time: 0,
            received_at: 0,
            cause: None,
            depth: 0,
            by_script: None,
            chat: Some(Chat { kind, id: id.into(), name: String::new(), via: None, attrs: Attrs::new() }),
            body: match class {
                MessageClass::Recv => EventBody::MessageReceived(message),
                MessageClass::Send => EventBody::MessageSent(message),
            },
            attrs: Attrs::new(),
        })
    }

    async fn wait(events: mpsc::Receiver<Arc<Event>>, closing: Closing) -> Option<String> {
        let events =
            stream::unfold(
                events,
                |mut events| async move { events.recv().await.map(|event| (event, events)) },
            );
        // A stream that ends is a host that stops; these do not end.
        let events = events.chain(stream::pending());
        reply(events, &"wx".parse().unwrap(), "@a", Duration::from_secs(30), closing).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_message_of_that_friend_is_the_reply() {
        let (tell, events) = mpsc::channel(8);
        for event in [
            said("wx", ChatKind::Friend, "@a", "our own", MessageClass::Send),
            said("wx", ChatKind::Friend, "@b", "another friend", MessageClass::Recv),
            said("wx", ChatKind::Group, "@a", "a group", MessageClass::Recv),
            said("other", ChatKind::Friend, "@a", "another account", MessageClass::Recv),
            said("wx", ChatKind::Friend, "@a", "哈哈", MessageClass::Recv),
            said("wx", ChatKind::Friend, "@a", "later", MessageClass::Recv),
        ] {
            tell.send(event).await.unwrap();
        }
        assert_eq!(wait(events, Closing::never()).await.as_deref(), Some("哈哈"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_just_in_time_counts_and_a_later_one_does_not() {
        for (after, expected) in [(29_999, Some("哈哈")), (30_001, None)] {
            let (tell, events) = mpsc::channel(8);
            let begun = Instant::now();
            let waiting = tokio::spawn(wait(events, Closing::never()));
            tokio::time::sleep(Duration::from_millis(after)).await;
            // Nobody listens any more if it comes too late.
            let _ = tell.send(said("wx", ChatKind::Friend, "@a", "哈哈", MessageClass::Recv)).await;
            assert_eq!(waiting.await.unwrap().as_deref(), expected);
            assert!(begun.elapsed() < Duration::from_secs(31));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_closes_waits_no_longer() {
        let (close, closing) = Closing::channel();
        let (_tell, events) = mpsc::channel(8);
        let begun = Instant::now();
        let waiting = tokio::spawn(wait(events, closing));
        tokio::task::yield_now().await;
        close.send_replace(true);
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[test]
    fn a_timeout_is_whole_seconds_within_bounds() {
        for (query, expected) in [
            ("", Some(30)),
            ("timeout=", Some(30)),
            ("timeout=1", Some(1)),
            ("timeout=600", Some(600)),
            ("timeout=0", None),
            ("timeout=601", None),
            ("timeout=-1", None),
            ("timeout=%2B5", None),
            ("timeout=1.5", None),
            ("timeout=abc", None),
            ("timeout=99999999999999999999", None),
        ] {
            let params = Params::of_query(query).unwrap();
            assert_eq!(timeout(&params), expected.map(Duration::from_secs), "{query}");
        }
    }
}
