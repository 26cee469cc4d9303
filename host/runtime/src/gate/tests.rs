//! What the gate grants and refuses.

use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::event::{Chat, EventBody};
use mynah_model::message::{Message, MessageClass, MessageSource};
use mynah_model::names::ReleaseId;
use mynah_model::roster::{Group, Person, Role};

use super::*;
use crate::grants::{Counted, Mode};
use crate::pause::Pauses;

const NOW: UnixMs = 1_000_000_000;

fn event(depth: u32, time: UnixMs) -> Event {
    let message = Message {
        id: "m1".into(),
        sender: Person::default(),
        segments: vec![Segment::text("hi")],
        text: "hi".into(),
        class: MessageClass::Recv,
        source: MessageSource::Person,
        attrs: Attrs::new(),
    };
    Event {
        seq: Seq(7),
        account: "qq".parse().unwrap(),
        network: "sim".into(),
        self_id: "me".into(),
        time,
        received_at: time,
        cause: None,
        depth,
        by_script: None,
        chat: Some(Chat {
            kind: ChatKind::Group,
            id: "g".into(),
            name: String::new(),
            via: None,
            attrs: Attrs::new(),
        }),
        body: EventBody::MessageReceived(message),
        attrs: Attrs::new(),
    }
}

fn roster() -> Roster {
    let person = |id: &str, role| Person { id: id.into(), role: Some(role), ..Person::default() };
    let members = [person("me", Role::Owner), person("m", Role::Member)].into_iter().collect();
    let groups = ["g", "other"].into_iter().map(|id| Group {
        id: id.into(),
        members: Clone::clone(&members),
        ..Group::default()
    });
    Roster { user: Arc::new(person("me", Role::Owner)), groups: groups.collect(), ..Roster::default() }
}

struct Case {
    sightings: Sightings,
    outbox_bytes: usize,
    grants: Option<Grants>,
    event: Option<Event>,
    embedded: bool,
    state: AccountState,
    budgets: Budgets,
}

impl Case {
    fn script() -> Self {
        let allow = ["reply", "send", "kick", "schedule"].into_iter().map(str::to_owned).collect();
        let grants = Grants { listed: true, allow, ..Grants::unlisted() };
        Self { grants: Some(grants), ..Self::caller() }.on(event(0, NOW))
    }

    fn caller() -> Self {
        Self {
            sightings: Sightings::default(),
            outbox_bytes: 0,
            grants: None,
            event: None,
            embedded: false,
            state: AccountState::Running,
            budgets: Budgets::default(),
        }
    }

    fn on(mut self, event: Event) -> Self {
        self.event = Some(event);
        self
    }

    fn decide(&self, action: Action) -> Verdict {
        let actor = match &self.grants {
            Some(_) => Actor::Script { name: "s".parse().unwrap(), release: ReleaseId([0; 32]) },
            None => Actor::Api,
        };
        let (name, roster) = ("qq".parse().unwrap(), roster());
        let account = ActingAccount {
            name: &name,
            roster: &roster,
            sightings: &self.sightings,
            state: self.state,
            embedded: self.embedded,
            outbox: 0,
            outbox_bytes: self.outbox_bytes,
        };
        let occasion = Occasion {
            actor: &actor,
            grants: self.grants.as_ref(),
            event: self.event.as_ref(),
            now: NOW,
            max_action_age_ms: 300_000,
            pauses: &Pauses::default(),
        };
        decide(&occasion, Some(&account), &self.budgets, ActNumber(1), action)
    }

    fn code(&self, action: Action) -> &'static str {
        match self.decide(action) {
            Verdict::Refused(refusal) => refusal.code.as_str(),
            Verdict::DryRun(_) => "dry-run",
            _ => "granted",
        }
    }
}

fn reply() -> Action {
    Action::new(ActionBody::Reply { segments: vec![Segment::text("pong")], quote: true })
}

