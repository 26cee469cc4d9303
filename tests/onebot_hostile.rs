//! `mynah run` on a QQ account whose peer sends nonsense, whichever way they reach each other; and over TLS with
//! certificates that the environment names.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::onebot_peer::{ANN, GROUP, ME, Peer, Played, eventually};
use crate::support::onebot_way::Way;
use crate::support::tls_front::{Authority, Front};
use crate::support::{http, wait_for};

async fn peer() -> Peer {
    Peer::start_with(Played::NapCat, Some("s3cret")).await
}

/// A host as a process of its own, on a peer; and where its API is.
async fn run(peer: &mut Peer, way: Way, folder: &TempDir) -> (Session, String) {
    let reach = way.keys(peer).await;
    let toml = format!(
        "listen = \"127.0.0.1:0\"\n[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\n{reach}\naccess_token = \"s3cret\"\npace = \"1000/s\"\n[script.ping]\nallow = [\"reply\"]\n"
    );
    std::fs::write(folder.path().join("mynah.toml"), toml).unwrap();
    let mut host = Session::start(mynah(folder.path(), ["run"]));
    let url = host.url().await;
    way.connect(peer, &url);
    running(&url).await;
    (host, url)
}

/// The account, once it is running.
async fn running(url: &str) -> Json {
    wait_for("a running account", async || account(url).await.filter(|account| account["state"] == "running"))
        .await
}

async fn account(url: &str) -> Option<Json> {
    http().get(format!("{url}/api/v1/accounts/qq")).send().await.ok()?.json().await.ok()
}

/// Events that make no sense, or little.
fn nonsense() -> Vec<(String, &'static str)> {
    let event = |fields: Json| {
        let mut event = json!({
            "time": 1_700_000_000, "self_id": ME, "post_type": "message", "message_type": "group", "group_id": GROUP,
            "user_id": ANN,
        });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        event.to_string()
    };
    vec![
        ("{".to_owned(), "malformed"),
        ("[1, 2]".to_owned(), "malformed"),
        ("[".repeat(200_000), "malformed"),
        (format!("{{\"post_type\":{}", "{\"a\":".repeat(200_000)), "malformed"),
        ("{}".to_owned(), "neither"),
        (json!({ "post_type": null, "data": null }).to_string(), "neither"),
        (json!({ "status": "ok", "retcode": 0, "data": null, "echo": "999999" }).to_string(), "late-answer"),
        (event(json!({ "user_id": {}, "message": [[]] })), "incomplete"),
        (event(json!({ "group_id": "abc", "message_id": [1], "sender": 7 })), "incomplete"),
        (json!({ "self_id": ME, "post_type": "notice", "notice_type": "group_increase", "group_id": GROUP }).to_string(), "incomplete"),
        (event(json!({ "self_id": 999, "message_id": 1, "message": "not mine" })), "other-account"),
        // These are heard; said twice, the second time they are known.
        (event(json!({ "message_id": 2, "message": "no sender", "sender": null })), "duplicate"),
        (event(json!({ "message_id": 3, "message": [{ "type": "hologram", "data": null }, { "data": 7 }, 7, null], "sender": [] })), "duplicate"),
        (event(json!({ "message_id": 4, "message": vec![json!({ "type": "text", "data": { "text": "a" } }); 3_000] })), "duplicate"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_counted_logged_once_for_each_kind_and_costs_nothing_else() {
    for way in Way::ALL {
        let folder = TempDir::new().unwrap();
        let mut peer = peer().await;
        let (host, url) = run(&mut peer, way, &folder).await;
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for round in 0..2 {
            for (frame, kind) in nonsense() {
                peer.send_raw(frame);
                let counts = kind != "duplicate" || round == 1;
                *expected.entry(kind).or_default() += u64::from(counts);
            }
        }
        expected.insert("many-segments", 2);
        if way != Way::Http {
            peer.send_binary(vec![0; 1_000]);
            expected.insert("binary", 1);
            let pongs = peer.pongs();
            peer.ping();
            eventually("a pong", || (peer.pongs() > pongs).then_some(())).await;
        }
        let sent = peer.sent_count();
        peer.say(GROUP, ANN, "ping");
        peer.wait_for_sent(sent + 1).await;
        assert_eq!(counted(&url).await, expected, "{way:?}");

        // Fifty megabytes cost the connection, where there is one.
        let logins = peer.calls("get_login_info").len();
        peer.send_raw("x".repeat(50 << 20));
        expected.insert("too-large", 1);
        wait_for("the count", async || (counted(&url).await == expected).then_some(())).await;
        if way != Way::Http {
            // Or what is said next is said into the connection that is lost.
            eventually("a new login", || (peer.calls("get_login_info").len() > logins).then_some(())).await;
        }
        let account = running(&url).await;
        let gaps = u64::from(way != Way::Http);
        assert_eq!(account["connection"]["gaps"], gaps, "{way:?}: {account}");
        peer.say(GROUP, ANN, "ping");
        peer.wait_for_sent(sent + 2).await;

        let log = host.log();
        let logged = log.matches("OneBot peer is odd; more of this kind is counted and not logged").count();
        assert_eq!(logged, expected.len(), "{way:?}: once for each kind\n{log}");
        assert!(!log.contains("panicked") && !log.contains("no sender") && !log.contains("s3cret"), "{log}");
        assert!(host.peak_memory() < 512 << 20, "{way:?}: {} bytes", host.peak_memory());
    }
}

async fn counted(url: &str) -> BTreeMap<&'static str, u64> {
    let account = account(url).await.unwrap();
    let oddities = account["connection"]["oddities"].as_object().unwrap().clone();
    oddities.into_iter().map(|(kind, count)| (&*kind.leak(), count.as_u64().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_the_environment_names_is_trusted() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    let file = folder.path().join("authority.pem");
    authority.write(&file);
    let peer = peer().await;
    let front = Front::before(peer.address, &authority.issue("localhost", 2099)).await;
    let toml = format!(
        "listen = \"127.0.0.1:0\"\n[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\nurl = \"wss://localhost:{}\"\naccess_token = \"s3cret\"\n",
        front.port
    );
    std::fs::write(folder.path().join("mynah.toml"), toml).unwrap();
    let mut command = mynah(folder.path(), ["run"]);
    let mut host = Session::start(command.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", &file));
    let url = host.url().await;
    running(&url).await;
}
