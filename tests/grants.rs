//! What the operator grants is edited while the host runs: it is in force from the next event on, as a whole or not at
//! all; and a release that asks for more than the one before waits until somebody lets it in.

use std::fs;
use std::sync::Arc;

use mynah_model::clock::SystemClock;
use mynah_networks::sim::Say;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::command::run;
use crate::support::guests::{component, counter};
use crate::support::host::TestHost;
use crate::support::wait_for;

/// Grants with which the counter answers.
const COUNTS: &str = "[script.counter]\nallow = [\"reply\"]\n";

/// The rules that would answer too, or mute who talks a lot.
const SILENT: &str = "[script.ping]\nmode = \"off\"\n[script.group-guard]\nmode = \"off\"\n";

/// A host with one script of its own beside those that it brings.
async fn start(toml: &str) -> TestHost {
    let folder = Arc::new(TempDir::new().unwrap());
    fs::create_dir(folder.path().join("scripts.d")).unwrap();
    fs::write(folder.path().join("scripts.d/counter.wasm"), counter(1)).unwrap();
    TestHost::start_in(folder, &format!("{SILENT}{toml}"), Arc::new(SystemClock)).await
}

impl TestHost {
    fn save(&self, toml: &str) {
        let file = self.folder.path().join("mynah.toml");
        let half = file.with_extension("half");
        fs::write(&half, format!("listen = \"127.0.0.1:0\"\n{SILENT}{toml}")).unwrap();
        fs::rename(half, file).unwrap();
    }

    fn replace(&self, bytes: &[u8]) {
        let half = self.folder.path().join("half");
        fs::write(&half, bytes).unwrap();
        fs::rename(half, self.folder.path().join("scripts.d/counter.wasm")).unwrap();
    }

    async fn counter(&self) -> Json {
        self.get("/api/v1/scripts/counter").await.1
    }

    async fn until(&self, what: &str, holds: impl Fn(&Json) -> bool) -> Json {
        wait_for(what, async || Some(self.counter().await).filter(&holds)).await
    }

