//! `mynah why`: what a host says of events, as a person reads it, held against the whole text.

use serde_json::json;

use crate::support::command::run;
use crate::support::guests::component;
use crate::support::host::TestHost;

const GROUP: &str = "552603";

async fn say(host: &TestHost, sender: &str, text: &str) -> u64 {
    host.say(json!({ "group": GROUP, "sender": sender, "text": text })).await
}

/// What `mynah why` prints of an event, with what differs from run to run left out: releases, CPU time, the names of a build.
async fn why(host: &TestHost, seq: u64) -> String {
    let args = ["why".to_owned(), seq.to_string(), "--host".to_owned(), host.url.clone()];
    let folder = host.folder.clone();
    let (code, stdout, stderr) =
        tokio::task::spawn_blocking(move || run(folder.path(), &args)).await.unwrap();
    assert_eq!((code, stderr.as_str()), (0, ""));
    stdout.lines().map(|line| format!("{}\n", settled(line))).collect()
}

fn settled(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let release = |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |(place, word): (usize, &&str)| match words.get(place + 1) {
        _ if release(word) => "RELEASE".to_owned(),
        Some(&"us") => "N".to_owned(),
        _ => (*word).to_owned(),
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_explained_with_what_was_granted_refused_and_why_others_were_not_called() {
    let (host, _) = TestHost::start_virtual(
        "[script.ping]\nallow = [\"reply\"]\npriority = 5\n[script.group-guard]\nallow = [\"reply\"]\nsettings = { flood = \"2 in 10s\", steps = [\"shutup 10m\"] }\n[script.keyword-reply]\nmode = \"off\"",
    )
    .await;
    say(&host, "10001", "buy\nthis").await;
    let seq = say(&host, "10001", "/ping\u{1b}[2J").await;
    let expected = [
        &format!(
            "{seq} sim/group/552603 Alice @ Perl (10001) \"/ping\u{fffd}[2J\"  received 2026-01-01 00:00:00.000, 0 ms old when it was handled"
        ),
        "  ping           RELEASE  N us -> nothing",
        "  group-guard    RELEASE  N us",
        "    -> send \"@Alice @ Perl 10s 内 2 条消息：禁言 10m。 2 messages in 10s: muted for 1…\": done (2 messages in 10s), act 1",
        "    -> shutup 10001 for 600 s: refused grant.missing: `shutup` is not granted to script `group-guard` (2 messages in 10s)",
        "  keyword-reply  RELEASE  not called: its mode is off",
        "  weather        RELEASE  not called: waits for `/weather`, `/天气`",
        "  welcome        RELEASE  not called: wants member-joined, member-lost only",
        "  hint: `mynah explain grant.missing`",
    ];
    assert_eq!(why(&host, seq).await.lines().collect::<Vec<_>>(), expected);
    let join = json!({ "group": GROUP, "sender": "10004x", "name": "new" });
    let (_, joined) = host.post("/api/v1/accounts/sim/sim/join", join).await;
    host.settle().await;
    let joined = joined["seq"].as_u64().unwrap();
    let text = why(&host, joined).await;
    assert!(
        text.starts_with(&format!("{joined} sim/group/552603 new (10004x) member-joined  received ")),
        "{text}"
    );
    assert!(text.contains("  welcome        RELEASE  N us -> send "), "{text}");
    // The welcome is an event as well, and nobody's but the host's own.
    let text = why(&host, joined + 1).await;
    assert!(text.contains(" sent \"") && text.contains(&format!("  caused by event {joined}\n")), "{text}");
    let (code, _, stderr) = {
        let (folder, url) = (host.folder.clone(), host.url.clone());
        tokio::task::spawn_blocking(move || run(folder.path(), ["why", "999999", "--host", &url]))
            .await
            .unwrap()
    };
    assert!(
        code == 3 && stderr.contains("the journal has no event of this number") && stderr.contains("hint:"),
        "{stderr}"
    );
    host.stop().await;
}

/// A house with scripts of the tests, on the clock of the test.
async fn house(
    toml: &str,
    scripts: &[(&str, &str)],
) -> (TestHost, std::sync::Arc<mynah_model::clock::VirtualClock>) {
    let folder = std::sync::Arc::new(tempfile::TempDir::new().unwrap());
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    for (name, guest) in scripts {
        std::fs::write(folder.path().join(format!("scripts.d/{name}.wasm")), component(guest)).unwrap();
    }
    let shipped = ["group-guard", "keyword-reply", "welcome", "ping"];
    let off: String = shipped.iter().map(|name| format!("[script.{name}]\nmode = \"off\"\n")).collect();
    let clock = std::sync::Arc::new(mynah_model::clock::VirtualClock::new(crate::support::host::START));
    (TestHost::start_in(folder, &format!("{toml}{off}"), clock.clone()).await, clock)
}

/// The line of a script in an explanation.
async fn line(host: &TestHost, seq: u64, script: &str) -> String {
    let text = why(host, seq).await;
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{script} ")));
    line.unwrap_or_else(|| panic!("no {script} in\n{text}")).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_script_from_an_event_is_named() {
    let hostile = "[script.hostile]\nallow = [\"reply\"]\n[script.far]\nallow = [\"reply\"]\nchats = [\"sim/group/778899\"]\n[script.answerer]\nallow = []\n";
    let (host, _clock) =
        house(hostile, &[("hostile", "hostile"), ("far", "hostile"), ("answerer", "answerer")]).await;
    let seq = say(&host, "10001", "panic").await;
    let text = why(&host, seq).await;
    assert!(
        text.contains("  hostile        RELEASE  failed: script.trap: ")
            && text.contains("I fell over on purpose"),
        "{text}"
    );
    assert!(
        text.contains("_export_handle_cabi") && text.contains("hint: `mynah explain script.trap`"),
        "{text}"
    );
    assert_eq!(
        line(&host, seq, "far").await,
        "far            RELEASE  not called: its `chats` in mynah.toml do not cover `sim/group/552603`"
    );
    assert!(
        text.contains("hint: add \"sim/group/552603\" to `chats` under `[script.far]` in mynah.toml"),
        "{text}"
    );
    for _ in 0..4 {
        say(&host, "10001", "panic").await;
    }
    let seq = say(&host, "10001", "fine").await;
    let line = line(&host, seq, "hostile").await;
    assert!(line.starts_with("hostile        RELEASE  not called: script.breaker: "), "{line}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_came_later_is_said_to_have() {
    let (host, clock) = house("", &[("hostile", "hostile")]).await;
    let seq = say(&host, "10001", "fine").await;
    clock.advance(5_000);
    let late = host.folder.path().join("scripts.d/late.wasm");
    std::fs::write(host.folder.path().join("apart"), component("answerer")).unwrap();
    std::fs::rename(host.folder.path().join("apart"), late).unwrap();
    crate::support::wait_for("the script", async || {
        host.running.host.scripts().iter().any(|script| script.name == "late").then_some(())
    })
    .await;
    let found = line(&host, seq, "late").await;
    assert!(found.contains("not called: this release was loaded later; now it would "), "{found}");
    // A restart is no later loading.
    let folder = host.stop().await;
    let host = TestHost::start_in(folder, "", clock.clone()).await;
    let told = say(&host, "10001", "fine").await;
    assert!(!why(&host, told).await.contains("loaded later"));
    assert!(line(&host, seq, "late").await.contains("loaded later"), "it was, all the same");
    assert!(line(&host, seq, "hostile").await.contains(" us -> send \"fine\": "));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_that_were_edited_after_the_event_are_said_to_be() {
    let granted = "[script.hostile]\nallow = [\"reply\"]\n";
    let (host, clock) = house(granted, &[("hostile", "hostile")]).await;
    let seq = say(&host, "10001", "fine").await;
    assert!(!why(&host, seq).await.contains("was edited"));
    clock.advance(5_000);
    let edit = async |host: &TestHost, from: &str, to: &str| {
        let file = host.folder.path().join("mynah.toml");
        let text = std::fs::read_to_string(&file).unwrap().replace(from, to);
        std::fs::write(&file, text).unwrap();
        let (status, answer) = host.post("/api/v1/config/reload", json!({})).await;
        assert!(status.is_success(), "{answer}");
    };
    edit(&host, granted, "[script.hostile]\nallow = []\n").await;
    let hint = "hint: `[script.hostile]` was edited at 2026-01-01 00:00:05.000, after this event: it may be otherwise now";
    assert!(why(&host, seq).await.contains(hint), "{}", why(&host, seq).await);
    let later = say(&host, "10001", "fine").await;
    assert!(!why(&host, later).await.contains("was edited"), "that one was decided by the new ones");
    // A restart edits nothing.
    let toml = std::fs::read_to_string(host.folder.path().join("mynah.toml")).unwrap();
    let toml = toml.replace("listen = \"127.0.0.1:0\"\n", "");
    clock.advance(5_000);
    let host = TestHost::start_in(host.stop().await, &toml, clock.clone()).await;
    assert!(why(&host, seq).await.contains(hint) && !why(&host, later).await.contains("was edited"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_failed_is_named_by_those_that_were_kept_from_the_event() {
    let toml = "[script.guard]\nallow = [\"reply\"]\npriority = 5\non-fault = \"stop\"\n[script.answerer]\nallow = [\"reply\"]\n";
    let (host, _clock) = house(toml, &[("guard", "hostile"), ("answerer", "answerer")]).await;
    let seq = say(&host, "10001", "panic").await;
    let line = line(&host, seq, "answerer").await;
    assert!(
        line.ends_with("not called: script `guard`, which comes before it, failed, and `on-fault = \"stop\"` keeps what it fails on from the others"),
        "{line}"
    );
    host.stop().await;
}
