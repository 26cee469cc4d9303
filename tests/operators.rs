//! Operators in chat: who may use the host's commands, what each does, and that nobody else can.

use std::sync::Arc;

use mynah_model::clock::{SystemClock, VirtualClock};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::guests::component;
use crate::support::host::{START, TestHost};

const GROUP: &str = "552603";
const OPERATOR: &str = "10003";
const TOML: &str = "[[account]]\nname = \"sim\"\noperators = [\"10003\"]\n[script.group-guard]\nallow = [\"reply\", \"shutup\"]\nsettings = { flood = \"3 in 10s\", steps = [\"shutup 10m\"], repeat = \"off\" }\n";

/// The same without the guard, which takes pings for a flood.
const CALM: &str =
    "[[account]]\nname = \"sim\"\noperators = [\"10003\"]\n[script.group-guard]\nmode = \"off\"\n";

/// Says something in a group; what the account said there because of it, and the event's number.
async fn say_in(host: &TestHost, group: &str, sender: &str, text: &str) -> (u64, Vec<String>) {
    said(host, json!({ "group": group, "sender": sender, "text": text })).await
}

async fn say(host: &TestHost, sender: &str, text: &str) -> (u64, Vec<String>) {
    say_in(host, GROUP, sender, text).await
}

async fn said(host: &TestHost, body: Json) -> (u64, Vec<String>) {
    let seq = host.say(body).await;
    let outbox = host.outbox().await;
    let caused = outbox.iter().filter(|deed| deed["cause"] == seq && deed["kind"] == "send");
    let texts = caused.map(|deed| deed["text"].as_str().unwrap().to_owned()).collect();
    (seq, texts)
}

/// The answer to a command.
async fn told(host: &TestHost, text: &str) -> String {
    let (_, texts) = say(host, OPERATOR, text).await;
    let [only] = texts.as_slice() else { panic!("{text}: {texts:?}") };
    only.clone()
}