fn send(kind: ChatKind, id: &str) -> Action {
    let target = Target { account: None, kind, id: id.into(), via: None };
    Action { target: Some(target), ..Action::new(ActionBody::Send { segments: vec![Segment::text("hi")] }) }
}

#[test]
fn a_reply_becomes_a_send_in_the_chat_of_the_event() {
    let Verdict::Granted(act) = Case::script().decide(reply()) else { panic!("not granted") };
    assert_eq!(act.address().to_string(), "qq/group/g");
    let ActionBody::Send { segments } = &act.body else { panic!("{:?}", act.body) };
    assert_eq!(segments.first(), Some(&Segment::ReplyTo { id: "m1".into() }));
    assert_eq!((act.depth, act.cause), (1, Some(Seq(7))));
}

#[test]
fn what_is_not_granted_is_refused_with_the_line_to_write() {
    let recall = Action::new(ActionBody::Recall { message_id: "m1".into() });
    let Verdict::Refused(refusal) = Case::script().decide(recall) else { panic!("granted") };
    assert_eq!(refusal.code, Code::GrantMissing);
    assert!(refusal.hint.unwrap().contains("`allow` under `[script.s]`"));
}

#[test]
fn another_chat_needs_a_grant_and_must_exist() {
    let mut case = Case::script();
    assert_eq!(case.code(send(ChatKind::Group, "g")), "granted", "the chat of the event");
    assert_eq!(case.code(send(ChatKind::Group, "other")), "grant.chat");
    case.grants.as_mut().unwrap().chats = vec!["qq/group/*".parse().unwrap()];
    assert_eq!(case.code(send(ChatKind::Group, "other")), "granted");
    assert_eq!(case.code(send(ChatKind::Group, "nowhere")), "chat.unknown");
    assert_eq!(case.code(send(ChatKind::Friend, "f")), "grant.chat");
}

#[test]
fn chains_and_late_events_are_cut() {
    assert_eq!(Case::script().on(event(2, NOW)).code(reply()), "granted");
    assert_eq!(Case::script().on(event(3, NOW)).code(reply()), "loop.depth");
    assert_eq!(Case::script().on(event(0, NOW - 300_000)).code(reply()), "granted");
    assert_eq!(Case::script().on(event(0, NOW - 300_001)).code(reply()), "action.expired");
}

#[test]
fn a_timer_makes_no_new_event_of_an_old_one() {
    let schedule = || {
        let when = When::AfterMs(0);
        Action::new(ActionBody::Schedule { when, tag: "t".into(), payload: None })
    };
    assert_eq!(Case::script().on(event(0, NOW - 300_000)).code(schedule()), "granted");
    assert_eq!(Case::script().on(event(0, NOW - 300_001)).code(schedule()), "action.expired");
}

#[test]
fn a_script_reaches_people_whom_the_roster_has_not_only_where_they_were_met() {
    let mut case = Case::script();
    case.grants.as_mut().unwrap().chats = vec!["qq".parse().unwrap()];
    let temporary = |id: &str, via: &str| {
        let mut action = send(ChatKind::Temporary, id);
        action.target.as_mut().unwrap().via = Some(via.to_owned());
        action
    };
    assert_eq!(case.code(temporary("m", "group/g")), "granted");
    for (id, via) in [("0m", "group/g"), ("m", "group/0g"), ("m", "discuss/g"), ("m", "g")] {
        assert_eq!(case.code(temporary(id, via)), "chat.unknown", "{id} {via}");
    }
    assert_eq!(case.code(send(ChatKind::Other, "m")), "chat.unknown");
    assert_eq!(Case::caller().code(temporary("m", "group/0g")), "granted", "callers name what they like");
}

#[test]
fn acts_that_wait_are_bounded_by_their_bytes_too() {
    let at = |outbox_bytes| Case { outbox_bytes, ..Case::script() }.code(reply());
    assert_eq!(at(limits::OUTBOX_BYTES - 1), "granted");
    assert_eq!(at(limits::OUTBOX_BYTES), "outbox.full");
}

