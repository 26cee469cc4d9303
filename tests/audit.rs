//! Who asked for what and what became of it, as `/api/v1/audit` and `mynah journal` show it: dry runs, refusals, faults.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::command::{Session, mynah as command, run};
use crate::support::guests::component;
use crate::support::host::TestHost;

const GROUP: &str = "552603";

async fn say(host: &TestHost, sender: &str, text: &str) -> u64 {
    host.say(json!({ "group": GROUP, "sender": sender, "text": text })).await
}

/// What a query of the audit finds, oldest first.
async fn audit(host: &TestHost, query: &str) -> Vec<Json> {
    let (status, mut page) = host.get(&format!("/api/v1/audit?{query}")).await;
    assert!(status.is_success(), "{page}");
    let mut entries = std::mem::take(page["entries"].as_array_mut().unwrap());
    entries.reverse();
    entries
}

fn of<'a>(entries: &'a [Json], field: &str) -> Vec<&'a str> {
    entries.iter().map(|entry| entry[field].as_str().unwrap_or("-")).collect()
}

/// Runs `mynah` against a host.
async fn mynah(host: &TestHost, args: &[&str]) -> (i32, String, String) {
    let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    args.extend(["--host".to_owned(), host.url.clone()]);
    let folder = host.folder.clone();
    tokio::task::spawn_blocking(move || run(folder.path(), &args)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_on_a_flood_shows_what_would_have_been_done_and_does_nothing() {
    let (host, clock) = TestHost::start_virtual(
        "[script.group-guard]\nmode = \"dry-run\"\nallow = [\"reply\", \"recall\", \"shutup\", \"kick\"]",
    )
    .await;
    let mut seqs = Vec::new();
    for round in 0..3 {
        for number in 0..6 {
            seqs.push(say(&host, "10002", &format!("buy {round} {number}")).await);
        }
        clock.advance(600_000);
    }
    assert!(host.outbox().await.is_empty(), "nothing was done");
    let (_, groups) = host.get("/openqq/get_group_info").await;
    let members = groups[0]["member"].as_array().unwrap();
    let flooder = members.iter().find(|member| member["id"] == "10002").unwrap();
    assert!(flooder["shutup_until"].is_null(), "the flooder is there and may speak");

    let entries = audit(&host, "script=group-guard&chat=sim/group/*").await;
    assert_eq!(of(&entries, "outcome"), vec!["dry-run"; entries.len()]);
    assert_eq!(of(&entries, "action"), ["send", "send", "shutup", "send", "kick"]);
    let shutup = &entries[2];
    assert_eq!(shutup["summary"], "shutup 10002 for 600 s");
    assert_eq!(shutup["body"], json!({ "kind": "shutup", "members": ["10002"], "seconds": 600 }));
    assert_eq!((&shutup["seq"], &shutup["address"]), (&json!(seqs[11]), &json!("sim/group/552603")));
    assert!(shutup["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{shutup}");
    assert_eq!(shutup["release"].as_str().unwrap().len(), 64);

    let (code, stdout, stderr) = mynah(&host, &["journal", "--outcome", "dry-run", "--action", "kick"]).await;
    assert_eq!(code, 0, "{stderr}");
    let kick = &entries[4];
    let expected = format!(
        "{}  2026-01-01 00:20:00  script:group-guard  sim/group/552603  kick 10002 -> dry-run",
        kick["number"]
    );
    assert!(stdout.starts_with(&expected) && stdout.lines().count() == 1, "{stdout}");
    let (_, stdout, _) = mynah(&host, &["journal", "--json", "-n", "2"]).await;
    let newest: Vec<Json> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(newest, entries[3..], "as the API has them, oldest first");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_has_one_row_that_says_who_asked_and_which_rule_spoke() {
    let host = TestHost::start(
        "[[account]]\nname = \"sim\"\noperators = []\n[[account]]\nname = \"other\"\noperators = []\n[script.ping]\nallow = []\n[script.group-guard]\nbudget = { message = \"0/min\" }\nallow = [\"reply\", \"shutup\"]\nsettings = { flood = \"2 in 10s\" }",
    )
    .await;
    let refused = say(&host, "10001", "/ping").await;
    say(&host, "10001", "buy").await;
    for path in [
        "send_group_message?uid=552603&content=hello",
        "shutup_group_member?group_uid=552603&member_uid=10003&time=60",
    ] {
        host.get(&format!("/openqq/{path}")).await;
    }
    host.settle().await;
    let entries = audit(&host, "account=sim").await;
    assert_eq!(of(&entries, "actor"), ["script:ping", "script:group-guard", "api", "api"]);
    assert_eq!(of(&entries, "outcome"), ["refused", "refused", "done", "refused"]);
    assert_eq!(of(&entries, "code"), ["grant.missing", "budget.exhausted", "ok", "moderation.target"]);
    assert_eq!((&entries[0]["action"], &entries[0]["summary"]), (&json!("reply"), &json!("reply \"pong\"")));
    assert_eq!(entries[0]["seq"], refused);
    assert!(entries[0]["text"].as_str().unwrap().contains("`reply` is not granted to script `ping`"));
    assert_eq!(audit(&host, "account=other").await, [Json::Null; 0]);
    for (query, expected) in [
        ("actor=script", 2),
        ("actor=script:ping", 1),
        ("code=moderation.target", 1),
        ("account=sim&outcome=done", 1),
        ("action=shutup", 1),
        ("chat=sim/friend/*", 0),
        ("since=0&until=1", 0),
        ("account=sim&since=1", 4),
    ] {
        assert_eq!(audit(&host, query).await.len(), expected, "{query}");
    }
    assert_eq!(audit(&host, &format!("seq={refused}")).await.len(), 1);
    let (_, page) = host.get("/api/v1/audit?account=sim&limit=3").await;
    let (_, rest) = host.get(&format!("/api/v1/audit?account=sim&before={}", page["next"])).await;
    assert_eq!((page["entries"].as_array().unwrap().len(), &rest["entries"][0]), (3, &entries[0]));
    assert!(rest["next"].is_null(), "{rest}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_an_entry_of_its_event_with_the_panic_and_the_names_of_the_functions() {
    let folder = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    write_script(folder.path(), "hostile");
    let clock = std::sync::Arc::new(mynah_model::clock::SystemClock);
    let host = TestHost::start_in(folder, "[script.hostile]\nallow = [\"reply\"]", clock).await;
    let seq = say(&host, "10001", "panic").await;
    let entries = audit(&host, &format!("seq={seq}")).await;
    let [fault] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(
        (&fault["action"], &fault["code"], &fault["outcome"]),
        (&json!("fault"), &json!("script.trap"), &json!("failed"))
    );
    assert!(fault["text"].as_str().unwrap().contains("I fell over on purpose"), "{fault}");
    let backtrace = fault["details"].as_str().unwrap();
    assert!(
        backtrace.contains("<guest_hostile::_::Script as mynah_sdk::bindings::Guest>::handle"),
        "{backtrace}"
    );
    assert!(backtrace.lines().count() <= 20 && backtrace.len() <= 20 * 204, "{backtrace}");
    let (_, scripts) = host.get("/api/v1/scripts").await;
    let hostile = scripts.as_array().unwrap().iter().find(|script| script["name"] == "hostile").unwrap();
    assert_eq!((&hostile["faults"], &hostile["release"]), (&json!(1), &fault["release"]));
    let (_, stdout, _) = mynah(&host, &["journal", "--action", "fault"]).await;
    assert!(stdout.contains("fault -> failed script.trap: ") && stdout.contains("\n    "), "{stdout}");
    host.stop().await;
}

fn write_script(folder: &Path, name: &str) {
    fs::create_dir_all(folder.join("scripts.d")).unwrap();
    fs::write(folder.join(format!("scripts.d/{name}.wasm")), component(name)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_what_is_wrong_with_what_was_asked() {
    let host = TestHost::start("").await;
    let (code, _, stderr) = mynah(&host, &["journal", "--chat", "sim/nope/1"]).await;
    assert!(code == 3 && stderr.contains("http.parameter") && stderr.contains("nope"), "{code} {stderr}");
    let (code, _, stderr) = mynah(&host, &["journal", "--since", "yesterday"]).await;
    assert!(code == 2 && stderr.contains("10m") | stderr.contains("whole number"), "{code} {stderr}");
    let (code, stdout, stderr) = mynah(&host, &["journal"]).await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""), "an empty journal is no failure");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_followed_until_somebody_ends_it() {
    let host = TestHost::start("").await;
    say(&host, "10001", "/ping").await;
    let args = ["journal", "--follow", "--script", "ping", "--host", &host.url];
    let mut session = Session::start(command(host.folder.path(), args));
    session.wait_for_output("send \"pong\" -> done", 1).await;
    for _ in 0..3 {
        say(&host, "10001", "/ping").await;
    }
    say(&host, "10001", "hello").await;
    session.wait_for_output("send \"pong\" -> done", 4).await;
    let output = session.output();
    let numbers: Vec<u64> =
        output.lines().map(|line| line.split_once("  ").unwrap().0.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 4, "each once, and nothing else: {output}");
    assert!(numbers.is_sorted(), "{output}");
    session.terminate();
    session.ended().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_asks_for_somebody_who_is_not_there_is_in_the_audit() {
    let host = TestHost::start("").await;
    for path in [
        "openqq/kick_group_member?group_uid=552603&member_uid=404",
        "openqq/shutup_group_member?group_uid=404&member_uid=10002&time=60",
        "openqq/send_friend_message?uid=404&content=hello",
        "openwx/send_friend_message?id=404&content=hello",
        "openwx/stick?id=404",
        // These ask for nothing.
        "openqq/kick_group_member?group_uid=552603",
        "openqq/send_group_message?uid=552603",
    ] {
        host.get(&format!("/{path}")).await;
    }
    host.settle().await;
    let entries = audit(&host, "account=sim&code=target.unknown").await;
    assert_eq!(of(&entries, "action"), ["kick", "shutup", "send", "send", "stick"]);
    assert_eq!(of(&entries, "actor"), ["api"; 5]);
    assert_eq!(of(&entries, "outcome"), ["refused"; 5]);
    assert_eq!(entries[0]["text"], "member 404 not found");
    assert!(host.outbox().await.is_empty());
    host.stop().await;
}
