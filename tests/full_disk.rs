//! Nothing can be recorded for a while. A disk is full: a limit on the size of files stands for it, which is lifted while the host
//! runs. The host says so, takes nothing new, and goes on by itself: nothing is lost, done twice or out of order. It ends if told to.

use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::guests::counter;
use crate::support::{http, wait_for};

/// Bytes that a file may have: the database fits, its write-ahead log soon does not.
const ROOM: u64 = 400 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("mynah.toml"),
        "listen = \"127.0.0.1:0\"\n[script.group-guard]\nmode = \"off\"\n[script.counter]\nallow = [\"reply\"]\n",
    )
    .unwrap();
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/counter.wasm"), counter(0)).unwrap();
    let mut session = Session::start(without_signal(&mynah(folder.path(), ["run"])));
    let url = session.url().await;
    let client = http();
    let get = async |path: &str| client.get(format!("{url}{path}")).send().await.unwrap();
    wait_for("a host that is ready", async || get("/readyz").await.status().is_success().then_some(())).await;
    let groups: Json = get("/openqq/get_group_info").await.json().await.unwrap();
    let group = groups[0]["id"].as_str().unwrap();
    let members = groups[0]["member"].as_array().unwrap();
    let sender = members.iter().find(|member| member["role"] == "member").unwrap()["id"].clone();
    let say = async |number: usize| {
        let body = json!({ "group": group, "sender": sender, "text": number.to_string() });
        client.post(format!("{url}/api/v1/accounts/sim/sim/say")).json(&body).send().await.unwrap()
    };

    let disk = |room: Option<u64>| {
        let pid = Pid::from_raw(session.id().try_into().unwrap());
        prlimit(pid, Resource::Fsize, Rlimit { current: room, maximum: None }).unwrap();
    };
    disk(Some(ROOM));
    // A message that waits for the disk is not answered; from then on the host takes no more.
    let stalled = async || {
        let readyz = get("/readyz").await;
        let full = readyz.status() == 503 && readyz.json::<Json>().await.unwrap()["status"] == "stalled";
        full.then_some(())
    };
    let mut said = 0;
    let talk = async {
        loop {
            let answer = say(said).await;
            if answer.status() == 503 {
                break answer.json::<Json>().await.unwrap();
            }
            assert!(answer.status().is_success(), "{answer:?}");
            said += 1;
        }
    };
    let refused = tokio::select! {
        refused = talk => Some(refused),
        () = wait_for("a full disk", stalled) => None,
    };
    // Whichever was first: one that was under way is recorded when there is room, those after it were refused.
    let refused = match refused {
        Some(refused) => refused,
        None => say(0).await.json().await.unwrap(),
    };
    assert_eq!(refused["code"], "store.stalled", "{refused}");
    let sent: Json =
        get(&format!("/openqq/send_group_message?id={group}&content=x")).await.json().await.unwrap();
    assert_eq!(sent["code"], 503, "{sent}");

    disk(None);
    wait_for("room", async || get("/readyz").await.status().is_success().then_some(())).await;
    let last = wait_for("the message after it all", async || {
        let answer = say(1_000_000).await;
        answer.status().is_success().then_some(())
    });
    last.await;
    let answers = wait_for("all answers", async || {
        let outbox: Vec<Json> = get("/api/v1/accounts/sim/sim/outbox").await.json().await.unwrap();
        let texts: Vec<String> =
            outbox.iter().map(|deed| deed["text"].as_str().unwrap().to_owned()).collect();
        texts.last().is_some_and(|text| text.starts_with("1000000 ")).then_some(texts)
    })
    .await;
    let numbers: Vec<usize> =
        answers.iter().map(|text| text.split(' ').next().unwrap().parse().unwrap()).collect();
    // The one that waited for the disk may be among them although its caller was not answered.
    let waited = numbers.len() == said + 2;
    let expected: Vec<usize> = (0..said + usize::from(waited)).chain([1_000_000]).collect();
    assert_eq!(numbers, expected, "none lost, none twice, in order");
    let counts: Vec<String> = answers.iter().map(|text| text.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(counts, (1..=numbers.len()).map(|count| count.to_string()).collect::<Vec<_>>());
    session.terminate();
    assert_eq!(session.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_can_record_nothing_ends_when_it_is_told_to() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("mynah.toml"), "listen = \"127.0.0.1:0\"\n").unwrap();
    let mut session = Session::start(mynah(folder.path(), ["run"]));
    let url = session.url().await;
    let ready = async || {
        http().get(format!("{url}/readyz")).send().await.unwrap().status().is_success().then_some(())
    };
    wait_for("a host that is ready", ready).await;
    // Somebody else holds the database, and for good.
    let other = rusqlite::Connection::open(folder.path().join("data/mynah.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    session.terminate();
    assert!(session.ended().await.is_some(), "{}", session.log());
}

/// The same command, for which a file that grows too large is an error and no signal.
fn without_signal(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}