    /// What the counter answers to a message, if anything.
    async fn answer(&self, text: &str) -> Option<String> {
        let account = self.running.host.account("sim").unwrap();
        let roster = account.roster();
        let group = roster.groups.iter().next().unwrap();
        let member = group.members.iter().find(|member| member.id != roster.user.id).unwrap();
        let before = self.outbox().await.len();
        account.sim().unwrap().say(Say::group(&group.id, &member.id, text)).await.unwrap();
        self.settle().await;
        let outbox = self.outbox().await;
        outbox.get(before).map(|sent| sent["text"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_is_in_force_from_the_next_event_on_and_nothing_else_changes() {
    let host = start(COUNTS).await;
    let before = host.counter().await;
    assert_eq!(host.answer("a").await.unwrap(), "a 1 release-00000001");

    host.save("[script.counter]\nmode = \"dry-run\"\nallow = [\"reply\"]\n");
    host.until("the dry run", |counter| counter["mode"] == "dry-run").await;
    assert_eq!(host.answer("b").await, None);

    host.save("[script.counter]\nallow = [\"recall\"]\npriority = 7\n");
    host.until("other grants", |counter| counter["grants"]["allow"] == json!(["recall"])).await;
    assert_eq!(host.answer("c").await, None);
    let refused = host.counter().await;
    assert_eq!(
        refused["refused"],
        json!([{ "action": "reply", "code": "grant.missing", "count": 1, "reason": "to say the number" }]),
        "{refused}"
    );
    assert_eq!(
        refused["asks"],
        json!([{ "name": "reply", "reason": "to say the number", "granted": false }])
    );
    assert_eq!(refused["lines"], "[script.counter]\nallow = [\"reply\", \"recall\"]\n");

    host.save(COUNTS);
    let after = host.until("the first grants", |counter| counter["lines"].is_null()).await;
    assert_eq!(host.answer("d").await.unwrap(), "d 4 release-00000001", "it saw every event");
    assert_eq!((&after["since"], &after["events"]), (&before["since"], &json!(3)), "it was not loaded again");
    let (_, scripts) = host.get("/api/v1/scripts").await;
    assert!(scripts.as_array().unwrap().iter().all(|script| script["grants_error"].is_null()), "{scripts}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_or_run_twice_while_grants_are_edited() {
    const EVENTS: usize = 300;
    let host = start(COUNTS).await;
    let saying = tokio::spawn({
        let host = host.running.host.clone();
        async move {
            let account = host.account("sim").unwrap();
            let roster = account.roster();
            let group = roster.groups.iter().next().unwrap().clone();
            let member = group.members.iter().find(|member| member.id != roster.user.id).unwrap().clone();
            for number in 0..EVENTS {
                let say = Say::group(&group.id, &member.id, number.to_string());
                account.sim().unwrap().say(say).await.unwrap();
            }
        }
    });
    let mut edits = 0;
    while !saying.is_finished() || edits < 3 {
        edits += 1;
        host.save(&format!("{COUNTS}priority = {edits}\nbudget = {{ kick = \"{edits}/min\" }}\n"));
        let (status, answer) = host.post("/api/v1/config/reload", json!({})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(host.counter().await["grants"]["priority"], edits);
    }
    saying.await.unwrap();
    host.settle().await;
    let answers: Vec<_> =
        host.outbox().await.iter().map(|sent| sent["text"].as_str().unwrap().to_owned()).collect();
    let right: Vec<_> = (0..EVENTS).map(|n| format!("{n} {} release-00000001", n + 1)).collect();
    assert_eq!(answers, right, "over {edits} edits");
    assert_eq!(host.counter().await["events"], EVENTS);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_edit_changes_nothing_and_names_the_key_and_the_line() {
    let host = start(COUNTS).await;
    for (text, says) in [
        ("[script.counter]\nbuget = {}\n", ["mynah.toml:7:1", "unknown key `buget`"]),
        ("[script.counter]\nallow = [\"kik\"]\n", ["mynah.toml:7:10", "did you mean `kick`?"]),
        ("[script.counter]\nallow = [\n", ["mynah.toml:7", "`]`"]),
        (
            "[script.counter]\nmode = \"off\"\n[script.welcome]\nsettings = { flod = \"6 in 10s\" }\n",
            ["mynah.toml:9", "`flod`"],
        ),
    ] {
        host.save(text);
        let counter = host.until(text, |counter| {
            counter["grants_error"].as_str().is_some_and(|error| says.iter().all(|it| error.contains(it)))
        });
        let counter = counter.await;
        assert_eq!((&counter["mode"], &counter["state"]), (&json!("live"), &json!("running")), "{text}");
        assert!(host.answer("still").await.unwrap().starts_with("still "), "{text}");
        let (status, answer) = host.post("/api/v1/config/reload", json!({})).await;
        assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("config.refused")), "{answer}");
        assert!(answer["text"].as_str().unwrap().contains(says[0]), "{answer}");
    }
    // As somebody leaves it who has just begun to write it anew.
    fs::write(host.folder.path().join("mynah.toml"), "\n").unwrap();
    host.until("a file that is empty", |counter| {
        counter["grants_error"].as_str().is_some_and(|error| error.contains("is empty"))
    })
    .await;
    assert!(host.answer("still").await.is_some(), "it takes nothing away");
    fs::remove_file(host.folder.path().join("mynah.toml")).unwrap();
    host.until("a file that is gone", |counter| {
        counter["grants_error"].as_str().is_some_and(|error| error.contains("cannot be read"))
    })
    .await;
    assert!(host.answer("still").await.is_some(), "it takes nothing away");
    host.save(COUNTS);
    host.until("a good file", |counter| counter["grants_error"].is_null()).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_restart_is_named_and_the_rest_is_in_force() {
    let host = start(COUNTS).await;
    host.save("max_clients = 7\n[script.counter]\nmode = \"off\"\n");
    // The top level ends where the first table begins: the key belongs to `[script.ping]` there, and is refused.
    host.until("a key out of its place", |counter| counter["grants_error"].is_string()).await;
    host.save("[api]\njsonp = true\n[script.counter]\nmode = \"off\"\n");
    host.until("off", |counter| counter["state"] == "off" && counter["grants_error"].is_null()).await;
    let (_, config) = host.get("/api/v1/config").await;
    assert_eq!((&config["needs_restart"], &config["error"]), (&json!(["api"]), &Json::Null), "{config}");
    host.save(COUNTS);
    wait_for("nothing that takes a restart", async || {
        let (_, config) = host.get("/api/v1/config").await;
        (config["needs_restart"] == json!([])).then_some(())
    })
    .await;
    assert_eq!(host.counter().await["state"], "running");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_import_is_taken_away_is_live_no_more_until_it_is_given_back() {
    let host = start(COUNTS).await;
    host.save(&format!("{COUNTS}imports = []\n"));
    let counter = host.until("no kv", |counter| counter["state"] == "refused").await;
    assert!(counter["release"].is_null(), "{counter}");
    assert!(counter["last_error"].as_str().unwrap().starts_with("import.not-granted"), "{counter}");
    assert_eq!(host.answer("a").await, None);
    host.save(COUNTS);
    host.until("kv again", |counter| counter["state"] == "running").await;
    assert!(host.answer("b").await.is_some());
    // A limit that the release does not fit is the same.
    host.save(&format!("{COUNTS}memory = \"64KiB\"\n"));
    let counter = host.until("no memory", |counter| counter["state"] == "refused").await;
    assert!(counter["last_error"].as_str().unwrap().starts_with("limit.memory"), "{counter}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_asks_for_more_waits_over_a_restart_until_it_is_let_in() {
    let toml = "[script.counter]\nallow = [\"reply\", \"kick\"]\n";
    let host = start(toml).await;
    let first = host.counter().await["release"].clone();
    host.replace(&component("eager"));
    let held = host.until("the eager one", |counter| counter["state"] == "held").await;
    assert_eq!(held["release"], first);
    let added = json!([{ "name": "kick", "reason": "to remove whoever does not count" }]);
    assert_eq!(held["held"]["added"], added, "{held}");
    assert_eq!(host.answer("a").await.unwrap(), "a 1 release-00000001", "the one before stays live");

    let folder = host.stop().await;
    let host = TestHost::start_in(folder, &format!("{SILENT}{toml}"), Arc::new(SystemClock)).await;
    let held = host.counter().await;
    assert_eq!((&held["state"], &held["release"]), (&json!("held"), &first), "after a restart too");
    assert!(host.answer("b").await.unwrap().ends_with("release-00000001"));

    let accept = |release: Json| host.post("/api/v1/scripts/counter/accept", json!({ "release": release }));
    let (status, answer) = accept(first.clone()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::CONFLICT, &json!("release.none")),
        "not the one that waits"
    );
    let (status, accepted) = accept(held["held"]["release"].clone()).await;
    assert_eq!((status, &accepted["state"]), (StatusCode::OK, &json!("running")), "{accepted}");
    assert_eq!(accepted["release"], held["held"]["release"]);
    assert_eq!(host.answer("c").await.unwrap(), "c eagerly");
    let (_, audit) = host.get("/api/v1/audit").await;
    assert!(audit.to_string().contains("\"accept\""), "{audit}");
    let (status, answer) = host.get("/api/v1/scripts/nobody").await;
    assert_eq!((status, &answer["code"]), (StatusCode::NOT_FOUND, &json!("script.unknown")));

    // What a release imports counts as asked for, said or not.
    host.replace(&counter(3));
    let held = host.until("one with state", |counter| counter["state"] == "held").await;
    assert_eq!(held["held"]["added"][0]["name"], "kv", "{held}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_new_release_waits_if_the_operator_holds_and_only_the_pinned_one_is_live() {
    let host = start(&format!("{COUNTS}update = \"hold\"\n")).await;
    host.replace(&counter(2));
    let held = host.until("a release that waits", |counter| counter["state"] == "held").await;
    assert_eq!(held["held"]["added"], json!([]), "{held}");
    assert!(host.answer("a").await.unwrap().ends_with("release-00000001"));
    // Deleting the file for a moment lets nothing in.
    let file = host.folder.path().join("scripts.d/counter.wasm");
    fs::remove_file(&file).unwrap();
    wait_for("its removal", async || {
        (host.get("/api/v1/scripts/counter").await.0 == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    host.replace(&counter(2));
    host.until("it waits again", |counter| counter["state"] == "held").await;
    assert!(host.answer("b").await.unwrap().ends_with("release-00000001"));

    let pin = held["held"]["release"].as_str().unwrap();
    host.save(&format!("{COUNTS}update = \"hold\"\npin = \"sha256:{pin}\"\n"));
    host.until("the pinned one", |counter| counter["release"] == pin).await;
    assert!(host.answer("c").await.unwrap().ends_with("release-00000002"));
    host.replace(&counter(3));
    let refused = host.until("another one", |counter| counter["state"] == "refused").await;
    assert!(refused["last_error"].as_str().unwrap().starts_with("release.pinned"), "{refused}");
    assert_eq!(refused["release"], pin);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scripts_folder_that_is_made_anew_is_watched_again() {
    let host = start(COUNTS).await;
    let dir = host.folder.path().join("scripts.d");
    fs::rename(&dir, host.folder.path().join("aside")).unwrap();
    for release in [4, 5] {
        if !dir.exists() {
            fs::create_dir(&dir).unwrap();
        }
        host.replace(&counter(release));
        let answer = format!("release-{release:08}");
        wait_for(&answer, async || host.answer("a").await.filter(|it| it.ends_with(&answer))).await;
    }
    host.stop().await;
}

#[test]
fn check_says_of_a_configuration_whether_a_host_could_start_and_which_scripts_would_be_live() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("scripts.d")).unwrap();
    fs::write(folder.path().join("scripts.d/counter.wasm"), counter(1)).unwrap();
    let save = |text: &str| fs::write(folder.path().join("mynah.toml"), text).unwrap();
    save("[script.counter]\nallow = []\n[script.gone]\nmode = \"off\"\n");
    let (code, stdout, stderr) = run(folder.path(), ["check"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("counter") && stdout.contains("live; asks for and may not: reply"), "{stdout}");
    assert!(stdout.contains("ping") && stdout.contains("not listed: live on sim only"), "{stdout}");
    assert!(stdout.contains("gone") && stdout.contains("there is no such script"), "{stdout}");

    save("[script.counter]\nimports = []\n");
    let (code, stdout, stderr) = run(folder.path(), ["check", "mynah.toml"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(
        stdout.contains("import.not-granted") && stderr.contains("would not be live"),
        "{stdout}{stderr}"
    );

    let key = "[[key]]\nname = \"a\"\nsecret = { file = \"nowhere\" }\n";
    for (text, says) in [
        ("[script.counter]\nbuget = {}", "unknown key `buget`"),
        (key, "nowhere"),
        ("listen = \"0.0.0.0:1\"", "refusing to listen"),
    ] {
        save(text);
        let (code, _, stderr) = run(folder.path(), ["check"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }

    save("[script.counter]\nallow = []\nupdate = \"hold\"\n");
    let (code, stdout, _) = run(folder.path(), ["check", "scripts.d/counter.wasm"]);
    assert_eq!(code, 0);
    for says in [
        "asks      reply (not granted): to say the number",
        "budget    kick 6/min, shutup 30/min",
        "update    hold",
        "limit     CPU time for one event: 50 ms (limit.deadline; `deadline` changes it)",
        "[script.counter]\nallow = [\"reply\"]\n",
    ] {
        assert!(stdout.contains(says), "{says}: {stdout}");
    }
}
