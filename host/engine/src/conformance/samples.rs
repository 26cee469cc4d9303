//! The events that a conformance guest is sent, and what it must say of itself and ask for.

use mynah_model::Attrs;
use mynah_model::action::{Action, ActionBody, Outcome, Target, When};
use mynah_model::address::ChatKind;
use mynah_model::event::{
    AccountState, ActionResult, Chat, Event, EventBody, EventKind, FetchResponse, Membership,
    MembershipCause, Mute, PropertyChange, PropertyOwner, Recall, Request,
};
use mynah_model::message::{Media, Message, MessageClass, MessageSource, Segment, flatten};
use mynah_model::names::{NameError, Seq};
use mynah_model::roster::{Person, Role};
use mynah_model::script::{Ask, Command, Filter, ScriptInfo};
use serde_json::{Value, json};

/// The number of the first event is one more.
const SEQ: u64 = 9_007_199_254_740_900;

/// One event of every kind, in the order of [`EventKind::ALL`].
pub(super) fn events() -> Result<Vec<Event>, NameError> {
    let script = "conformance".parse::<mynah_model::names::ScriptName>()?;
    let account = "qq".parse::<mynah_model::names::AccountName>()?;
    let bodies = vec![
        (Some(group()), EventBody::MessageReceived(received())),
        (Some(stranger()), EventBody::MessageSent(sent())),
        (Some(group()), EventBody::GroupNotice { author: Some(ada()), text: "明天开会".into() }),
        (None, EventBody::FriendJoined { who: gray() }),
        (None, EventBody::FriendLost { who: gray() }),
        (Some(group()), EventBody::GroupJoined(membership(me(), Some(ada()), MembershipCause::Invited))),
        (Some(group()), EventBody::GroupLost(membership(me(), None, MembershipCause::Dissolved))),
        (Some(discuss()), EventBody::DiscussJoined(membership(me(), None, MembershipCause::Joined))),
        (Some(discuss()), EventBody::DiscussLost(membership(me(), None, MembershipCause::Left))),
        (Some(group()), EventBody::MemberJoined(membership(gray(), None, MembershipCause::Unknown))),
        (Some(group()), EventBody::MemberLost(membership(gray(), Some(ada()), MembershipCause::Kicked))),
        (
            Some(group()),
            EventBody::PropertyChanged(PropertyChange {
                owner: PropertyOwner::GroupMember,
                who: Some(gray()),
                property: "card".into(),
                old: None,
                new: Some("新名片".into()),
            }),
        ),
        (Some(group()), EventBody::Muted(Mute { member: Some(gray()), seconds: Some(600), by: Some(ada()) })),
        (Some(group()), EventBody::Unmuted(Mute { member: None, seconds: None, by: None })),
        (
            Some(group()),
            EventBody::Recalled(Recall { message_id: "m-1".into(), sender: Some(gray()), by: Some(ada()) }),
        ),
        (None, EventBody::FriendRequest(request("r-1", gray(), "你好"))),
        (Some(group()), EventBody::GroupRequest(request("r-2", gray(), ""))),
        (Some(group()), EventBody::GroupInvite(request("r-3", ada(), "come"))),
        (None, EventBody::AccountState { old: AccountState::Scaning, new: AccountState::Confirming }),
        (None, EventBody::Login { scanned: true }),
        (None, EventBody::Stopped),
        (None, EventBody::QrCode { text: "https://example.org/qr".into(), path: Some("data/qr.png".into()) }),
        (
            Some(friend()),
            EventBody::TimerFired {
                script: script.clone(),
                tag: "t1".into(),
                due: -1,
                payload: Some("payload".into()),
            },
        ),
        (
            Some(friend()),
            EventBody::FetchFinished {
                script: script.clone(),
                tag: "f1".into(),
                response: Ok(FetchResponse {
                    status: 404,
                    headers: vec![("content-type".into(), "text/plain".into()), ("x-a".into(), "b".into())],
                    body: vec![0, 10, 255],
                }),
            },
        ),
        (
            Some(group()),
            EventBody::ActionResult(ActionResult {
                script,
                tag: Some("a-1".into()),
                action: "send-media".into(),
                outcome: Outcome::DryRun,
                code: "dry-run".into(),
                text: "noted down, not done".into(),
                message_id: Some("m-9".into()),
            }),
        ),
        (
            Some(chat(ChatKind::Other, "x/y", "system")),
            EventBody::Other { kind: "poke".into(), json: r#"{"from":"20001"}"#.into() },
        ),
    ];
    let events = (1_u64..).zip(bodies).map(|(number, (chat, body))| {
        let caused = number % 2 == 0;
        Event {
            seq: Seq(SEQ + number),
            account: account.clone(),
            network: "sim".into(),
            self_id: "10000".into(),
            time: 1_700_000_000_123,
            received_at: 1_700_000_000_456,
            cause: caused.then_some(Seq(SEQ + number - 1)),
            depth: u32::from(caused),
            by_script: None,
            chat,
            body,
            attrs: if number == 1 { attrs([("note", json!("é"))]) } else { Attrs::new() },
        }
    });
    Ok(events.collect())
}

/// What the guest must say of itself.
pub(super) fn info() -> ScriptInfo {
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
            Filter { events: EventKind::ALL.to_vec(), ..Filter::default() },
            Filter {
                events: Vec::new(),
                chats: vec![
                    ChatKind::Friend,
                    ChatKind::Group,
                    ChatKind::Discuss,
                    ChatKind::Temporary,
                    ChatKind::Other,
                ],
                commands: vec!["actions".into()],
                pattern_sets: vec!["words".into()],
                attrs: attrs([("note", json!(1))]),
            },
        ],
        asks: vec![Ask { name: "kick".into(), reason: "to show that asks arrive".into() }],
        attrs: attrs([("contract", json!("0.1"))]),
    }
}

