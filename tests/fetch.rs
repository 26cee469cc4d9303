//! What scripts fetch: asked for as an action, done after the commit, answered by an event in the chat that asked.

use mynah_model::action::Outcome;
use mynah_model::event::EventBody;
use mynah_model::names::Seq;
use mynah_runtime::grants::{Grants, Mode, Rate};
use mynah_runtime::limits::{FETCHES_OPEN, FETCHES_PER_SCRIPT};
use mynah_runtime::{FetchGrants, ScriptSetup, SecretUse};
use mynah_store::OutboxState;
use serde_json::json;
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::guests::component;
use crate::support::host::TestHost;
use crate::support::house::{House, trusted, wait_for};
use crate::support::web::Web;
use crate::support::{http, wait_for as wait};

/// May fetch from these places.
fn granted(places: &[&str]) -> ScriptSetup {
    let origins = places.iter().map(|place| place.parse::<mynah_runtime::Origin>().unwrap().into()).collect();
    let setup = trusted();
    ScriptSetup {
        grants: Grants { fetch: FetchGrants { origins, secrets: Vec::new() }, ..setup.grants },
        ..setup
    }
}

async fn house(setup: ScriptSetup) -> House {
    House::plan().granted("fetcher", &component("fetcher"), setup).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_comes_back_as_an_event_in_the_chat_that_asked() {
    let web = Web::start().await;
    let house = house(granted(&[&web.url])).await;
    let asked = house.say("0", "m0", &format!("/get {}/page?q=1", web.url)).await;
    house.host.settled().await.unwrap();
    house.say("1", "m0", &format!("/post {}/form", web.url)).await;
    assert_eq!(house.sent().await, ["get: 200 GET /page?q=1", "post: 200 POST /form hello"]);

    let events = house.events().await;
    let finished = events.iter().find(|event| matches!(event.body, EventBody::FetchFinished { .. })).unwrap();
    assert_eq!((finished.cause, finished.depth), (Some(asked), 1));
    assert_eq!(finished.chat.as_ref().unwrap().id, "0");
    let outbox = house.outbox().await;
    let fetch = outbox.iter().find(|entry| entry.kind == "fetch").unwrap();
    assert_eq!(fetch.text.as_deref(), Some(format!("GET {}/page", web.url).as_str()), "without its query");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_not_asked_and_the_script_is_told_why() {
    let web = Web::start().await;
    let port = web.url.rsplit(':').next().unwrap().to_owned();
    let house = house(granted(&[&format!("http://localhost:{port}"), "https://example.org"])).await;
    for (url, code) in [
        (format!("{}/", web.url), "grant.fetch"),
        ("http://example.org/".to_owned(), "grant.fetch"),
        (format!("http://user@127.0.0.1:{port}/"), "action.invalid"),
        (format!("http://0x7f.1:{port}/"), "action.invalid"),
        ("nonsense".to_owned(), "action.invalid"),
        // A name is granted for public addresses, unless it is granted as private.
        (format!("http://localhost:{port}/"), "fetch.address"),
    ] {
        let before = house.sent().await.len();
        house.say("0", "m0", &format!("/get {url}")).await;
        let sent = house.sent().await;
        assert_eq!(sent.len(), before + 1, "{url}: one answer");
        assert!(sent[before].starts_with(&format!("get: {code}: ")), "{url}: {}", sent[before]);
    }
    assert!(web.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_its_server_and_nothing_else() {
    let web = Web::start().await;
    let mut setup = granted(&[&web.url]);
    let used = SecretUse::new("key", "authorization", "Bearer ", vec![web.url.parse().unwrap()]).unwrap();
    setup.grants.fetch.secrets.push(used.with("Tr0ub4dor").unwrap());
    let house = house(setup).await;
    house.say("0", "m0", &format!("/key {}/", web.url)).await;
    house.say("0", "m0", "/key https://example.org/").await;
    let sent = house.sent().await;
    assert_eq!(web.heard(), ["GET / Bearer Tr0ub4dor"]);
    assert!(sent.contains(&"key: 200 GET /".to_owned()), "{sent:?}");
    house.host.shutdown().await;
    for file in std::fs::read_dir(house.data()).unwrap().map(|file| file.unwrap().path()) {
        let bytes = if file.is_file() { std::fs::read(&file).unwrap() } else { Vec::new() };
        assert!(!bytes.windows(9).any(|part| part == b"Tr0ub4dor"), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_fetches_ends() {
    let web = Web::start().await;
    let house = house(granted(&[&web.url])).await;
    house.say("0", "m0", &format!("/chase {}/", web.url)).await;
    house.host.settled().await.unwrap();
    assert_eq!(web.heard().len(), 3, "the fourth would be more than 3 deep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_asks_many_times_whenever_it_is_told_is_told_a_thousand_times_a_minute() {
    let house = house(trusted()).await;
    let asked = house.say("0", "m0", "/multiply https://example.org/").await;
    house.host.settled().await.unwrap();
    let events = house.events().await;
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.seq > asked && matches!(event.body, EventBody::FetchFinished { .. }))
        .collect();
    let (first, last) = (told.first().unwrap().received_at, told.last().unwrap().received_at);
    let most = 1_001 + usize::try_from((last - first) / 60).unwrap();
    assert!((1_000..=most).contains(&told.len()), "{} in {} ms", told.len(), last - first);
    let untold =
        house.host.script("fetcher").unwrap().refused.into_iter().find(|it| it.action == "result").unwrap();
    assert_eq!(untold.code, "budget.exhausted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_holds_up_nobody_in_the_chat() {
    let web = Web::start().await;
    let house = house(granted(&[&web.url])).await;
    house.say("0", "m0", &format!("/get {}/slow", web.url)).await;
    wait_for("the slow fetch", || !web.heard().is_empty()).await;
    house.say("0", "m0", "/hello").await;
    wait("the other answer", async || {
        let done = house.host.outbox(&house.account).await.unwrap();
        done.iter().any(|entry| entry.text.as_deref() == Some("hello yourself")).then_some(())
    })
    .await;
    web.let_go();
    assert_eq!(house.sent().await, ["hello yourself", "get: 200 GET /slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_has_so_many_fetches_open_and_so_many_a_minute() {
    let web = Web::start().await;
    let mut setup = granted(&[&web.url]);
    setup.grants.budget.insert("fetch".into(), Rate { count: 100, per_ms: 60_000 });
    let house = house(setup).await;
    for group in ["0", "1"] {
        house.say(group, "m0", &format!("/flood 50 {}/slow", web.url)).await;
    }
    wait_for("all that may be under way", || web.heard().len() >= FETCHES_PER_SCRIPT).await;
    wait("refusals", async || {
        let done = house.host.outbox(&house.account).await.unwrap();
        let refused = done.iter().filter(|entry| entry.text.as_ref().unwrap().contains("limit.fetches"));
        (refused.count() == 100 - FETCHES_OPEN).then_some(())
    })
    .await;
    assert_eq!(web.heard().len(), FETCHES_PER_SCRIPT);
    web.let_go();
    let sent = house.sent().await;
    assert_eq!(sent.len(), 100, "each has its answer");
    assert_eq!(web.heard().len(), FETCHES_OPEN);
    house.say("0", "m0", &format!("/get {}/", web.url)).await;
    assert!(house.sent().await[100].starts_with("get: budget.exhausted: "));
    house.clock.advance(60_000);
    house.say("0", "m0", &format!("/get {}/", web.url)).await;
    assert_eq!(house.sent().await[101], "get: 200 GET /");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_runs_dry_fetches_nothing_and_is_told() {
    let web = Web::start().await;
    let mut setup = granted(&[&web.url]);
    setup.grants.mode = Mode::DryRun;
    let house = house(setup).await;
    house.say("0", "m0", &format!("/get {}/", web.url)).await;
    let events = house.events().await;
    let told = events.iter().find_map(|event| match &event.body {
        EventBody::FetchFinished { response, .. } => Some(response.clone()),
        _ => None,
    });
    assert!(told.unwrap().unwrap_err().starts_with("dry-run: "));
    assert!(web.heard().is_empty() && house.outbox().await.is_empty());
}

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[script.fetcher]
allow = ["reply"]
fetch = ["WEB"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_the_host_was_killed_is_not_repeated_and_what_was_not_begun_is_done() {
    let web = Web::start().await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("mynah.toml"), CONFIG.replace("WEB", &web.url)).unwrap();
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/fetcher.wasm"), component("fetcher")).unwrap();
    let mut session = Session::start(mynah(folder.path(), ["run"]));
    let url = ready(&mut session).await;
    let say = json!({ "group": "552603", "sender": "10002", "text": format!("/flood 6 {}/slow", web.url) });
    let said = http().post(format!("{url}/api/v1/accounts/sim/sim/say")).json(&say).send().await.unwrap();
    let asked = Seq(said.json::<serde_json::Value>().await.unwrap()["seq"].as_u64().unwrap());
    wait("all that may be under way", async || (web.heard().len() == FETCHES_PER_SCRIPT).then_some(())).await;
    drop(session); // SIGKILL

    web.let_go();
    let mut session = Session::start(mynah(folder.path(), ["run"]));
    let url = ready(&mut session).await;
    let mut told = wait("six answers", async || {
        let outbox = http().get(format!("{url}/api/v1/accounts/sim/sim/outbox")).send().await.unwrap();
        let outbox: Vec<serde_json::Value> = outbox.json().await.unwrap();
        let said = outbox.iter().filter(|entry| entry["kind"] == "send");
        let said: Vec<_> = said.map(|entry| entry["text"].as_str().unwrap().to_owned()).collect();
        (said.len() == 6).then_some(said)
    })
    .await;
    session.terminate();
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
    told.sort();
    let unknown = told.iter().filter(|text| text.contains(": fetch.unknown: ")).count();
    let done = told.iter().filter(|text| text.ends_with(": 200 GET /slow")).count();
    assert_eq!((unknown, done), (FETCHES_PER_SCRIPT, 2), "{told:?}");
    assert_eq!(web.heard().len(), 6, "each was asked once");

    let (store, _) =
        mynah_store::Store::open(&folder.path().join("data/mynah.db"), mynah_store::Durability::Process)
            .unwrap();
    let acts = store.read(|reader| reader.acts_of(asked)).unwrap();
    let ended = |outcome| acts.iter().filter(|row| row.state == OutboxState::Ended(outcome)).count();
    assert_eq!((ended(Outcome::Unknown), ended(Outcome::Done)), (FETCHES_PER_SCRIPT, 2));
}

async fn ready(session: &mut Session) -> String {
    let url = session.url().await;
    wait("a host that is ready", async || {
        http().get(format!("{url}/readyz")).send().await.ok()?.status().is_success().then_some(())
    })
    .await;
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_weather_is_looked_up_with_a_key_that_the_rule_never_sees() {
    let web = Web::start().await;
    let folder = std::sync::Arc::new(TempDir::new().unwrap());
    std::fs::write(folder.path().join("weather.key"), "Tr0ub4dor\n").unwrap();
    let toml = r#"
        [script.weather]
        allow = ["reply"]
        fetch = ["WEB"]
        secrets = { key = { file = "weather.key", prefix = "Bearer ", hosts = ["WEB"] } }
        settings = { url = "WEB/now?q={place}", secret = "key" }
    "#
    .replace("WEB", &web.url);
    let host = TestHost::start_in(folder, &toml, std::sync::Arc::new(mynah_model::clock::SystemClock)).await;
    let body = json!({ "group": "552603", "sender": "10002", "text": "/天气 北京" });
    host.post("/api/v1/accounts/sim/sim/say", body).await;
    host.settle().await;
    let outbox = host.outbox().await;
    assert_eq!(outbox.last().unwrap()["text"], "GET /now?q=%E5%8C%97%E4%BA%AC", "{outbox:?}");
    assert_eq!(web.heard(), ["GET /now?q=%E5%8C%97%E4%BA%AC Bearer Tr0ub4dor"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_weather_that_nobody_granted_says_what_is_missing() {
    let (host, _) = TestHost::start_virtual("").await;
    let body = json!({ "group": "552603", "sender": "10002", "text": "/weather Bonn" });
    host.post("/api/v1/accounts/sim/sim/say", body).await;
    host.settle().await;
    let outbox = host.outbox().await;
    let said = outbox.last().unwrap()["text"].as_str().unwrap();
    assert!(said.contains("grant.fetch") && said.contains("https://wttr.in"), "{said}");
    host.stop().await;
}