#[test]
fn an_unlisted_script_is_live_on_the_embedded_network_only() {
    let unlisted = || Case { grants: Some(Grants::unlisted()), ..Case::caller() }.on(event(0, NOW));
    assert_eq!(unlisted().code(reply()), "dry-run");
    assert_eq!(Case { embedded: true, ..unlisted() }.code(reply()), "granted");
}

#[test]
fn a_budget_ends_and_a_dry_run_uses_none_of_it() {
    let mut case = Case::script();
    case.grants.as_mut().unwrap().budget = [(Counted::from("message"), "1/h".parse().unwrap())].into();
    assert_eq!([case.code(reply()), case.code(reply())], ["granted", "budget.exhausted"]);
    case.grants.as_mut().unwrap().mode = Mode::DryRun;
    assert_eq!(case.code(reply()), "dry-run");
}

fn kick(count: usize) -> Action {
    let target = send(ChatKind::Group, "g").target;
    let members = vec!["m".to_owned(); count];
    Action { target, ..Action::new(ActionBody::Kick { members, reject_again: false }) }
}

#[test]
fn a_script_that_nothing_is_said_of_kicks_six_people_a_minute() {
    let case = Case::script();
    let codes: Vec<_> = (0..7).map(|_| case.code(kick(1))).collect();
    assert_eq!(codes, [&["granted"; 6][..], &["budget.exhausted"]].concat());
    let Verdict::Refused(refusal) = case.decide(kick(1)) else { panic!("granted") };
    assert_eq!(
        refusal.hint.unwrap(),
        "raise `budget = { kick = \"6/min\" }` under `[script.s]` in mynah.toml"
    );
    let mut generous = Case::script();
    generous.grants.as_mut().unwrap().budget = [(Counted::from("kick"), "9/min".parse().unwrap())].into();
    assert_eq!([generous.code(kick(9)), generous.code(kick(1))], ["granted", "budget.exhausted"]);
}

#[test]
fn a_budget_per_chat_is_one_of_each_chat() {
    let mut case = Case::script();
    let grants = case.grants.as_mut().unwrap();
    grants.chats = vec!["qq/group/*".parse().unwrap()];
    let rates = [("message per chat", "1/h"), ("message", "3/h")];
    grants.budget = rates.map(|(key, rate)| (Counted::from(key), rate.parse().unwrap())).into();
    let codes: Vec<_> = ["g", "g", "other", "other"].map(|id| case.code(send(ChatKind::Group, id))).into();
    assert_eq!(codes, ["granted", "budget.exhausted", "granted", "budget.exhausted"]);
    let Verdict::Refused(refusal) = case.decide(send(ChatKind::Group, "g")) else { panic!("granted") };
    assert!(refusal.text.ends_with("its budget of 1/h for `message per chat`"), "{refusal}");
    assert!(refusal.hint.unwrap().contains("{ \"message per chat\" = \"1/h\" }"));
}

#[test]
fn a_reply_has_a_budget_of_its_own_name() {
    let mut case = Case::script();
    case.grants.as_mut().unwrap().budget = [(Counted::from("reply"), "1/h".parse().unwrap())].into();
    assert_eq!([case.code(reply()), case.code(reply())], ["granted", "budget.exhausted"]);
    assert_eq!(case.code(send(ChatKind::Group, "g")), "granted", "a send is no reply");
}

