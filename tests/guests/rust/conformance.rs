//! The conformance guest in Rust: says of every event what the bindings made of it, and asks for every action. What it
//! must do, and why, stands in `host/engine/src/conformance.rs`.

use std::fmt::Debug;

use mynah_sdk::bindings::mynah::script::types::*;
use mynah_sdk::bindings::{self, Guest};

struct Conformance;

bindings::export!(Conformance);

impl Guest for Conformance {
    fn describe() -> ScriptInfo {
        let every_kind = vec![
            EventKind::MessageReceived,
            EventKind::MessageSent,
            EventKind::GroupNotice,
            EventKind::FriendJoined,
            EventKind::FriendLost,
            EventKind::GroupJoined,
            EventKind::GroupLost,
            EventKind::DiscussJoined,
            EventKind::DiscussLost,
            EventKind::MemberJoined,
            EventKind::MemberLost,
            EventKind::PropertyChanged,
            EventKind::Muted,
            EventKind::Unmuted,
            EventKind::Recalled,
            EventKind::FriendRequest,
            EventKind::GroupRequest,
            EventKind::GroupInvite,
            EventKind::AccountState,
            EventKind::Login,
            EventKind::Stopped,
            EventKind::QrCode,
            EventKind::TimerFired,
            EventKind::FetchFinished,
            EventKind::ActionResult,
            EventKind::Other,
        ];
        let every_chat =
            vec![ChatKind::Friend, ChatKind::Group, ChatKind::Discuss, ChatKind::Temporary, ChatKind::Other];
        ScriptInfo {
            name: "conformance".into(),
            version: "0.1.0".into(),
            summary: "echoes every event".into(),
            settings_schema: Some(r#"{"type":"object"}"#.into()),
            commands: vec![Command {
                name: "actions".into(),
                aliases: vec!["动作".into()],
                usage: "[count]".into(),
                help: "returns every action".into(),
                role: Role::Admin,
            }],
            wants: vec![
                Filter {
                    events: every_kind,
                    chats: vec![],
                    commands: vec![],
                    pattern_sets: vec![],
                    attrs: vec![],
                },
                Filter {
                    events: vec![],
                    chats: every_chat,
                    commands: vec!["actions".into()],
                    pattern_sets: vec!["words".into()],
                    attrs: vec![attr("note", "1")],
                },
            ],
            asks: vec![Ask { name: "kick".into(), reason: "to show that asks arrive".into() }],
            attrs: vec![attr("contract", r#""0.1""#)],
        }
    }

    fn handle(event: Event) -> Result<Vec<Action>, String> {
        if let EventBody::MessageReceived(message) = &event.body
            && message.command.as_ref().is_some_and(|command| command.name == "actions")
        {
            return Ok(actions());
        }
        let body = event.body.flat();
        let kind = body.split(':').next().unwrap_or_default();
        let chat = event.chat.as_ref().map_or("-".into(), |chat| format!("{}/{}", chat.kind.flat(), chat.id));
        let text = format!("{kind} {} {} {chat} {}", event.seq, event.account, event.flat());
        Ok(vec![Action {
            body: ActionBody::Reply(Reply { segments: vec![Segment::Text(text)], quote: false }),
            tag: None,
            tell_result: false,
            reason: None,
            attrs: vec![],
        }])
    }
}

fn actions() -> Vec<Action> {
    let here = || Some(Target { account: None, kind: ChatKind::Group, id: "552603".into(), via: None });
    let there = Target {
        account: Some("wx".into()),
        kind: ChatKind::Temporary,
        id: "20005".into(),
        via: Some("group/552603".into()),
    };
    let gray = || vec!["20001".to_owned()];
    let schedule = |when, tag: &str, payload: Option<&str>| {
        ActionBody::Schedule(Schedule { when, tag: tag.into(), payload: payload.map(str::to_owned) })
    };
    let cron = Cron { pattern: "*/5 * * * *".into(), zone: Some("Asia/Shanghai".into()) };
    let bodies = vec![
        ActionBody::Reply(Reply { segments: every_segment(), quote: true }),
        ActionBody::Send(Send { to: there, segments: vec![Segment::Text("hi".into())] }),
        ActionBody::SendMedia(SendMedia { to: None, media: picture() }),
        ActionBody::Shutup(Shutup {
            in_: here(),
            members: vec!["20001".into(), "20002".into()],
            seconds: 600,
        }),
        ActionBody::Unshutup(Unshutup { in_: None, members: gray() }),
        ActionBody::ShutupAll(ShutupAll { in_: None, on: true }),
        ActionBody::Kick(Kick { in_: None, members: gray(), reject_again: true }),
        ActionBody::Recall(RecallMessage { in_: None, message_id: "m-1".into() }),
        ActionBody::SetCard(SetCard { in_: None, member: "20001".into(), card: String::new() }),
        ActionBody::SetGroupName(SetGroupName { in_: None, name: "新群名".into() }),
        ActionBody::Invite(Invite { in_: here(), friends: vec!["20003".into()] }),
        ActionBody::AnswerRequest(AnswerRequest {
            request_id: "r-1".into(),
            approve: false,
            text: Some("no".into()),
        }),
        schedule(When::Cron(cron), "t1", Some("p")),
        ActionBody::Cancel("t1".into()),
        ActionBody::Fetch(Fetch {
            tag: "f1".into(),
            method: "POST".into(),
            url: "https://example.org/x".into(),
            headers: vec![Header { name: "content-type".into(), value: "text/plain".into() }],
            body: Some(vec![0, 1, 255]),
        }),
        ActionBody::Stop,
        ActionBody::Other(Other { kind: "poke".into(), json: r#"{"id":1}"#.into() }),
        schedule(When::AfterMs(90_000), "t2", None),
        schedule(When::At(1_700_000_060_000), "t3", None),
        schedule(When::Other(Other { kind: "lunar".into(), json: "{}".into() }), "t4", None),
    ];
    let numbered = (1..).zip(bodies);
    numbered
        .map(|(number, body)| Action {
            body,
            tag: Some(format!("tag-{number}")),
            tell_result: number % 2 == 0,
            reason: Some(format!("reason {number}")),
            attrs: vec![],
        })
        .collect()
}

fn every_segment() -> Vec<Segment> {
    let media =
        || Media { id: None, url: None, path: None, name: None, mime: None, size: None, attrs: vec![] };
    vec![
        Segment::Text("你好 👋".into()),
        Segment::Mention(Mention { id: "20001".into(), name: "灰灰".into() }),
        Segment::MentionAll,
        Segment::Image(picture()),
        Segment::Face(Face { id: "14".into(), name: "微笑".into() }),
        Segment::Voice(Media { path: Some("v.silk".into()), ..media() }),
        Segment::Video(Media { url: Some("https://example.org/v.mp4".into()), ..media() }),
        Segment::File(Media { id: Some("f1".into()), size: Some(0), ..media() }),
        Segment::ReplyTo("m-0".into()),
        Segment::AppCard(r#"{"app":1}"#.into()),
        Segment::Other(Other { kind: "poke".into(), json: "{}".into() }),
    ]
}

fn picture() -> Media {
    Media {
        id: Some("m1".into()),
        url: Some("https://example.org/a.png".into()),
        path: Some("a.png".into()),
        name: Some("a.png".into()),
        mime: Some("image/png".into()),
        size: Some(9_007_199_254_740_991),
        attrs: vec![attr("width", "640")],
    }
}

fn attr(name: &str, value: &str) -> Attr {
    Attr { name: name.into(), value: value.into() }
}

/// A value of the contract as one line of text.
trait Flat {
    fn flat(&self) -> String;
}

impl Flat for String {
    fn flat(&self) -> String {
        self.clone()
    }
}

impl<T: Flat> Flat for Option<T> {
    fn flat(&self) -> String {
        self.as_ref().map_or("-".into(), T::flat)
    }
}

impl<T: Flat> Flat for Vec<T> {
    fn flat(&self) -> String {
        format!("[{}]", self.iter().map(T::flat).collect::<Vec<_>>().join(" "))
    }
}

impl<T: Flat, E: Flat> Flat for Result<T, E> {
    fn flat(&self) -> String {
        match self {
            Ok(value) => format!("ok:{}", value.flat()),
            Err(error) => format!("err:{}", error.flat()),
        }
    }
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Flat for $type {
            fn flat(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

plain!(bool, u8, u16, u32, u64, i64);

macro_rules! records {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl Flat for $type {
            fn flat(&self) -> String {
                format!("({})", [$(self.$field.flat()),*].join(" "))
            }
        }
    )*};
}

records! {
    Attr { name, value }
    Other { kind, json }
    Chat { kind, id, name, via, attrs }
    Person { id, uid, name, markname, card, role, attrs }
    Mention { id, name }
    Face { id, name }
    Media { id, url, path, name, mime, size, attrs }
    Invocation { name, rest }
    Message { id, sender, segments, text, command, class, source, attrs }
    GroupNotice { author, text }
    Membership { who, by, cause }
    PropertyChange { owner, who, property, old, new }
    Mute { member, seconds, by }
    Recall { message_id, sender, by }
    Request { id, from, text }
    StateChange { old, new }
    Login { scanned }
    QrCode { text, path }
    Timer { tag, due, payload }
    Header { name, value }
    FetchResponse { status, headers, body }
    FetchFinished { tag, response }
    ActionResult { tag, action, outcome, code, text, message_id }
    Event { seq, account, network, self_id, time, received_at, cause, depth, chat, body, attrs }
}

macro_rules! enums {
    ($($type:ident),*) => {$(
        impl Flat for $type {
            fn flat(&self) -> String {
                kebab(self)
            }
        }
    )*};
}

enums!(ChatKind, Role, MessageClass, MessageSource, MembershipCause, PropertyOwner, AccountState, Outcome);

macro_rules! variants {
    ($($type:ident { $($case:ident),*; $($empty:ident),* })*) => {$(
        impl Flat for $type {
            fn flat(&self) -> String {
                match self {
                    $(Self::$case(value) => format!("{}:{}", kebab(stringify!($case)), value.flat()),)*
                    $(Self::$empty => kebab(stringify!($empty)),)*
                }
            }
        }
    )*};
}

variants! {
    Segment { Text, Mention, Image, Face, Voice, Video, File, ReplyTo, AppCard, Other; MentionAll }
    EventBody {
        MessageReceived, MessageSent, GroupNotice, FriendJoined, FriendLost, GroupJoined, GroupLost, DiscussJoined,
        DiscussLost, MemberJoined, MemberLost, PropertyChanged, Muted, Unmuted, Recalled, FriendRequest, GroupRequest,
        GroupInvite, AccountState, Login, QrCode, TimerFired, FetchFinished, ActionResult, Other;
        Stopped
    }
}

/// The name of a case as the contract spells it: `Role::GroupMember` is `group-member`.
fn kebab(case: impl Debug) -> String {
    let name = format!("{case:?}");
    let name = name.trim_matches('"').rsplit("::").next().unwrap_or_default().to_owned();
    let mut kebab = String::new();
    for (place, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && place > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}
