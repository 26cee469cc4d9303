//! Every action of the contract, asked for by a script: what is not granted is not done, and what is granted has its effect.

use std::collections::BTreeSet;

use mynah_model::action::ActionBody;
use mynah_model::address::{AddressPattern, ChatKind, ChatRef};
use mynah_model::event::{EventBody, EventKind};
use mynah_model::roster::{Person, Role};
use mynah_networks::sim::SimConfig;
use mynah_runtime::grants::Grants;
use mynah_runtime::{FetchGrants, HostConfig, Origin, ScriptSetup, ScriptSources};

use crate::support::guests::component;
use crate::support::house::{House, crowd, trusted};
use crate::support::web::Web;

/// What the contract has, in its order.
const CONTRACT: [&str; 17] = [
    "reply",
    "send",
    "send-media",
    "shutup",
    "unshutup",
    "shutup-all",
    "kick",
    "recall",
    "set-card",
    "set-group-name",
    "invite",
    "answer-request",
    "schedule",
    "cancel",
    "fetch",
    "stop",
    "other",
];

fn world() -> SimConfig {
    let mut sim = crowd(2);
    let friend = Person { id: "f1".into(), name: "f1".into(), ..Person::default() };
    sim.roster.friends = [friend].into_iter().collect();
    sim
}

async fn house(allow: &[&str], places: &[&str]) -> House {
    let setup = trusted();
    let grants = Grants {
        allow: allow.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
        chats: vec![AddressPattern::all()],
        fetch: FetchGrants {
            origins: places.iter().map(|place| place.parse::<Origin>().unwrap().into()).collect(),
            secrets: Vec::new(),
        },
        ..setup.grants
    };
    let setup = ScriptSetup { grants, priority: 1, ..setup };
    let plan = House::plan().sim(world()).granted("actor", &component("actor"), setup);
    plan.trusted("answerer", &component("answerer")).start().await
}

/// Asks for an action and waits for all that comes of it.
async fn ask(house: &House, action: &str, argument: &str) {
    match action {
        "answer-request" => drop(house.sim().friend_request("newcomer", None, "hello").await.unwrap()),
        _ => drop(house.say("0", "m0", &format!("/do {action} {argument}")).await),
    }
    house.host.settled().await.unwrap();
}

/// How the action ended, as its script was told last.
async fn told(house: &House, action: &str) -> String {
    let events = house.events().await;
    // What was granted has become a `send`.
    let names = |name: &str| name == action || (action == "reply" && name == "send");
    let told = events.iter().rev().find_map(|event| match &event.body {
        EventBody::ActionResult(result) if names(&result.action) => Some(result.code.clone()),
        _ => None,
    });
    told.unwrap_or_else(|| panic!("nobody told what became of {action}"))
}

async fn happened(house: &House, kind: EventKind) -> bool {
    house.events().await.iter().any(|event| event.body.kind() == kind)
}