#[test]
fn an_account_kicks_thirty_people_a_minute_whoever_asks() {
    let mut case = Case::script();
    case.grants.as_mut().unwrap().budget = [(Counted::from("kick"), "100/min".parse().unwrap())].into();
    assert_eq!(case.code(kick(20)), "granted");
    let mut caller = Case { budgets: std::mem::take(&mut case.budgets), ..Case::caller() };
    assert_eq!([caller.code(kick(10)), caller.code(kick(1))], ["granted", "moderation.rate"]);
    case.budgets = std::mem::take(&mut caller.budgets);
    assert_eq!(case.code(kick(1)), "moderation.rate");
    // What is refused for anything else takes nothing of it.
    let refused = Case::script();
    let codes: Vec<_> = (0..60).map(|_| refused.code(kick(1))).collect();
    assert!(!codes.contains(&"moderation.rate"), "{codes:?}");
}

#[test]
fn what_is_done_to_people_says_why_and_on_what_evidence() {
    let Verdict::Granted(act) = Case::script().decide(kick(1)) else { panic!("refused") };
    assert_eq!((act.reason.as_deref(), act.cause), (Some("script:s gave no reason"), Some(Seq(7))));
    let Verdict::Granted(act) = Case::caller().decide(Action { reason: Some("spam".into()), ..kick(1) })
    else {
        panic!("refused")
    };
    assert_eq!((act.reason.as_deref(), act.cause), (Some("spam"), None));
}

#[test]
fn a_script_that_runs_dry_stops_nothing() {
    let stop = || Action::new(ActionBody::Stop);
    let mut case = Case::script();
    assert_eq!(case.decide(stop()), Verdict::Stop);
    case.grants.as_mut().unwrap().mode = Mode::DryRun;
    assert_eq!(case.code(stop()), "dry-run");
    case.event.as_mut().unwrap().chat = None;
    assert_eq!(case.code(stop()), "dry-run", "also where there is no chat");
    let unlisted = Case { grants: Some(Grants::unlisted()), ..Case::script() };
    assert_eq!(unlisted.code(stop()), "dry-run");
    assert_eq!(Case { embedded: true, ..unlisted }.decide(stop()), Verdict::Stop);
}

#[test]
fn callers_pass_the_same_gate() {
    let kick = |member: &str| Action {
        target: send(ChatKind::Group, "g").target,
        ..Action::new(ActionBody::Kick { members: vec![member.into()], reject_again: false })
    };
    assert_eq!(Case::caller().code(kick("m")), "granted");
    assert_eq!(Case::caller().code(kick("me")), "moderation.target");
    assert_eq!(Case::caller().code(reply()), "action.invalid", "there is no event to reply to");
    assert_eq!(Case { state: AccountState::Stop, ..Case::caller() }.code(kick("m")), "account.not-running");
}

#[test]
fn empty_and_impossible_values_are_named() {
    let case = Case::script();
    assert_eq!(
        case.code(Action::new(ActionBody::Reply { segments: vec![], quote: false })),
        "action.invalid"
    );
    let when = When::Cron { pattern: "nonsense".into(), zone: None };
    let schedule = ActionBody::Schedule { when, tag: "t".into(), payload: None };
    assert_eq!(case.code(Action::new(schedule)), "action.invalid");
    let nobody = ActionBody::Kick { members: vec![], reject_again: false };
    assert_eq!(case.code(Action::new(nobody)), "action.invalid");
}

