//! People, events and messages that the tests of the reports are about.

use mynah_model::Attrs;
use mynah_model::address::ChatKind;
use mynah_model::event::{Chat, Event, EventBody};
use mynah_model::message::{Message, MessageClass, MessageSource, Segment};
use mynah_model::names::Seq;
use mynah_model::roster::Person;

pub(crate) fn person(id: &str, uid: &str, name: &str) -> Person {
    Person { id: id.into(), uid: Some(uid.into()), name: name.into(), ..Person::default() }
}

/// What happened to the account that has this id, in the chat of this kind and id, which is called `名`.
pub(crate) fn event(self_id: &str, kind: ChatKind, id: &str, via: Option<&str>, body: EventBody) -> Event {
    Event {
        seq: Seq(7),
        account: "bot".parse().unwrap(),
        network: "sim".into(),
        self_id: self_id.into(),
        time: 1_442_542_632_999,
        received_at: 0,
        cause: None,
        depth: 0,
        by_script: None,
        chat: Some(Chat {
            kind,
            id: id.into(),
            name: "名".into(),
            via: via.map(Into::into),
            attrs: Attrs::new(),
        }),
        body,
        attrs: Attrs::new(),
    }
}

/// A message that says `测试一下`, whatever its segments are.
pub(crate) fn message(
    class: MessageClass,
    sender: Person,
    source: MessageSource,
    segments: Vec<Segment>,
) -> Message {
    Message {
        id: "10856".into(),
        sender,
        segments,
        text: "测试一下".into(),
        class,
        source,
        attrs: Attrs::new(),
    }
}