async fn audit(host: &TestHost, query: &str) -> Vec<Json> {
    let (_, page) = host.get(&format!("/api/v1/audit?{query}")).await;
    page["entries"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_for_operators_by_their_id_and_is_seen_by_no_script() {
    let host = TestHost::start(TOML).await;
    let list = told(&host, " ／scripts").await;
    assert!(list.contains("group-guard ") && list.contains(" live running\n"), "{list}");
    let (_, texts) = say(&host, "10001", "/scripts").await;
    assert_eq!(texts, [""; 0], "to others the host says nothing");
    // Somebody who calls themselves as the operator is called.
    let join = json!({ "group": GROUP, "sender": "evil", "name": "李小花🌸" });
    host.post("/api/v1/accounts/sim/sim/join", join).await;
    assert_eq!(say(&host, "evil", "/pause").await.1, [""; 0]);
    let (_, pauses) = host.get("/api/v1/pauses").await;
    assert_eq!(pauses["paused"], json!([]));

    let commands = audit(&host, "action=command").await;
    assert_eq!(commands.len(), 1);
    assert_eq!((&commands[0]["actor"], &commands[0]["text"]), (&json!("operator:10003"), &json!("/scripts")));
    let seq = commands[0]["seq"].as_u64().unwrap();
    let (_, why) = host.get(&format!("/api/v1/events/{seq}/why")).await;
    assert_eq!((&why["why"]["calls"], &why["why"]["not_called"]), (&json!([]), &json!([])));
    let others: Vec<_> = why["why"]["others"].as_array().unwrap().iter().map(|deed| &deed["actor"]).collect();
    assert_eq!(others, ["operator:10003", "host"]);
    let events = host.get("/api/v1/scripts").await.1;
    let ping = events.as_array().unwrap().iter().find(|script| script["name"] == "ping").unwrap();
    assert_eq!(
        ping["events"], 2,
        "the scripts saw what the others said, and not the operator's command: {ping}"
    );
    // A command that the host does not have is for scripts, whoever says it.
    assert_eq!(say(&host, OPERATOR, "/ping").await.1, ["pong"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_explains_the_last_event_or_another_one_of_the_same_chat() {
    let host = TestHost::start(TOML).await;
    let (seq, _) = say(&host, "10001", "/ping").await;
    let (elsewhere, _) = say_in(&host, "778899", "10001", "a secret").await;
    for text in ["/why", "/why", &format!("/why {seq}"), &format!("/why #{seq}")] {
        let why = told(&host, text).await;
        assert!(
            why.starts_with(&format!("{seq} sim/group/552603 Alice @ Perl (10001) \"/ping\"")),
            "{text}: {why}"
        );
        assert!(why.contains("-> send \"pong\": done"), "{why}");
    }
    let refused = told(&host, &format!("/why {elsewhere}")).await;
    assert!(refused.contains("no event") && !refused.contains("secret"), "{refused}");
    assert!(told(&host, "/why x").await.starts_with("/why SEQ"));
    assert!(told(&host, "/why 99999999999999999999").await.starts_with("/why SEQ"));
    let body = json!({ "friend": OPERATOR, "text": format!("/why {elsewhere}") });
    let (_, texts) = said(&host, body).await;
    assert!(texts[0].contains("a secret"), "alone with the operator all of the account is told: {texts:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_takes_back_what_can_be_taken_back() {
    let host = TestHost::start(TOML).await;
    for number in 0..3 {
        say(&host, "10001", &format!("buy {number}")).await;
    }
    let acts = audit(&host, "script=group-guard").await;
    let [shutup, warning] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!((&shutup["action"], &warning["action"]), (&json!("shutup"), &json!("send")));
    let answer = told(&host, &format!("/undo {}", shutup["number"])).await;
    assert!(
        answer.starts_with(&format!("undo of act {}: unshutup 10001 (act ", shutup["number"])),
        "{answer}"
    );
    let (_, groups) = host.get("/openqq/get_group_info").await;
    let members = groups[0]["member"].as_array().unwrap();
    let alice = members.iter().find(|member| member["id"] == "10001").unwrap();
    assert!(alice["shutup_until"].is_null(), "{alice}");
    let undone = &audit(&host, "action=unshutup").await[0];
    assert_eq!((&undone["actor"], &undone["outcome"]), (&json!("operator:10003"), &json!("done")));
    assert_eq!(undone["reason"], format!("undo of act {}", shutup["number"]));

    let recalled = told(&host, &format!("/undo {}", warning["number"])).await;
    assert!(recalled.contains(": recall message "), "{recalled}");
    assert_eq!(host.outbox().await.iter().filter(|deed| deed["kind"] == "recall").count(), 1);
    let no_undo = told(&host, &format!("/undo {}", undone["number"])).await;
    assert!(no_undo.contains("is not undone: a unshutup has no undo"), "{no_undo}");
    assert!(told(&host, "/undo 424242").await.starts_with("no act 424242 was done in this chat"));
    assert!(told(&host, "/undo").await.starts_with("/undo ACT"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_holds_at_once_and_over_a_restart_and_answers_still_come() {
    let host = TestHost::start(CALM).await;
    assert_eq!(told(&host, "/pause").await, "paused: everything in sim/*/*");
    assert_eq!(say(&host, "10001", "/ping").await.1, [""; 0]);
    let dry = &audit(&host, "outcome=dry-run").await[0];
    assert_eq!(
        (&dry["code"], &dry["text"]),
        (&json!("host.paused"), &json!("everything in sim/*/* is paused by operator:10003"))
    );
    let why = told(&host, "/why").await;
    assert!(
        why.contains("send \"pong\": dry-run host.paused: everything in sim/*/* is paused by operator:10003"),
        "{why}"
    );
    let folder = host.stop().await;
    let host = TestHost::start_in(folder, CALM, Arc::new(SystemClock)).await;
    assert!(told(&host, "/scripts").await.contains("paused: everything in sim/*/*, by operator:10003"));
    assert_eq!(told(&host, "/resume").await, "resumed: everything in sim/*/*");
    assert_eq!(say(&host, "10001", "/ping").await.1, ["pong"]);
    for (pause, expected) in [
        ("/pause ping", "paused: script `ping` in sim/*/*"),
        ("/pause here", "paused: everything in sim/group/552603"),
        ("/pause group/778899", "paused: everything in sim/group/778899"),
        ("/pause wx/group/1", "there is no script and no chat of this account `wx/group/1`"),
        ("/resume here", "resumed: everything in sim/group/552603"),
    ] {
        assert!(told(&host, pause).await.starts_with(expected), "{pause}");
    }
    host.post("/api/v1/pause", json!({ "script": "welcome" })).await;
    let resumed = told(&host, "/resume").await;
    assert!(
        resumed.contains("resumed: script `ping`") && resumed.contains("paused: script `welcome`, by api"),
        "{resumed}"
    );
    assert_eq!(say(&host, "10001", "/ping").await.1, ["pong"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_from_before_an_outage_changes_nothing_but_a_pause() {
    let (host, clock): (_, Arc<VirtualClock>) = TestHost::start_virtual(TOML).await;
    clock.advance(3_600_000);
    for (text, paused) in [("/resume", 0), ("/pause", 1), ("/resume", 1)] {
        let (_, texts) =
            said(&host, json!({ "group": GROUP, "sender": OPERATOR, "text": text, "time": START })).await;
        assert_eq!(texts, [""; 0], "what is late is not answered");
        let (_, pauses) = host.get("/api/v1/pauses").await;
        assert_eq!(pauses["paused"].as_array().unwrap().len(), paused, "{text}");
    }
    assert_eq!(audit(&host, "action=command&code=action.expired").await.len(), 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_an_operator_among_the_built_in_people() {
    let host = TestHost::start("").await;
    let (_, texts) = say(&host, "456789", "/scripts").await;
    assert!(texts[0].contains("ping "), "{texts:?}");
    host.stop().await;
    let host = TestHost::start("[[account]]\nname = \"sim\"\noperators = []").await;
    assert_eq!(say(&host, "456789", "/scripts").await.1, [""; 0]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_puts_back_the_card_and_the_name_that_were_there() {
    let folder = Arc::new(tempfile::TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/actor.wasm"), crate::support::guests::component("actor"))
        .unwrap();
    let toml = format!("{CALM}[script.actor]\nallow = [\"reply\", \"set-card\", \"set-group-name\"]");
    let host = TestHost::start_in(folder, &toml, Arc::new(SystemClock)).await;
    let group = async || {
        let (_, groups) = host.get("/openqq/get_group_info").await;
        let group = groups.as_array().unwrap().iter().find(|group| group["id"] == GROUP).unwrap().clone();
        let members = group["member"].as_array().unwrap();
        let alice = members.iter().find(|member| member["id"] == "10001").unwrap();
        (alice["card"].clone(), group["name"].clone())
    };
    let before = group().await;
    for action in ["set-card", "set-group-name"] {
        say(&host, "10001", &format!("/do {action} 10001")).await;
        let act = &audit(&host, &format!("action={action}")).await[0];
        assert_eq!(act["outcome"], "done", "{act}");
        assert_ne!(group().await, before, "{action} did something");
        let answer = told(&host, &format!("/undo {}", act["number"])).await;
        assert!(answer.starts_with(&format!("undo of act {}: {action} ", act["number"])), "{answer}");
        assert_eq!(group().await, before, "{action} is undone");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_tells_nothing_of_other_accounts_and_in_a_group_nothing_of_other_chats() {
    let folder = Arc::new(TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/hostile.wasm"), component("hostile")).unwrap();
    let toml = "[[account]]\nname = \"sim\"\noperators = [\"10003\"]\n[[account]]\nname = \"wx\"\n[script.hostile]\n\
        [script.welcome]\nchats = [\"wx/*/*\"]\n[script.ping]\nchats = [\"sim/group/778899\"]\n";
    let host = TestHost::start_in(folder, toml, Arc::new(SystemClock)).await;
    for chat in ["wx/group/552603", "sim/group/778899"] {
        let (status, answer) = host.post("/api/v1/pause", json!({ "chats": chat })).await;
        assert!(status.is_success(), "{answer}");
    }
    let panic = json!({ "group": GROUP, "sender": "10001", "text": "panic" });
    let (status, answer) = host.post("/api/v1/accounts/wx/sim/say", panic).await;
    assert!(status.is_success(), "{answer}");
    host.settle().await;
    let alone = async || {
        let (_, texts) = said(&host, json!({ "friend": OPERATOR, "text": "/scripts" })).await;
        texts[0].clone()
    };
    let list = alone().await;
    assert!(list.contains("hostile ") && list.contains("ping "), "{list}");
    assert!(list.contains("paused: everything in sim/group/778899"), "{list}");
    assert!(!list.contains("failed") && !list.contains("welcome") && !list.contains("wx"), "{list}");

    let (seq, _) = say_in(&host, "778899", "10001", "panic").await;
    let list = alone().await;
    assert!(list.contains(&format!("; failed on {seq}: script.trap: ")), "{list}");
    assert!(list.contains("I fell over on purpose"), "{list}");
    let list = told(&host, "/scripts").await;
    assert!(list.contains("hostile "), "{list}");
    assert!(!list.contains("fell over") && !list.contains("ping ") && !list.contains("778899"), "{list}");
    host.stop().await;
}
