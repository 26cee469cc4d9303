//! What an endpoint's answer asks for.

use mynah_model::action::{Action, ActionBody};
use mynah_model::address::ChatKind;
use mynah_model::event::{Event, EventBody};
use mynah_model::message::{Message, Segment};
use mynah_runtime::MediaStore;
use serde_json::{Map, Value};

use crate::server::Closing;
use crate::settings::WEBHOOK_REPLIES;

/// How long somebody is muted if the answer does not say so, seconds.
const SHUTUP_SECONDS: u32 = 60;

/// What an answer asks for, in the order in which it is done, and what of it nobody can do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes {
    pub(super) actions: Vec<Action>,
    /// A picture or file to be sent once the host has it: where among the actions, and where it is.
    media: Option<(usize, String)>,
    /// One sentence for each.
    pub(super) ignored: Vec<String>,
}

impl Wishes {
    /// The same with the picture or file being there, or ignored if it cannot be had before the host closes.
    pub(super) async fn with_media(mut self, store: &MediaStore, closing: &mut Closing) -> Self {
        let Some((place, reference)) = self.media.take() else { return self };
        let fetched = tokio::select! {
            fetched = store.from_reference(&reference) => fetched.map_err(|error| error.to_string()),
            () = closing.wait() => Err("the host closes before it is there".to_owned()),
        };
        match fetched {
            Ok(media) => self.actions.insert(place, Action::new(ActionBody::SendMedia { media })),
            Err(error) => self.ignored.push(format!("`media`: {error}")),
        }
        self
    }

    fn add(&mut self, body: Result<ActionBody, String>) {
        match body {
            Ok(body) => self.actions.push(Action::new(body)),
            Err(why) => self.ignored.push(why),
        }
    }
}

/// Reads an answer to the report of this event. Fields that mean nothing here are none of our business: answers have
/// always carried others.
pub(super) fn read(bytes: &[u8], event: &Event) -> Wishes {
    let mut wishes = Wishes::default();
    // Editors of old put one there.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return wishes;
    }
    let answer = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(answer)) => answer,
        Ok(_) => {
            wishes.ignored.push("it is no JSON object".to_owned());
            return wishes;
        }
        Err(error) => {
            wishes.ignored.push(format!("it is not JSON: {error}"));
            return wishes;
        }
    };
    let asks = ["reply", "media", "recall", "shutup", "kick"];
    let asked: Vec<_> = asks.into_iter().filter(|field| asks_for(&answer, field)).collect();
    let Some(message) = event.body.message() else {
        if let Some(field) = asked.first() {
            wishes.ignored.push(format!("`{field}` answers a message, and this is none"));
        }
        return wishes;
    };
    for field in asked {
        match field {
            "reply" => replies(&answer, &mut wishes),
            "media" => media(&answer, &mut wishes),
            "recall" => wishes.add(flag(&answer, "recall").map(|()| recall(message))),
            "shutup" => wishes.add(shutup(&answer, event)),
            _ => wishes.add(kick(&answer, event)),
        }
    }
    wishes
}

/// Whether a field is there and not switched off.
fn asks_for(answer: &Map<String, Value>, field: &str) -> bool {
    match answer.get(field) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty() && (field == "reply" || text != "0"),
        Some(Value::Number(number)) => field == "reply" || number.as_f64() != Some(0.0),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

/// A field that is 1.
fn flag(answer: &Map<String, Value>, field: &str) -> Result<(), String> {
    match answer.get(field) {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::Number(number)) if number.as_u64() == Some(1) => Ok(()),
        Some(Value::String(text)) if text == "1" => Ok(()),
        _ => Err(format!("`{field}` is neither 1 nor 0")),
    }
}

/// One message for each text: `reply` is a text, a number, or a list of them.
fn replies(answer: &Map<String, Value>, wishes: &mut Wishes) {
    let texts = match answer.get("reply") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    if texts.len() > WEBHOOK_REPLIES {
        wishes.ignored.push(format!("`reply` has more than {WEBHOOK_REPLIES} texts"));
        return;
    }
    for text in texts {
        wishes.add(match text {
            Value::String(text) if !text.is_empty() => Ok(reply(text.clone())),
            Value::Number(number) => Ok(reply(number.to_string())),
            _ => Err("`reply` is neither a text nor a number nor a list of them".to_owned()),
        });
    }
}

fn reply(text: String) -> ActionBody {
    ActionBody::Reply { segments: vec![Segment::text(text)], quote: false }
}