/// What the guest must ask for when it is sent `/actions`.
pub(super) fn actions() -> Result<Vec<Action>, NameError> {
    let here = Target { account: None, kind: ChatKind::Group, id: "552603".into(), via: None };
    let there = Target {
        account: Some("wx".parse()?),
        kind: ChatKind::Temporary,
        id: "20005".into(),
        via: Some("group/552603".into()),
    };
    let schedule = |when, tag: &str, payload: Option<&str>| ActionBody::Schedule {
        when,
        tag: tag.into(),
        payload: payload.map(str::to_owned),
    };
    let gray = || vec!["20001".to_owned()];
    let mut first = segments();
    if let Some(Segment::Text { text }) = first.first_mut() {
        *text = "你好 👋".into();
    }
    let bodies = vec![
        (None, ActionBody::Reply { segments: first, quote: true }),
        (Some(there), ActionBody::Send { segments: vec![Segment::text("hi")] }),
        (None, ActionBody::SendMedia { media: picture() }),
        (
            Some(here.clone()),
            ActionBody::Shutup { members: vec!["20001".into(), "20002".into()], seconds: 600 },
        ),
        (None, ActionBody::Unshutup { members: gray() }),
        (None, ActionBody::ShutupAll { on: true }),
        (None, ActionBody::Kick { members: gray(), reject_again: true }),
        (None, ActionBody::Recall { message_id: "m-1".into() }),
        (None, ActionBody::SetCard { member: "20001".into(), card: String::new() }),
        (None, ActionBody::SetGroupName { name: "新群名".into() }),
        (Some(here), ActionBody::Invite { friends: vec!["20003".into()] }),
        (
            None,
            ActionBody::AnswerRequest {
                request_id: "r-1".into(),
                from: None,
                approve: false,
                text: Some("no".into()),
            },
        ),
        (
            None,
            schedule(
                When::Cron { pattern: "*/5 * * * *".into(), zone: Some("Asia/Shanghai".into()) },
                "t1",
                Some("p"),
            ),
        ),
        (None, ActionBody::Cancel { tag: "t1".into() }),
        (
            None,
            ActionBody::Fetch {
                tag: "f1".into(),
                method: "POST".into(),
                url: "https://example.org/x".into(),
                headers: vec![("content-type".into(), "text/plain".into())],
                body: Some(vec![0, 1, 255]),
                secret: None,
            },
        ),
        (None, ActionBody::Stop),
        (None, ActionBody::Other { kind: "poke".into(), json: r#"{"id":1}"#.into() }),
        (None, schedule(When::AfterMs(90_000), "t2", None)),
        (None, schedule(When::At(1_700_000_060_000), "t3", None)),
        (None, schedule(When::Other { kind: "lunar".into(), json: "{}".into() }, "t4", None)),
    ];
    let actions = (1..).zip(bodies).map(|(number, (target, body))| Action {
        target,
        body,
        tag: Some(format!("tag-{number}")),
        tell_result: number % 2 == 0,
        reason: Some(format!("reason {number}")),
    });
    Ok(actions.collect())
}

fn attrs<const N: usize>(attrs: [(&str, Value); N]) -> Attrs {
    attrs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn gray() -> Person {
    Person {
        id: "20001".into(),
        uid: Some("3001".into()),
        name: "小灰".into(),
        markname: Some("灰灰".into()),
        role: Some(Role::Member),
        attrs: attrs([("sex", json!("male"))]),
        ..Person::default()
    }
}

fn ada() -> Person {
    Person {
        id: "20002".into(),
        name: "Ada".into(),
        card: Some("阿达".into()),
        role: Some(Role::Admin),
        ..Person::default()
    }
}

fn me() -> Person {
    Person { id: "10000".into(), name: "mynah".into(), role: Some(Role::Owner), ..Person::default() }
}

fn chat(kind: ChatKind, id: &str, name: &str) -> Chat {
    Chat { kind, id: id.into(), name: name.into(), via: None, attrs: Attrs::new() }
}

fn group() -> Chat {
    chat(ChatKind::Group, "552603", "测试群")
}

fn discuss() -> Chat {
    chat(ChatKind::Discuss, "7001", "")
}

fn friend() -> Chat {
    chat(ChatKind::Friend, "20001", "小灰")
}

fn stranger() -> Chat {
    Chat {
        via: Some("group/552603".into()),
        attrs: attrs([("met", json!({"days": 2})), ("vip", json!(6))]),
        ..chat(ChatKind::Temporary, "20005", "stranger")
    }
}

fn picture() -> Media {
    Media {
        id: Some("m1".into()),
        url: Some("https://example.org/a.png".into()),
        path: Some("a.png".into()),
        name: Some("a.png".into()),
        mime: Some("image/png".into()),
        size: Some(9_007_199_254_740_991),
        attrs: attrs([("width", json!(640))]),
    }
}

/// One segment of every kind.
fn segments() -> Vec<Segment> {
    vec![
        Segment::text("/roll 2d6 "),
        Segment::Mention { id: "20001".into(), name: "灰灰".into() },
        Segment::MentionAll,
        Segment::Image(picture()),
        Segment::Face { id: "14".into(), name: "微笑".into() },
        Segment::Voice(Media { path: Some("v.silk".into()), ..Media::default() }),
        Segment::Video(Media { url: Some("https://example.org/v.mp4".into()), ..Media::default() }),
        Segment::File(Media { id: Some("f1".into()), size: Some(0), ..Media::default() }),
        Segment::ReplyTo { id: "m-0".into() },
        Segment::AppCard { data: r#"{"app":1}"#.into() },
        Segment::Other { kind: "poke".into(), json: "{}".into() },
    ]
}

fn received() -> Message {
    let segments = segments();
    Message {
        id: "m-1".into(),
        sender: gray(),
        text: flatten(&segments),
        segments,
        class: MessageClass::Recv,
        source: MessageSource::Person,
        attrs: attrs([("font", json!("宋体"))]),
    }
}

fn sent() -> Message {
    Message {
        id: "m-2".into(),
        sender: me(),
        segments: vec![Segment::text("👋")],
        text: "👋".into(),
        class: MessageClass::Send,
        source: MessageSource::Webhook,
        attrs: Attrs::new(),
    }
}

fn membership(who: Person, by: Option<Person>, cause: MembershipCause) -> Membership {
    Membership { who, by, cause }
}

fn request(id: &str, from: Person, text: &str) -> Request {
    Request { id: id.into(), from, text: text.into() }
}
