//! What an operator sees of a running `mynah`, from outside: over HTTP, and of the process itself.

use std::fs;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::guests::{component, counter};
use crate::support::host::TestHost;
use crate::support::{http, wait_for};

/// A host with the counter and nothing else that talks, as a process of its own.
struct Operated {
    session: Session,
    folder: TempDir,
    url: String,
    http: reqwest::Client,
}

impl Operated {
    async fn start(script: &str, bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let config = format!("listen = \"127.0.0.1:0\"\n[script.{script}]\nallow = [\"reply\"]\n");
        fs::write(folder.path().join("mynah.toml"), config).unwrap();
        fs::create_dir(folder.path().join("scripts.d")).unwrap();
        fs::write(folder.path().join(format!("scripts.d/{script}.wasm")), bytes).unwrap();
        let mut session = Session::start(mynah(folder.path(), ["run"]));
        let url = session.url().await;
        let host = Self { session, folder, url, http: http() };
        wait_for("a running account", async || {
            (host.get("/api/v1/accounts").await[0]["state"] == "running").then_some(())
        })
        .await;
        host
    }

    async fn get(&self, path: &str) -> Json {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn script(&self, name: &str) -> Json {
        let scripts = self.get("/api/v1/scripts").await;
        scripts.as_array().unwrap().iter().find(|script| script["name"] == name).cloned().unwrap_or_default()
    }

    /// The number of the event.
    async fn say(&self, text: &str) -> u64 {
        let groups = self.get("/openqq/get_group_info").await;
        let group = &groups[0];
        let members = group["member"].as_array().unwrap();
        let sender = members.iter().find(|member| member["role"] == "member").unwrap();
        let said = json!({ "group": group["id"], "sender": sender["id"], "text": text });
        let url = format!("{}/api/v1/accounts/sim/sim/say", self.url);
        let answer: Json = self.http.post(url).json(&said).send().await.unwrap().json().await.unwrap();
        answer["seq"].as_u64().unwrap()
    }

    /// What a script answered to an event.
    async fn answer(&self, script: &str, cause: u64) -> String {
        wait_for("an answer", async || {
            let outbox = self.get("/api/v1/accounts/sim/sim/outbox").await;
            let by = format!("script:{script}");
            let mut deeds = outbox.as_array().unwrap().iter();
            let deed = deeds.find(|deed| deed["by"] == by.as_str() && deed["cause"] == cause)?;
            Some(deed["text"].as_str().unwrap().to_owned())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administration_says_why_a_file_is_not_used_while_the_old_release_answers() {
    let host = Operated::start("counter", &counter(1)).await;
    let live = host.script("counter").await;
    assert_eq!(live["state"], "running", "{live}");
    let good = counter(2);
    let cases: [(&str, &[u8], &str); 4] = [
        ("truncated", &good[..good.len() / 2], "component.invalid"),
        ("no component", b"\0asm this is not one", "component.invalid"),
        ("trapping at start", &component("unstartable"), "describe.failed"),
        ("missing import", &component("sockets"), "import.refused"),
    ];
    for (what, bytes, code) in cases {
        let file = host.folder.path().join("scripts.d/counter.wasm");
        fs::write(host.folder.path().join("apart"), bytes).unwrap();
        fs::rename(host.folder.path().join("apart"), file).unwrap();
        let refused = wait_for(what, async || {
            let script = host.script("counter").await;
            script["last_error"].as_str().is_some_and(|error| error.starts_with(code)).then_some(script)
        })
        .await;
        assert_eq!((&refused["state"], &refused["release"]), (&json!("refused"), &live["release"]), "{what}");
        let seq = host.say(what).await;
        assert!(host.answer("counter", seq).await.ends_with("release-00000001"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_a_script_does_not_know_is_named_with_the_one_that_was_meant() {
    let (host, _) = TestHost::start_virtual(
        "[script.group-guard]\nsettings = { flood = \"6 in 10s\" }\n[script.group-guard.chat.\"sim/group/1\"]\nsettings = { flod = \"1 in 2s\" }",
    )
    .await;
    let (_, scripts) = host.get("/api/v1/scripts").await;
    let guard = scripts.as_array().unwrap().iter().find(|script| script["name"] == "group-guard").unwrap();
    let error = guard["last_error"].as_str().unwrap();
    assert_eq!(guard["state"], "refused", "{error}");
    assert!(
        error.contains("`flod` in the settings for `sim/group/1`") && error.contains("`flood`"),
        "{error}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_allocates_without_end_costs_the_process_no_more_than_its_limit() {
    let mut host = Operated::start("hostile", &component("hostile")).await;
    let seq = host.say("fine").await;
    assert_eq!(host.answer("hostile", seq).await, "fine");
    let before = host.session.peak_memory();
    for _ in 0..4 {
        host.say("allocate").await;
    }
    let faults = async || host.script("hostile").await;
    let status = wait_for("four faults", async || {
        let status = faults().await;
        (status["faults"] == 4).then_some(status)
    })
    .await;
    assert!(status["last_error"].as_str().unwrap().starts_with("limit.memory"), "{status}");
    let (limit, after) = (64 << 20, host.session.peak_memory());
    println!("peak memory before {} MiB, after four tries {} MiB", before >> 20, after >> 20);
    // Messages of one chat are handled one after the other, so one instance at a time may be that large. What else the
    // process allocates meanwhile is less than half of that.
    assert!(after - before <= limit + limit / 2, "{} MiB more", (after - before) >> 20);
    host.session.terminate();
    assert_eq!(host.session.ended().await, Some(0));
}