/// An image, voice, video or file, named by its URL or its path.
fn media(answer: &Map<String, Value>, wishes: &mut Wishes) {
    match answer.get("media") {
        Some(Value::String(reference)) => wishes.media = Some((wishes.actions.len(), reference.clone())),
        _ => wishes.ignored.push("`media` is neither a URL nor a path".to_owned()),
    }
}

fn recall(message: &Message) -> ActionBody {
    ActionBody::Recall { message_id: message.id.clone() }
}

fn shutup(answer: &Map<String, Value>, event: &Event) -> Result<ActionBody, String> {
    flag(answer, "shutup")?;
    let seconds = match answer.get("shutup_time") {
        None | Some(Value::Null) => Some(SHUTUP_SECONDS),
        // PHP writes whole numbers as `60.0` where it has rounded them.
        Some(Value::Number(number)) => {
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).parse().ok()
        }
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let seconds = seconds.ok_or("`shutup_time` is no number of seconds")?;
    Ok(ActionBody::Shutup { members: vec![member(event, "shutup")?], seconds })
}

fn kick(answer: &Map<String, Value>, event: &Event) -> Result<ActionBody, String> {
    flag(answer, "kick")?;
    Ok(ActionBody::Kick { members: vec![member(event, "kick")?], reject_again: false })
}