#[test]
fn what_only_the_api_asks_for_passes_the_same_gate() {
    let target = |kind, id: &str, via: Option<&str>| {
        Some(Target { account: None, kind, id: id.into(), via: via.map(Into::into) })
    };
    let create = |friends: &[&str]| ActionBody::CreateGroup {
        friends: friends.iter().map(|id| (*id).into()).collect(),
        name: None,
    };
    let mark = |member: &str| ActionBody::SetMarkname { member: Some(member.into()), markname: "x".into() };
    let stick = ActionBody::Stick { on: true };
    let ask = ActionBody::MakeFriend { text: String::new() };
    let group = || target(ChatKind::Group, "g", None);
    for (target, body, expected) in [
        (None, create(&["a"]), "granted"),
        (None, create(&[]), "action.invalid"),
        (group(), mark("m"), "granted"),
        (group(), mark(""), "action.invalid"),
        (None, mark("m"), "action.invalid"),
        (target(ChatKind::Friend, "nobody", None), mark("m"), "chat.unknown"),
        (group(), stick.clone(), "granted"),
        (target(ChatKind::Group, "unknown", None), stick.clone(), "chat.unknown"),
        (target(ChatKind::Temporary, "m", Some("group/g")), ask.clone(), "granted"),
        (target(ChatKind::Temporary, "m", None), ask.clone(), "chat.unknown"),
        (None, ask.clone(), "action.invalid"),
    ] {
        let action = Action { target, ..Action::new(body) };
        assert_eq!(Case::caller().code(action.clone()), expected, "{action:?}");
        assert_eq!(Case::script().code(action.clone()), "grant.missing", "{action:?}");
        let mut stopped = Case::caller();
        stopped.state = AccountState::Stop;
        if expected == "granted" {
            assert_eq!(stopped.code(action), "account.not-running");
        }
    }
    let mut granted = Case::script();
    if let Some(grants) = &mut granted.grants {
        grants.allow.insert("stick".into());
        grants.budget.insert(Counted::from("stick"), "1/min".parse().unwrap());
    }
    assert_eq!(granted.code(Action::new(stick.clone())), "granted");
    assert_eq!(granted.code(Action::new(stick)), "budget.exhausted");
}

fn chat(id: &str) -> Chat {
    Chat { kind: ChatKind::Group, id: id.into(), name: String::new(), via: None, attrs: Attrs::new() }
}

/// A script that may do anything with messages and requests, and one message in each of two groups.
fn case_of_ids() -> Case {
    let mut case = Case::script();
    if let Some(grants) = &mut case.grants {
        grants.allow.extend(["recall", "answer-request", "send-media"].map(str::to_owned));
    }
    let said = |id: &str| {
        let mut event = event(0, NOW);
        if let EventBody::MessageReceived(message) = &mut event.body {
            message.id = id.into();
        }
        event.body
    };
    case.sightings.note(Some(&chat("g")), &said("here"));
    case.sightings.note(Some(&chat("other")), &said("there"));
    case
}

#[test]
fn a_script_takes_back_and_quotes_only_what_was_said_in_the_chat_that_it_acts_in() {
    let mut case = case_of_ids();
    let recall = |id: &str, chat: &str| Action {
        target: send(ChatKind::Group, chat).target,
        ..Action::new(ActionBody::Recall { message_id: id.into() })
    };
    let quote = |id: &str, chat: &str| Action {
        target: send(ChatKind::Group, chat).target,
        ..Action::new(ActionBody::Send {
            segments: vec![Segment::text("see"), Segment::ReplyTo { id: id.into() }],
        })
    };
    for named in [&recall as &dyn Fn(&str, &str) -> Action, &quote] {
        assert_eq!(case.code(named("m1", "g")), "granted", "the message of the event");
        assert_eq!(case.code(named("here", "g")), "granted");
        for id in ["there", "guessed", "here\0", "HERE"] {
            assert_eq!(case.code(named(id, "g")), "id.unseen", "{id}");
        }
        assert_eq!(case.code(named("there", "other")), "grant.chat");
    }
    case.grants.as_mut().unwrap().chats = vec!["qq/group/other".parse().unwrap()];
    assert_eq!(case.code(recall("there", "other")), "granted");
    assert_eq!(case.code(recall("m1", "other")), "id.unseen", "it was said here");
    // A reply holds segments of the script's own.
    let sneaky = ActionBody::Reply { segments: vec![Segment::ReplyTo { id: "there".into() }], quote: false };
    assert_eq!(case.code(Action::new(sneaky)), "id.unseen");
    let caller = Case { grants: None, event: None, ..case_of_ids() };
    assert_eq!(caller.code(recall("there", "g")), "granted", "what a caller names is the network's to judge");
}

