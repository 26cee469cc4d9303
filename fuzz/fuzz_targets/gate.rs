//! Any action of any script on any event: what the gate grants is what the grants and the safety of moderation allow.
//! Written apart from the gate, so that both would have to be wrong in the same way.

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use mynah_model::Attrs;
use mynah_model::action::{Action, ActionBody, Actor, Target, When};
use mynah_model::address::{Address, ChatKind};
use mynah_model::event::{AccountState, Chat, Event, EventBody, Request};
use mynah_model::message::{Media, Message, MessageClass, MessageSource, Segment};
use mynah_model::names::{ActNumber, ReleaseId, Seq};
use mynah_model::roster::{Group, Person, Role, Roster};
use mynah_runtime::budget::Budgets;
use mynah_runtime::gate::{ActingAccount, Occasion, Verdict, decide};
use mynah_runtime::grants::{Counted, Grants, Mode};
use mynah_runtime::sightings::Sightings;

/// What happens, and what is asked for.
#[derive(Debug, Arbitrary)]
struct Scene {
    grants: Option<Granted>,
    own: Part,
    state: u8,
    embedded: bool,
    depth: u8,
    age_s: u16,
    asked: Vec<Asked>,
}

#[derive(Debug, Arbitrary)]
struct Granted {
    dry: bool,
    listed: bool,
    allow: u32,
    everywhere: bool,
    admins: bool,
    kicks: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Arbitrary)]
enum Part {
    Member,
    Admin,
    Owner,
    Unknown,
}

#[derive(Debug, Arbitrary)]
struct Asked {
    place: Place,
    what: What,
    tag: Option<String>,
}

#[derive(Debug, Arbitrary)]
enum Place {
    Here,
    Group,
    Elsewhere,
    Unknown,
    Friend,
    Temporary(bool),
    Other(String),
}

#[derive(Debug, Arbitrary)]
enum Who {
    Itself,
    Owner,
    Admin,
    Member,
    Other(String),
}

/// The id of a message or a request.
#[derive(Debug, Arbitrary)]
enum Named {
    This,
    Here,
    There,
    Other(String),
}