/// The member of a group whose message is answered.
fn member(event: &Event, field: &str) -> Result<String, String> {
    match (&event.body, &event.chat) {
        (EventBody::MessageReceived(message), Some(chat)) if chat.kind == ChatKind::Group => {
            Ok(message.sender.id.clone())
        }
        _ => Err(format!("`{field}` is for who said something in a group")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mynah_model::Attrs;
    use mynah_model::clock::SystemClock;
    use mynah_model::event::Chat;
    use mynah_model::message::{MessageClass, MessageSource};
    use mynah_model::names::Seq;
    use mynah_model::roster::Person;
    use mynah_runtime::MediaConfig;
    use serde_json::json;

    use super::*;

    fn event(kind: ChatKind, class: MessageClass) -> Event {
        let message = Message {
            id: "m1".into(),
            sender: Person { id: "7".into(), ..Person::default() },
            segments: vec![Segment::text("x")],
            text: "x".into(),
            class,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        };
        Event {
            seq: Seq(1),
            account: "qq".parse().unwrap(),
            network: "sim".into(),
            self_id: "1".into(),
            time: 0,
            received_at: 0,
            cause: None,
            depth: 0,
            by_script: None,
            chat: Some(Chat { kind, id: "g".into(), name: String::new(), via: None, attrs: Attrs::new() }),
            body: match class {
                MessageClass::Recv => EventBody::MessageReceived(message),
                MessageClass::Send => EventBody::MessageSent(message),
            },
            attrs: Attrs::new(),
        }
    }

    /// The actions that an answer to a group message asks for, in short, and how much of it is ignored.
    fn asked(answer: &str) -> (Vec<String>, usize) {
        let wishes = read(answer.as_bytes(), &event(ChatKind::Group, MessageClass::Recv));
        let short = |action: &Action| match &action.body {
            ActionBody::Reply { segments, quote: false } => match segments.as_slice() {
                [Segment::Text { text }] => format!("reply {text}"),
                other => format!("{other:?}"),
            },
            ActionBody::Shutup { members, seconds } => format!("shutup {} {seconds}", members.join(",")),
            ActionBody::Kick { members, reject_again: false } => format!("kick {}", members.join(",")),
            ActionBody::Recall { message_id } => format!("recall {message_id}"),
            other => format!("{other:?}"),
        };
        (wishes.actions.iter().map(short).collect(), wishes.ignored.len())
    }

    #[test]
    fn an_answer_is_understood_as_the_documents_say() {
        for (answer, actions, ignored) in [
            (r#"{"reply":"你好","code":0}"#, vec!["reply 你好"], 0),
            (r#"{"reply":42}"#, vec!["reply 42"], 0),
            (r#"{"reply":0}"#, vec!["reply 0"], 0),
            (r#"{"reply":["a",2,"c"]}"#, vec!["reply a", "reply 2", "reply c"], 0),
            (r#"{"reply":"a","shutup":1}"#, vec!["reply a", "shutup 7 60"], 0),
            (r#"{"shutup":1,"shutup_time":600}"#, vec!["shutup 7 600"], 0),
            (r#"{"shutup":1,"shutup_time":600.0}"#, vec!["shutup 7 600"], 0),
            (r#"{"shutup":"1","shutup_time":"90"}"#, vec!["shutup 7 90"], 0),
            (r#"{"shutup":true,"shutup_time":null}"#, vec!["shutup 7 60"], 0),
            (r#"{"kick":1,"recall":1,"reply":"x"}"#, vec!["reply x", "recall m1", "kick 7"], 0),
            ("\u{feff}{\"reply\":\"x\"}\n", vec!["reply x"], 0),
            (r#"{"shutup":0,"kick":"0","recall":false,"reply":null}"#, vec![], 0),
            (r#"{"code":0}"#, vec![], 0),
            (r#"{"reply":""}"#, vec![], 0),
            (r#"{"reply":[]}"#, vec![], 0),
            ("", vec![], 0),
            ("  \n", vec![], 0),
        ] {
            let expected: Vec<String> = actions.into_iter().map(str::to_owned).collect();
            assert_eq!(asked(answer), (expected, ignored), "{answer}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_ignored_alone_and_said_once() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let many = format!(r#"{{"reply":{}}}"#, json!(vec!["x"; WEBHOOK_REPLIES + 1]));
        for (answer, actions) in [
            (r#""hello""#, vec![]),
            ("[1]", vec![]),
            ("hello", vec![]),
            ("{", vec![]),
            (&deep, vec![]),
            (&many, vec![]),
            (r#"{"reply":{"a":1}}"#, vec![]),
            (r#"{"reply":true,"shutup":1}"#, vec!["shutup 7 60"]),
            (r#"{"reply":["a",null,"b"]}"#, vec!["reply a", "reply b"]),
            (r#"{"shutup":1,"shutup_time":-5,"reply":"a"}"#, vec!["reply a"]),
            (r#"{"shutup":1,"shutup_time":1.5}"#, vec![]),
            (r#"{"shutup":2}"#, vec![]),
            (r#"{"kick":"yes"}"#, vec![]),
            (r#"{"media":7,"reply":"a"}"#, vec!["reply a"]),
        ] {
            let (found, ignored) = asked(answer);
            assert_eq!(found, actions, "{:.60}", answer);
            assert_eq!(ignored, 1, "{:.60}", answer);
        }
        let broken = read(b"{\"reply\":\"\xff\"}", &event(ChatKind::Group, MessageClass::Recv));
        assert_eq!((broken.actions.len(), broken.ignored.len()), (0, 1));
    }

    #[tokio::test]
    async fn media_come_behind_the_text_or_not_at_all() {
        let store = MediaStore::open(MediaConfig::default(), Arc::new(SystemClock)).unwrap();
        let media = store.put(b"a".to_vec(), None).await.unwrap();
        let path = store.path_of(&media).unwrap();
        for (reference, names, ignored) in [
            (path.to_str().unwrap(), vec!["reply", "send-media", "recall"], 0),
            ("/etc/passwd", vec!["reply", "recall"], 1),
            ("http://127.0.0.1:8080/a.png", vec!["reply", "recall"], 1),
        ] {
            let answer = json!({ "recall": 1, "media": reference, "reply": "a" }).to_string();
            let wishes = read(answer.as_bytes(), &event(ChatKind::Group, MessageClass::Recv));
            let wishes = wishes.with_media(&store, &mut Closing::never()).await;
            let found: Vec<_> = wishes.actions.iter().map(|action| action.body.name()).collect();
            assert_eq!((found, wishes.ignored.len()), (names, ignored), "{reference}");
        }
    }

    #[test]
    fn only_who_speaks_in_a_group_is_moderated_and_only_messages_are_answered() {
        let answer = br#"{"reply":"a","shutup":1,"kick":1}"#;
        for (kind, class) in [
            (ChatKind::Friend, MessageClass::Recv),
            (ChatKind::Discuss, MessageClass::Recv),
            (ChatKind::Group, MessageClass::Send),
        ] {
            let wishes = read(answer, &event(kind, class));
            assert_eq!((wishes.actions.len(), wishes.ignored.len()), (1, 2), "{kind}");
        }
        let mut login = event(ChatKind::Group, MessageClass::Recv);
        login.body = EventBody::Login { scanned: false };
        let wishes = read(answer, &login);
        assert_eq!((wishes.actions.len(), wishes.ignored.len()), (0, 1));
    }
}