#[test]
fn a_script_answers_only_requests_that_it_may_see() {
    let mut case = case_of_ids();
    let request = |id: &str| mynah_model::event::Request {
        id: id.into(),
        from: Person::default(),
        text: String::new(),
    };
    case.sightings.note(Some(&chat("g")), &EventBody::GroupRequest(request("here")));
    case.sightings.note(Some(&chat("other")), &EventBody::GroupInvite(request("there")));
    case.sightings.note(None, &EventBody::FriendRequest(request("friend")));
    let answer = |id: &str| {
        Action::new(ActionBody::AnswerRequest {
            request_id: id.into(),
            from: None,
            approve: true,
            text: None,
        })
    };
    let codes = |case: &Case| ["here", "there", "friend", "guessed"].map(|id| case.code(answer(id)));
    assert_eq!(codes(&case), ["granted", "grant.chat", "grant.chat", "id.unseen"]);
    case.grants.as_mut().unwrap().chats = vec!["qq/group/*".parse().unwrap()];
    assert_eq!(codes(&case), ["granted", "granted", "grant.chat", "id.unseen"]);
    case.grants.as_mut().unwrap().chats = vec!["qq".parse().unwrap()];
    assert_eq!(codes(&case), ["granted", "granted", "granted", "id.unseen"]);
    // The request that is the event itself, whatever is remembered.
    case.event.as_mut().unwrap().body = EventBody::GroupRequest(request("this"));
    assert_eq!(case.code(answer("this")), "granted");
}

#[test]
fn media_by_url_come_from_where_the_script_may_fetch_or_from_the_message_itself() {
    let mut case = case_of_ids();
    let media = |url: &str| mynah_model::message::Media { url: Some(url.into()), ..Default::default() };
    let post = |url: &str| Action::new(ActionBody::SendMedia { media: media(url) });
    let show = |url: &str| {
        Action::new(ActionBody::Send { segments: vec![Segment::text("see"), Segment::Image(media(url))] })
    };
    case.grants.as_mut().unwrap().fetch.origins =
        vec!["https://a.test".parse::<crate::fetch::Origin>().unwrap().into()];
    if let EventBody::MessageReceived(message) = &mut case.event.as_mut().unwrap().body {
        message.segments.push(Segment::Image(media("https://cdn.test/picture?of=m1")));
    }
    for (url, expected) in [
        ("https://a.test/x.png", "granted"),
        ("https://cdn.test/picture?of=m1", "granted"),
        ("https://cdn.test/picture?of=what-was-said", "grant.fetch"),
        ("http://169.254.169.254/latest", "grant.fetch"),
        ("http://2130706433/", "action.invalid"),
        ("https://a.test@127.0.0.1/", "action.invalid"),
        ("file:///etc/passwd", "action.invalid"),
        ("base64://aGk=", "granted"),
        ("DATA:image/png;base64,aGk=", "granted"),
    ] {
        assert_eq!(case.code(post(url)), expected, "{url}");
        assert_eq!(case.code(show(url)), expected, "{url}");
    }
    let song = |json: &str| {
        let song = Segment::Other { kind: "music".into(), json: json.into() };
        Action::new(ActionBody::Send { segments: vec![song] })
    };
    for (json, expected) in [
        (r#"{"type":"163","id":"28949129"}"#, "granted"),
        (r#"{"type":"custom","title":"note: what was said","audio":"https://a.test/1.mp3"}"#, "granted"),
        (r#"{"type":"custom","audio":" HTTP://169.254.169.254/latest"}"#, "grant.fetch"),
        (r#"{"type":"custom","more":[{"image":"https://b.test/?said=this"}]}"#, "grant.fetch"),
        (r#"{"type":"custom","image":"//b.test/x"}"#, "action.invalid"),
        (r#"{"type":"custom","image":"file:///etc/passwd"}"#, "action.invalid"),
        ("{", "action.invalid"),
    ] {
        assert_eq!(case.code(song(json)), expected, "{json}");
    }
}
