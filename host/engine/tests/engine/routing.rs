//! Which scripts see an event, and in which order.

use std::sync::Arc;

use mynah_engine::{InstancePolicy, Limits, RuleSet, Script, SettingsLayers};
use mynah_model::address::ChatKind;
use mynah_model::event::{Event, EventBody, EventKind};
use mynah_model::roster::Role;
use mynah_model::script::{Command, Filter, ScriptInfo};
use serde_json::json;

use crate::guest::{Guest, wants};
use crate::world::{admit, event, message, name, person};

fn live(script: &str, priority: i32, info: ScriptInfo) -> Script {
    let release = admit(&Guest::new().info(info).build()).unwrap();
    let chats = vec!["*".parse().unwrap()];
    let settings = SettingsLayers::compile(json!({"words": ["spam"]}), vec![]).unwrap();
    Script::new(name(script), release, priority, InstancePolicy::Fresh, Limits::default(), chats, settings)
}

fn rules(scripts: Vec<Script>) -> RuleSet {
    RuleSet::new(scripts.into_iter().map(Arc::new).collect())
}

/// The scripts that see an event. Of every other one there is a reason, and of these there is none.
fn routed(rules: &RuleSet, event: &Event) -> Vec<String> {
    let routed: Vec<String> = rules.route(event).map(|script| script.name.to_string()).collect();
    for script in rules.scripts() {
        let why_not = script.indifference(event);
        assert_eq!(
            why_not.is_none(),
            routed.contains(&script.name.to_string()),
            "{}: {why_not:?}",
            script.name
        );
    }
    routed
}

fn everything() -> ScriptInfo {
    wants(vec![], vec![])
}

fn kinds(kinds: &[EventKind]) -> ScriptInfo {
    wants(vec![Filter { events: kinds.to_vec(), ..Filter::default() }], vec![])
}

fn command(name: &str, aliases: &[&str]) -> Command {
    let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
    Command { name: name.into(), aliases, usage: String::new(), help: String::new(), role: Role::Member }
}

fn commanded(name: &str, aliases: &[&str]) -> ScriptInfo {
    wants(vec![Filter { commands: vec![name.into()], ..Filter::default() }], vec![command(name, aliases)])
}

fn sent(text: &str, by: Option<&str>) -> Event {
    let mut event = message(text);
    if let EventBody::MessageReceived(message) = event.body {
        event.body = EventBody::MessageSent(message);
    }
    event.by_script = by.map(name);
    event
}

#[test]
fn higher_priority_comes_first_and_equals_go_by_name() {
    let rules =
        rules(vec![live("b", 0, everything()), live("z", 5, everything()), live("a", 0, everything())]);
    assert_eq!(routed(&rules, &message("hi")), ["z", "a", "b"]);
}

#[test]
fn a_kind_that_is_not_wanted_is_not_seen() {
    let rules = rules(vec![
        live("joins", 0, kinds(&[EventKind::FriendJoined, EventKind::MemberJoined])),
        live("all", 0, everything()),
    ]);
    assert_eq!(routed(&rules, &message("hi")), ["all"]);
    assert_eq!(routed(&rules, &event(EventBody::FriendJoined { who: person("1") }, None)), ["all", "joins"]);
}

#[test]
fn a_command_calls_the_scripts_that_have_it_by_any_of_its_names() {
    let rules = rules(vec![
        live("dice", 0, commanded("roll", &["r", "骰子"])),
        live("ping", 0, commanded("ping", &[])),
    ]);
    for text in ["/roll 2d6", " ／r", "/骰子", "/ROLL"] {
        assert_eq!(routed(&rules, &message(text)), ["dice"], "{text}");
    }
    assert_eq!(routed(&rules, &message("/ping")), ["ping"]);
    for text in ["roll", "/rolls", "hello"] {
        assert!(routed(&rules, &message(text)).is_empty(), "{text}");
    }
    assert!(routed(&rules, &event(EventBody::Stopped, None)).is_empty());
}

#[test]
fn chat_kinds_and_pattern_sets_narrow_a_filter() {
    let filter =
        Filter { chats: vec![ChatKind::Group], pattern_sets: vec!["words".into()], ..Filter::default() };
    let rules = rules(vec![live("guard", 0, wants(vec![filter], vec![]))]);
    assert_eq!(routed(&rules, &message("SP\u{200b}AM here")), ["guard"]);
    assert!(routed(&rules, &message("ham")).is_empty());
    let mut elsewhere = message("spam");
    elsewhere.chat.as_mut().unwrap().kind = ChatKind::Friend;
    assert!(routed(&rules, &elsewhere).is_empty());
}