#[test]
fn the_contract_has_these_actions() {
    assert_eq!(ActionBody::NAMES[..CONTRACT.len()], CONTRACT);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_refused_and_has_no_effect() {
    let house = house(&[], &[]).await;
    let before = house.sim().roster();
    for action in CONTRACT.into_iter().filter(|action| *action != "stop") {
        ask(&house, action, "m1").await;
        let code = told(&house, action).await;
        let expected: &[&str] =
            if action == "fetch" { &["grant.fetch", "action.invalid"] } else { &["grant.missing"] };
        assert!(expected.contains(&code.as_str()), "{action}: {code}");
    }
    assert_eq!(house.sim().roster(), before);
    let done = house.outbox().await;
    assert!(done.iter().all(|entry| entry.by == "script:answerer"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_has_its_effect() {
    let web = Web::start().await;
    let house = house(&CONTRACT, &[&web.url, "https://example.org"]).await;
    let group = || house.sim().roster().groups.get("0").unwrap().clone();
    let said = async |text: &str| {
        let outbox = house.outbox().await;
        outbox.iter().any(|entry| entry.by == "script:actor" && entry.text.as_deref() == Some(text))
    };

    for (action, argument) in [
        ("reply", ""),
        ("send", ""),
        ("send-media", ""),
        ("shutup", "m1"),
        ("set-card", "m3"),
        ("set-group-name", ""),
        ("invite", "f1"),
        ("recall", ""),
        ("kick", "m2"),
        ("answer-request", ""),
        ("schedule", ""),
        ("fetch", &format!("{}/", web.url)),
    ] {
        ask(&house, action, argument).await;
        assert_eq!(told(&house, action).await, "ok", "{action}");
    }
    assert!(said("replied").await && said("sent").await && said("a.png").await);
    assert!(said("fetched an answer").await, "the fetch came back");
    assert_eq!(web.heard(), ["GET /"]);
    let members = group().members.clone();
    assert!(members.get("m1").unwrap().shutup_until.is_some(), "m1 is muted");
    assert!(members.get("m2").is_none(), "m2 is gone");
    assert_eq!(members.get("m3").unwrap().card.as_deref(), Some("a card"));
    assert!(members.get("f1").is_some(), "f1 was invited");
    assert_eq!(group().name, "another name");
    assert!(happened(&house, EventKind::Recalled).await);
    assert!(house.sim().roster().friends.get("newcomer").is_some(), "the request was granted");

    ask(&house, "unshutup", "m1").await;
    assert!(group().members.get("m1").unwrap().shutup_until.is_none(), "m1 may speak");
    ask(&house, "shutup-all", "").await;
    assert_eq!(told(&house, "shutup-all").await, "ok");
    assert!(happened(&house, EventKind::Muted).await);

    // `m0` may not speak any more; another chat goes on.
    ask_in(&house, "1", "schedule").await;
    ask_in(&house, "1", "cancel").await;
    assert_eq!(told(&house, "cancel").await, "ok");
    ask_in(&house, "1", "other").await;
    assert_eq!(told(&house, "other").await, "unsupported", "the embedded network has nothing else");
    house.clock.advance(10_000);
    house.host.settled().await.unwrap();
    let rung =
        house.outbox().await.iter().filter(|entry| entry.text.as_deref() == Some("timer soon")).count();
    assert_eq!(rung, 1, "the timer of chat 0 rang, that of chat 1 was cancelled");

    let before = house.outbox().await.len();
    ask_in(&house, "1", "stop").await;
    assert_eq!(told(&house, "stop").await, "ok");
    assert_eq!(house.outbox().await.len(), before, "no script of lower priority answered");
}

async fn ask_in(house: &House, group: &str, action: &str) {
    house.say(group, "m0", &format!("/do {action}")).await;
    house.host.settled().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_taken_back_only_by_who_may_act_where_it_was_said_also_after_a_restart() {
    let setup = || {
        let mut setup = trusted();
        setup.grants.chats = vec!["sim/group/0".parse().unwrap()];
        setup
    };
    let house = House::plan().sim(world()).granted("actor", &component("actor"), setup()).start().await;
    let said = async |group: &str| {
        let seq = house.say(group, "m1", "remember this").await;
        let events = house.events().await;
        let event = events.iter().find(|event| event.seq == seq).unwrap();
        event.body.message().unwrap().id.clone()
    };
    let (here, there, old) = (said("0").await, said("1").await, said("0").await);
    for (id, code) in [(here.as_str(), "ok"), (there.as_str(), "id.unseen"), ("guessed", "id.unseen")] {
        ask(&house, "recall", id).await;
        assert_eq!(told(&house, "recall").await, code, "{id}");
    }
    let scripts = ScriptSources {
        dir: house.script_file("actor").parent().map(Into::into),
        setups: [("actor".parse().unwrap(), setup())].into(),
        ..ScriptSources::default()
    };
    // The embedded network names messages by the time.
    house.clock.advance(1_000);
    let house = house.restart(HostConfig { scripts, ..HostConfig::default() }).await;
    for (id, code) in [(old.as_str(), "network.refused"), (there.as_str(), "id.unseen")] {
        ask(&house, "recall", id).await;
        // The embedded network forgets with its process: the gate let it pass.
        assert_eq!(told(&house, "recall").await, code, "{id} after a restart");
    }
    let recalled =
        |event: &&std::sync::Arc<mynah_model::event::Event>| event.body.kind() == EventKind::Recalled;
    assert_eq!(house.events().await.iter().filter(recalled).count(), 1, "one, in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_is_gone_is_acted_in_no_more() {
    let house = house(&CONTRACT, &[]).await;
    ask(&house, "schedule", "").await;
    let chat = ChatRef { kind: ChatKind::Group, id: "0".into() };
    house.sim().set_role("0", "admin", Role::Owner).await.unwrap();
    house.sim().leave(&chat, "me", None).await.unwrap();
    house.clock.advance(1_000);
    house.host.settled().await.unwrap();
    let events = house.events().await;
    let rang = events.iter().any(|event| event.body.kind() == EventKind::TimerFired);
    assert!(rang, "the script is told, and may clean up");
    assert!(house.outbox().await.iter().all(|entry| entry.text.as_deref() != Some("timer soon")));
}