impl Named {
    fn id(&self, what: &str) -> String {
        match self {
            Self::This => "m-1".into(),
            Self::Here => format!("{what}-here"),
            Self::There => format!("{what}-there"),
            Self::Other(id) => id.clone(),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum What {
    Reply(Vec<String>),
    Send(Vec<String>),
    Media { url: Option<String>, path: Option<String> },
    Shutup(Vec<Who>, u32),
    Unshutup(Vec<Who>),
    ShutupAll(bool),
    Kick(Vec<Who>),
    Recall(Named),
    Quote(Named, Option<String>),
    SetCard(Who, String),
    SetGroupName(String),
    Invite(Vec<Who>),
    Answer(Named),
    CreateGroup(Vec<Who>),
    After(u64, String),
    At(i64, String),
    Cron(String, Option<String>, String),
    Cancel(String),
    Fetch(String, Option<String>),
    Stop,
    Other(String, String),
}

const NOW: i64 = 1_767_225_600_000;
const AGE_MS: i64 = 300_000;

fuzz_target!(|scene: Scene| {
    let (roster, account) = (roster(scene.own), "qq".parse().expect("a name"));
    let grants = scene.grants.as_ref().map(grants);
    let actor = match &grants {
        Some(_) => Actor::Script { name: "guest".parse().expect("a name"), release: ReleaseId([7; 32]) },
        None => Actor::Webhook,
    };
    let event = event(&scene);
    let states = [AccountState::Running, AccountState::Stop, AccountState::Loading];
    let state = states[usize::from(scene.state) % states.len()];
    let sightings = Sightings::default();
    for (place, id) in [("here", "said-here"), ("there", "said-there")] {
        sightings.note(Some(&chat(place)), &EventBody::MessageReceived(message(id)));
        let request = Request { id: format!("asked-{place}"), from: person("x", None), text: String::new() };
        sightings.note(Some(&chat(place)), &EventBody::GroupRequest(request));
    }
    let acting = ActingAccount {
        name: &account,
        roster: &roster,
        sightings: &sightings,
        state,
        embedded: scene.embedded,
        outbox: 0, outbox_bytes: 0,
    };
    let occasion = Occasion::unpaused(&actor, grants.as_ref(), Some(&event), NOW, AGE_MS);
    let budgets = Budgets::default();
    let mut kicked = 0;
    for (number, asked) in scene.asked.iter().take(64).enumerate() {
        let action = action(asked);
        let (name, asked_body) = (action.body.name(), action.body.clone());
        let number = ActNumber(number as u64 + 1);
        let verdict = decide(&occasion, Some(&acting), &budgets, number, action);
        let allowed = grants.as_ref().is_none_or(|grants| grants.allows(&asked_body));
        let act = match verdict {
            Verdict::Refused(refusal) => {
                assert!(!refusal.text.is_empty() && refusal.text.len() < 64 << 10);
                continue;
            }
            Verdict::Schedule { tag, .. } => {
                assert!(allowed && !tag.is_empty() && tag.len() <= 128);
                continue;
            }
            Verdict::Cancel { .. } => {
                assert!(allowed);
                continue;
            }
            Verdict::Stop => {
                assert!(!grants.as_ref().is_some_and(|grants| grants.runs_dry(scene.embedded)));
                continue;
            }
            Verdict::Paused(..) => panic!("nothing is paused"),
            Verdict::DryRun(act) => {
                assert!(grants.as_ref().is_some_and(|grants| grants.runs_dry(scene.embedded)));
                act
            }
            Verdict::Granted(act) => {
                assert!(!grants.as_ref().is_some_and(|grants| grants.runs_dry(scene.embedded)));
                if let (ActionBody::Kick { members, .. }, Some(Granted { kicks: Some(most), .. })) =
                    (&act.body, &scene.grants)
                {
                    kicked += members.len();
                    assert!(kicked <= usize::from((*most).max(1)), "past the budget");
                }
                act
            }
        };
        assert!(allowed, "{name} was not granted");
        assert_ne!(state, AccountState::Stop, "the account is stopped");
        assert!(event.depth < 3, "a chain of {}", event.depth);
        assert!(NOW - event.time <= AGE_MS, "too old");
        assert!(!matches!(act.body, ActionBody::Reply { .. } | ActionBody::Fetch { .. }));
        check_place(&act.target, grants.as_ref(), &roster);
        check_people(&act.body, &act.target, scene.own, grants.as_ref());
        check_named(&act.body, &act.target, grants.as_ref());
    }
});

/// Nothing is done in a chat that is neither the event's nor granted, nor in one that the account does not know.
fn check_place(target: &Option<Target>, grants: Option<&Grants>, roster: &Roster) {
    let Some(target) = target else { return };
    let here = target.kind == ChatKind::Group && target.id == "here";
    let account = "qq".parse().expect("a name");
    let address = Address::chat(account, target.kind, target.id.clone());
    assert!(here || grants.is_none_or(|grants| grants.reaches(&address)), "{address} was not granted");
    match target.kind {
        ChatKind::Group => assert!(roster.groups.get(&target.id).is_some()),
        ChatKind::Friend => assert!(roster.friends.get(&target.id).is_some()),
        _ => {}
    }
}

/// Nobody acts on the owner, on an admin unless it may, or on itself; nobody acts who may not; mutes have a length.
fn check_people(body: &ActionBody, target: &Option<Target>, own: Part, grants: Option<&Grants>) {
    let members = match body {
        ActionBody::Shutup { members, seconds } => {
            assert!((60..=2_592_000).contains(seconds), "{seconds} s");
            members
        }
        ActionBody::Unshutup { members } | ActionBody::Kick { members, .. } => members,
        _ => return,
    };
    assert_ne!(own, Part::Member, "the account may not moderate");
    assert!(target.as_ref().is_some_and(|target| target.kind == ChatKind::Group), "not in a group");
    assert!((1..=100).contains(&members.len()));
    for member in members {
        let admin = grants.is_some_and(|grants| grants.may_target_admins) && own == Part::Owner;
        assert!(member == "member" || (member == "admin" && admin), "acts on {member}");
    }
}

/// A script names only what was said and asked where it may act.
fn check_named(body: &ActionBody, target: &Option<Target>, grants: Option<&Grants>) {
    let Some(grants) = grants else { return };
    let said_there = |id: &str| {
        let place = target.as_ref().map(|target| target.id.as_str());
        let known = match place {
            Some("here") => id == "m-1" || id == "said-here",
            Some("there") => id == "said-there",
            _ => false,
        };
        assert!(known, "{id} was not said in {place:?}");
    };
    match body {
        ActionBody::Recall { message_id } => said_there(message_id),
        ActionBody::Send { segments } => segments.iter().for_each(|segment| match segment {
            Segment::ReplyTo { id } => said_there(id),
            Segment::Image(media) => check_media(media),
            _ => {}
        }),
        ActionBody::SendMedia { media } => check_media(media),
        ActionBody::AnswerRequest { request_id, .. } => {
            let there = "qq/group/there".parse().expect("an address");
            assert!(
                request_id == "asked-here" || (request_id == "asked-there" && grants.reaches(&there)),
                "{request_id}"
            );
        }
        _ => {}
    }
}

/// No place is granted to fetch from, so all media are here already.
fn check_media(media: &Media) {
    let inline = |url: &str| {
        url.to_ascii_lowercase().starts_with("data:") || url.to_ascii_lowercase().starts_with("base64:")
    };
    assert!(media.url.as_deref().is_none_or(inline), "{media:?}");
}

fn person(id: &str, role: Option<Role>) -> Person {
    Person { id: id.into(), name: id.into(), role, ..Person::default() }
}

fn roster(own: Part) -> Roster {
    let role = match own {
        Part::Member => Some(Role::Member),
        Part::Admin => Some(Role::Admin),
        Part::Owner => Some(Role::Owner),
        Part::Unknown => None,
    };
    let members = [
        person("me", role),
        person("owner", Some(Role::Owner)),
        person("admin", Some(Role::Admin)),
        person("member", Some(Role::Member)),
    ];
    let group =
        |id: &str| Group { id: id.into(), members: members.iter().cloned().collect(), ..Group::default() };
    Roster {
        user: Arc::new(person("me", role)),
        friends: [person("friend", None)].into_iter().collect(),
        groups: [group("here"), group("there")].into_iter().collect(),
        ..Roster::default()
    }
}

fn grants(granted: &Granted) -> Grants {
    let names = ActionBody::NAMES.iter().enumerate();
    let allow = names.filter(|(bit, _)| granted.allow >> bit & 1 == 1).map(|(_, name)| (*name).to_owned());
    let chats = if granted.everywhere { vec!["qq/*/*".parse().expect("a pattern")] } else { Vec::new() };
    let budget = granted
        .kicks
        .map(|count| (Counted::over_all("kick"), format!("{}/day", count.max(1)).parse().expect("a rate")));
    Grants {
        mode: if granted.dry { Mode::DryRun } else { Mode::Live },
        listed: granted.listed,
        allow: allow.collect(),
        chats,
        budget: budget.into_iter().collect::<BTreeMap<_, _>>(),
        may_target_admins: granted.admins,
        ..Grants::unlisted()
    }
}

fn message(id: &str) -> Message {
    Message {
        id: id.into(),
        sender: person("member", Some(Role::Member)),
        segments: vec![Segment::text("hi")],
        text: "hi".into(),
        class: MessageClass::Recv,
        source: MessageSource::Person,
        attrs: Attrs::new(),
    }
}

fn chat(id: &str) -> Chat {
    Chat { kind: ChatKind::Group, id: id.into(), name: String::new(), via: None, attrs: Attrs::new() }
}

fn event(scene: &Scene) -> Event {
    let time = NOW - i64::from(scene.age_s) * 1_000;
    Event {
        seq: Seq(7),
        account: "qq".parse().expect("a name"),
        network: "onebot".into(),
        self_id: "me".into(),
        time,
        received_at: time,
        cause: None,
        depth: u32::from(scene.depth % 6),
        by_script: None,
        chat: Some(chat("here")),
        body: EventBody::MessageReceived(message("m-1")),
        attrs: Attrs::new(),
    }
}

fn action(asked: &Asked) -> Action {
    let chat = |kind, id: &str, via: Option<&str>| {
        Some(Target { account: None, kind, id: id.into(), via: via.map(str::to_owned) })
    };
    let target = match &asked.place {
        Place::Here => None,
        Place::Group => chat(ChatKind::Group, "here", None),
        Place::Elsewhere => chat(ChatKind::Group, "there", None),
        Place::Unknown => chat(ChatKind::Group, "nowhere", None),
        Place::Friend => chat(ChatKind::Friend, "friend", None),
        Place::Temporary(via) => chat(ChatKind::Temporary, "member", via.then_some("here")),
        Place::Other(id) => chat(ChatKind::Other, id, None),
    };
    Action { target, body: body(&asked.what), tag: asked.tag.clone(), tell_result: false, reason: None }
}

fn ids(who: &[Who]) -> Vec<String> {
    who.iter().map(id).collect()
}

fn id(who: &Who) -> String {
    match who {
        Who::Itself => "me".into(),
        Who::Owner => "owner".into(),
        Who::Admin => "admin".into(),
        Who::Member => "member".into(),
        Who::Other(id) => id.clone(),
    }
}

fn body(what: &What) -> ActionBody {
    let texts = |texts: &[String]| texts.iter().map(|text| Segment::text(text.as_str())).collect();
    let schedule = |when, tag: &String| ActionBody::Schedule { when, tag: tag.clone(), payload: None };
    match what {
        What::Reply(segments) => ActionBody::Reply { segments: texts(segments), quote: segments.len() > 1 },
        What::Send(segments) => ActionBody::Send { segments: texts(segments) },
        What::Media { url, path } => ActionBody::SendMedia {
            media: Media { url: url.clone(), path: path.clone(), ..Media::default() },
        },
        What::Shutup(who, seconds) => ActionBody::Shutup { members: ids(who), seconds: *seconds },
        What::Unshutup(who) => ActionBody::Unshutup { members: ids(who) },
        What::ShutupAll(on) => ActionBody::ShutupAll { on: *on },
        What::Kick(who) => ActionBody::Kick { members: ids(who), reject_again: false },
        What::Recall(message) => ActionBody::Recall { message_id: message.id("said") },
        What::Quote(message, url) => {
            let image = Segment::Image(Media { url: url.clone(), ..Media::default() });
            ActionBody::Send { segments: vec![Segment::ReplyTo { id: message.id("said") }, image] }
        }
        What::SetCard(who, card) => ActionBody::SetCard { member: id(who), card: card.clone() },
        What::SetGroupName(name) => ActionBody::SetGroupName { name: name.clone() },
        What::Invite(who) => ActionBody::Invite { friends: ids(who) },
        What::Answer(request) => ActionBody::AnswerRequest {
            request_id: request.id("asked"),
            from: None,
            approve: true,
            text: None,
        },
        What::CreateGroup(who) => ActionBody::CreateGroup { friends: ids(who), name: None },
        What::After(ms, tag) => schedule(When::AfterMs(*ms), tag),
        What::At(at, tag) => schedule(When::At(*at), tag),
        What::Cron(pattern, zone, tag) => {
            schedule(When::Cron { pattern: pattern.clone(), zone: zone.clone() }, tag)
        }
        What::Cancel(tag) => ActionBody::Cancel { tag: tag.clone() },
        What::Fetch(url, secret) => ActionBody::Fetch {
            tag: "page".into(),
            method: "GET".into(),
            url: url.clone(),
            headers: Vec::new(),
            body: None,
            secret: secret.clone(),
        },
        What::Stop => ActionBody::Stop,
        What::Other(kind, json) => ActionBody::Other { kind: kind.clone(), json: json.clone() },
    }
}