#[test]
fn any_of_several_filters_may_match_and_the_script_is_called_once() {
    let filters = vec![
        Filter { events: vec![EventKind::MessageReceived], ..Filter::default() },
        Filter { commands: vec!["roll".into()], ..Filter::default() },
    ];
    let rules = rules(vec![live("dice", 0, wants(filters, vec![command("roll", &[])]))]);
    assert_eq!(routed(&rules, &message("/roll")), ["dice"]);
    assert_eq!(routed(&rules, &message("hello")), ["dice"]);
}

#[test]
fn messages_sent_go_only_to_those_who_name_them_and_never_to_their_author() {
    let rules = rules(vec![
        live("all", 0, everything()),
        live("commands", 0, commanded("roll", &[])),
        live("archive", 0, kinds(&[EventKind::MessageSent])),
        live("echo", 0, kinds(&[EventKind::MessageSent, EventKind::MessageReceived])),
    ]);
    assert_eq!(routed(&rules, &sent("/roll", None)), ["archive", "echo"]);
    assert_eq!(routed(&rules, &sent("hi", Some("echo"))), ["archive"]);
    let mut received = message("hi");
    received.by_script = Some(name("echo"));
    assert_eq!(routed(&rules, &received), ["all", "echo"], "an answer to one's own message is another's");
}

#[test]
fn timers_go_to_who_set_them_and_to_nobody_else() {
    let rules = rules(vec![live("a", 0, everything()), live("b", 0, commanded("roll", &[]))]);
    let timer = |script: &str| {
        let body = EventBody::TimerFired { script: name(script), tag: "t".into(), due: 0, payload: None };
        event(body, Some((ChatKind::Group, "1")))
    };
    assert_eq!(routed(&rules, &timer("b")), ["b"]);
    assert!(routed(&rules, &timer("gone")).is_empty());
}

#[test]
fn a_script_is_called_only_where_it_may_be() {
    let mut script = live("guard", 0, everything());
    script.chats = vec!["qq/group/1".parse().unwrap(), "wx".parse().unwrap()];
    let mut nowhere = live("nowhere", 0, everything());
    nowhere.chats = Vec::new();
    let rules = rules(vec![script, nowhere]);
    assert_eq!(routed(&rules, &message("hi")), ["guard"]);
    let mut other = message("hi");
    other.chat.as_mut().unwrap().id = "2".into();
    assert!(routed(&rules, &other).is_empty());
    assert!(routed(&rules, &event(EventBody::Stopped, None)).is_empty());
}

#[test]
fn commands_are_listed_and_collisions_found() {
    let rules =
        rules(vec![live("dice", 0, commanded("roll", &["r"])), live("rps", 1, commanded("rock", &["R"]))]);
    let listed: Vec<_> =
        rules.commands().map(|listed| (listed.script.as_str(), listed.command.name.as_str())).collect();
    assert_eq!(listed, [("rps", "rock"), ("dice", "roll")]);
    let [collision] = rules.collisions().try_into().unwrap();
    assert_eq!(
        (collision.word.as_str(), collision.scripts.as_slice()),
        ("r", [name("rps"), name("dice")].as_slice())
    );
}

#[test]
fn an_empty_rule_set_routes_nothing() {
    assert!(routed(&RuleSet::default(), &message("hi")).is_empty());
    assert!(RuleSet::default().get(&name("x")).is_none());
}

#[test]
fn a_script_that_is_not_called_has_a_reason_in_words() {
    let reason =
        |info: ScriptInfo, event: &Event| live("a", 0, info).indifference(event).unwrap().to_string();
    let filter = |filter: Filter| wants(vec![filter], vec![]);
    let hi = message("hi");
    for (expected, info) in [
        (
            "wants friend-joined, member-joined only",
            kinds(&[EventKind::FriendJoined, EventKind::MemberJoined]),
        ),
        (
            "wants chats of kind friend only",
            filter(Filter { chats: vec![ChatKind::Friend], ..Filter::default() }),
        ),
        ("waits for `/r`, `/roll`", commanded("roll", &["r"])),
        (
            "none of its patterns matches (words)",
            filter(Filter { pattern_sets: vec!["words".into()], ..Filter::default() }),
        ),
    ] {
        assert_eq!(reason(info, &hi), expected);
    }
    assert_eq!(
        reason(everything(), &sent("hi", None)),
        "messages that were sent go to scripts that name them"
    );
    assert_eq!(
        reason(kinds(&[EventKind::MessageSent]), &sent("hi", Some("a"))),
        "it sent this message itself"
    );
    let timer = EventBody::TimerFired { script: name("b"), tag: "t".into(), due: 0, payload: None };
    assert_eq!(reason(everything(), &event(timer, None)), "this belongs to script `b`");
    let mut elsewhere = live("a", 0, everything());
    elsewhere.chats = vec!["wx".parse().unwrap()];
    assert_eq!(
        elsewhere.indifference(&hi).unwrap().to_string(),
        "its `chats` in mynah.toml do not cover `qq/group/1`"
    );
}
