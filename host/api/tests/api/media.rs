//! Pictures and files through the API: what is taken, what is refused, and what becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::Redirect;
use axum::routing::get;
use mynah_api::ApiSettings;
use mynah_model::action::Act;
use mynah_model::clock::SystemClock;
use mynah_model::event::{AccountState, EventBody};
use mynah_model::message::{Media, Segment};
use mynah_model::names::Seq;
use mynah_networks::sim::{Sim, SimConfig};
use mynah_networks::{AvatarOf, Boxed, Network, NetworkError, Receipt, Redelivery, Sink, StopSignal};
use mynah_runtime::{ApiKind, MediaConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::endpoint::{self, Endpoint};
use crate::reporting::{Reporting, posting_to, settings};
use crate::stage::{Answer, PATIENCE, Stage, read, request};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const PNG_BASE64: &str = "iVBORw0KGgoAAAANSUhEUg==";

/// A stage whose callers may send what lies in `folder`.
async fn stage(folder: &TempDir, allow: &[String]) -> Stage {
    fs::create_dir_all(folder.path().join("open")).unwrap();
    Stage::with_media(ApiSettings::default(), kept_in(folder, allow)).await
}

fn kept_in(folder: &TempDir, allow: &[String]) -> MediaConfig {
    MediaConfig {
        dir: Some(folder.path().join("media")),
        folders: vec![folder.path().join("open")],
        allow: allow.iter().map(|place| place.parse().unwrap()).collect(),
        ..MediaConfig::default()
    }
}

/// How many pictures and files are held.
fn held(folder: &TempDir) -> usize {
    let files = fs::read_dir(folder.path().join("media")).unwrap();
    files.filter(|file| !file.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".about")).count()
}

/// Posts a multipart form with one file.
async fn post_file(stage: &Stage, path: &str, name: &str, bytes: &[u8]) -> Answer {
    let head =
        format!("--B\r\nContent-Disposition: form-data; name=\"media_data\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), bytes, b"\r\n--B--\r\n"].concat();
    let request = request("POST", path)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=B")
        .header(header::CONTENT_LENGTH, body.len());
    stage.call(request.body(Body::from(body)).unwrap()).await
}

/// A server on this machine; its place as `allow` names it.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_uploaded_in_any_way_is_one_file_with_one_id() {
    let folder = TempDir::new().unwrap();
    let web = serve(
        Router::new()
            .route("/pictures/%E5%9B%BE.png", get(|| async { ([(header::CONTENT_TYPE, "text/html")], PNG) })),
    )
    .await;
    let stage = stage(&folder, std::slice::from_ref(&web)).await;
    let path = folder.path().join("open/a.jpg");
    fs::write(&path, PNG).unwrap();
    let path = path.to_str().unwrap();
    let url = format!("http://{web}/pictures/%E5%9B%BE.png");

    let mut answers = vec![
        (stage.get(&format!("/openwx/upload_media?media_path={path}")).await, "a.jpg"),
        (stage.get(&format!("/openwx/upload_media?media_path={}", url.replace('%', "%25"))).await, "图.png"),
        (
            stage
                .post(
                    "/openwx/upload_media",
                    json!({ "media_data": PNG_BASE64, "media_name": "b" }).to_string(),
                )
                .await,
            "b.png",
        ),
        (post_file(&stage, "/openwx/upload_media", "图片.png", PNG).await, "图片.png"),
    ];
    let form = request("POST", "/openwx/upload_media")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    answers.push((
        stage.call(form.body(Body::from(format!("media_data={PNG_BASE64}"))).unwrap()).await,
        "media.png",
    ));
    let mut ids = Vec::new();
    for (answer, name) in answers {
        let answer = answer.json();
        for (field, expected) in [
            ("code", json!(0)),
            ("media_name", json!(name)),
            ("media_size", json!(PNG.len())),
            ("media_mime", json!("image/png")),
            ("media_ext", json!("png")),
        ] {
            assert_eq!(answer[field], expected, "{field}: {answer}");
        }
        assert!(answer["media_mtime"].as_i64().is_some_and(|time| time > 1_500_000_000), "{answer}");
        assert!(answer["media_path"].as_str().is_some_and(|path| !path.is_empty()), "{answer}");
        ids.push(answer["media_id"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!((ids.len(), held(&folder)), (1, 1));
    assert!(ids[0].starts_with("@crypt_") && ids[0].ends_with(":3"), "{ids:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_sent_is_an_error_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let web = serve(
        Router::new()
            .route("/in", get(|| async { Redirect::temporary("http://127.0.0.1:8080/") }))
            .route("/v6", get(|| async { Redirect::temporary("http://[::ffff:127.0.0.1]:8080/") })),
    )
    .await;
    let stage = stage(&folder, std::slice::from_ref(&web)).await;
    let open = folder.path().join("open").display().to_string();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    for (parameters, code, expected) in [
        (String::new(), 400, "media missing"),
        ("media_path=".into(), 400, "media missing"),
        ("media_id=@crypt_1eb0ba44_cb3de736e6ccd5ae8:3".into(), 400, "is no media id"),
        (format!("media_id=@crypt_{}_{}:3", "0".repeat(8), "0".repeat(56)), 100, "no media"),
        ("media_data=a+b".into(), 400, "%2B"),
        ("media_data=%2A".into(), 400, "no base64"),
        (format!("media_path={open}/../secret"), 400, "no such file"),
        (format!("media_path={open}/%2e%2e/secret"), 400, "no such file"),
        (format!("media_path={open}/missing"), 400, "no such file"),
        ("media_path=/etc/passwd".into(), 400, "no such file"),
        ("media_path=/proc/self/environ".into(), 400, "no such file"),
        ("media_path=/dev/zero".into(), 400, "no such file"),
        ("media_path=..%2F..%2Fetc%2Fpasswd".into(), 400, "whole path"),
        ("media_path=file:///etc/passwd".into(), 400, "whole path"),
        ("media_path=http://localhost:8080/".into(), 400, "loopback"),
        ("media_path=http://127.0.0.1:8080/".into(), 400, "loopback"),
        ("media_path=http://[::1]:8080/".into(), 400, "loopback"),
        ("media_path=http://[::ffff:7f00:1]:8080/".into(), 400, "IPv6 form"),
        ("media_path=http://2130706433:8080/".into(), 400, "another way to write"),
        ("media_path=http://169.254.169.254/latest/meta-data".into(), 400, "link-local"),
        (format!("media_path=http://{web}/in"), 400, "loopback"),
        (format!("media_path=http://{web}/v6"), 400, "IPv6 form"),
        (format!("media_path=http://{web}/nothing"), 201, "status 404"),
    ] {
        let answer = stage.get(&format!("/openwx/upload_media?{parameters}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{parameters}");
        let answer = answer.json();
        assert_eq!(answer["code"], code, "{parameters}: {answer}");
        assert!(answer["status"].as_str().unwrap().contains(expected), "{parameters}: {answer}");
        assert!(answer.get("media_id").is_none(), "{parameters}: {answer}");
    }
    assert_eq!(held(&folder), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_mebibytes_are_taken_and_no_more_and_only_where_media_are_expected() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder, &[]).await;
    let most = vec![7; 20 << 20];
    let answer = post_file(&stage, "/openwx/upload_media", "a.bin", &most).await;
    assert_eq!(answer.json()["media_size"], most.len(), "{}", answer.text);
    let answer = post_file(&stage, "/openwx/upload_media", "a.bin", &[most.as_slice(), b"x"].concat()).await;
    assert_eq!(answer.json()["code"], 400, "{}", answer.text);
    assert!(answer.text.contains("more than 20971520 bytes"), "{}", answer.text);
    let answer = post_file(&stage, "/openwx/upload_media", "a.bin", &vec![7; 33 << 20]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text);
    let answer = post_file(&stage, "/openwx/get_client_info", "a.bin", &most).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text);
    assert_eq!(held(&folder), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_few_large_bodies_are_read_at_once() {
    let settings = ApiSettings { media_bodies: 1, ..ApiSettings::default() };
    let stage = Stage::new(settings).await;
    let slow = || Body::from_stream(futures_util::stream::pending::<Result<&[u8], std::io::Error>>());
    let request_of = |body: Body| {
        request("POST", "/openwx/upload_media")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, 2 << 20)
            .body(body)
            .unwrap()
    };
    let router = stage.router.clone();
    // Those below may have taken the room at that moment: then it comes again.
    let first = tokio::spawn(async move {
        loop {
            let answer = tower::ServiceExt::oneshot(router.clone(), request_of(slow())).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    });
    let refused = async {
        loop {
            let answer = stage.call(request_of(Body::from("{}"))).await;
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert!(answer.text.contains("too many files"), "{}", answer.text);
    assert_eq!(stage.post("/openwx/upload_media", "{}").await.json()["code"], 400, "small ones are read");
    first.abort();
    stage.end().await;
}

/// The message of an event.
async fn message(stage: &Stage, seq: u64) -> (String, Vec<Segment>) {
    let events = stage.host.events(Seq(seq), 1).await.unwrap();
    match &events[0].body {
        EventBody::MessageReceived(message) => (message.text.clone(), message.segments.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_send_lies_in_the_media_folder_and_can_be_sent_on() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder, &[]).await;
    let seq = stage
        .say(json!({ "friend": "2457053936", "text": "看", "media": { "name": "../图.jpg", "data": PNG_BASE64 } }))
        .await;
    let (text, segments) = message(&stage, seq).await;
    assert_eq!(text, "看[image]");
    let Some(Segment::Image(Media { id, path, name, mime, size, .. })) = segments.last() else {
        panic!("{segments:?}")
    };
    assert_eq!(
        (name.as_deref(), mime.as_deref(), *size),
        (Some("图.jpg"), Some("image/png"), Some(PNG.len() as u64)),
        "the type is told by the bytes"
    );
    let file = folder.path().join("media").join(path.as_deref().unwrap());
    assert_eq!(fs::read(&file).unwrap(), PNG);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(id.as_deref().unwrap().ends_with(":3"));
    let file = fs::canonicalize(file).unwrap();
    let again = stage.get(&format!("/openwx/upload_media?media_path={}", file.display())).await.json();
    assert_eq!(again["media_id"].as_str(), id.as_deref());

    let seq = stage.say(json!({ "friend": "2457053936", "media": { "data": "aGk=" } })).await;
    let (text, segments) = message(&stage, seq).await;
    assert_eq!(text, "[file]");
    assert!(matches!(&segments[..], [Segment::File(Media { name: Some(name), .. })] if name == "media.txt"));
    for (fields, expected) in [
        (json!({ "friend": "2457053936" }), "both `text` and `media` are missing"),
        (json!({ "friend": "2457053936", "media": { "data": "?" } }), "no base64"),
        (json!({ "friend": "2457053936", "media": { "data": "" } }), "the file is empty"),
    ] {
        let answer = stage.post("/api/v1/accounts/qq/sim/say", fields.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields}");
        assert!(answer.text.contains(expected), "{fields}: {}", answer.text);
    }
    stage.end().await;
}

/// The picture of somebody.
async fn avatar(stage: &Stage, query: &str) -> Response<Body> {
    stage.send(request("GET", &format!("/openwx/get_avatar?{query}")).body(Body::empty()).unwrap()).await
}

async fn picture(stage: &Stage, query: &str) -> Vec<u8> {
    let answer = avatar(stage, query).await;
    assert_eq!(answer.status(), StatusCode::OK, "{query}");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/png", "{query}");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, max-age=3600", "{query}");
    axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_has_a_picture_that_is_the_same_in_every_run() {
    let (one, other) = (Stage::new(ApiSettings::default()).await, Stage::new(ApiSettings::default()).await);
    let mut pictures = Vec::new();
    for query in [
        "",
        "id=2457053936",
        "id=2617047292",
        "group_id=2617047292&id=2832277643",
        "group_id=2617047292&id=2832277645",
    ] {
        let bytes = picture(&one, query).await;
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{query}");
        assert_eq!(bytes, picture(&other, query).await, "{query}");
        assert!(!pictures.contains(&bytes), "{query} looks like somebody else");
        pictures.push(bytes);
    }
    let unknown = read(avatar(&one, "id=nobody").await).await;
    assert_eq!(unknown.json(), json!({ "code": 100, "status": "object not found" }));
    one.end().await;
    other.end().await;
}

/// The embedded network with pictures that somebody else paints.
struct Painted {
    sim: Arc<Sim>,
    picture: Option<&'static [u8]>,
}

impl Network for Painted {
    fn kind(&self) -> &'static str {
        "sim"
    }

    fn run(
        self: Arc<Self>,
        sink: Arc<dyn Sink>,
        stop: StopSignal,
    ) -> Boxed<'static, Result<(), NetworkError>> {
        self.sim.clone().run(sink, stop)
    }

    fn perform<'a>(&'a self, act: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        self.sim.perform(act)
    }

    fn avatar<'a>(&'a self, _: &'a AvatarOf) -> Boxed<'a, Result<Vec<u8>, NetworkError>> {
        Box::pin(async {
            match self.picture {
                Some(b"") => Err(NetworkError::Unsupported { network: "sim", action: "avatar".into() }),
                Some(bytes) => Ok(bytes.to_vec()),
                None => std::future::pending().await,
            }
        })
    }

    fn redelivery(&self) -> Redelivery {
        self.sim.redelivery()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_does_not_come_or_is_none_is_503_and_no_pictures_at_all_is_not_supported() {
    let began = std::time::Instant::now();
    for (picture, status, code) in [
        (Some(&b"<html><script>alert(1)</script>"[..]), StatusCode::SERVICE_UNAVAILABLE, 503),
        (None, StatusCode::SERVICE_UNAVAILABLE, 503),
        (Some(b""), StatusCode::OK, -8),
    ] {
        let sim = Sim::new(SimConfig::default(), Arc::new(SystemClock));
        let stage = Stage::on(
            ApiKind::Openwx,
            Arc::new(Painted { sim, picture }),
            ApiSettings::default(),
            MediaConfig::default(),
        );
        stage.until(AccountState::Running).await;
        let answer = read(avatar(&stage, "").await).await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (status, json!(code)), "{}", answer.text);
        stage.end().await;
    }
    assert!(began.elapsed() >= Duration::from_secs(3), "three seconds are waited for a picture");
}

const FRIEND: &str = "2457053936";

/// Kind, chat, text, name, type and size of what was done.
fn deed(deed: &Value) -> Value {
    json!([deed["kind"], deed["chat"], deed["text"], deed["name"], deed["mime"], deed["size"]])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_sent_before_media_and_their_id_can_be_sent_to_others() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder, &[]).await;
    let both = json!({ "id": FRIEND, "content": "看", "media_data": PNG_BASE64, "media_name": "图.png" });
    let answer = stage.post("/openwx/send_friend_message", both.to_string()).await.json();
    assert_eq!((&answer["code"], &answer["status"]), (&json!(0), &json!("发送成功")), "{answer}");
    let id = answer["media_id"].as_str().unwrap().to_owned();
    let escaped = id.replace('@', "%40").replace(':', "%3a");
    for call in [
        format!("send_group_message?id=2617047292&media_id={escaped}"),
        format!("send_group_message?id=2617047292&media_id={}", escaped.replace("%3a3", "%3a6")),
        format!("consult?id={FRIEND}&media_id={escaped}&timeout=1"),
    ] {
        let answer = stage.get(&format!("/openwx/{call}")).await.json();
        assert_eq!(answer["code"], 0, "{call}: {answer}");
        assert!(answer["media_id"].as_str().is_some(), "{call}: {answer}");
    }
    let outbox = stage.outbox().await;
    let picture = |chat: &str| json!(["send-media", chat, "图.png", "图.png", "image/png", PNG.len()]);
    assert_eq!(
        outbox.iter().map(deed).collect::<Vec<_>>(),
        [
            json!(["send", "qq/friend/2457053936", "看", null, null, null]),
            picture("qq/friend/2457053936"),
            picture("qq/group/2617047292"),
            picture("qq/group/2617047292"),
            picture("qq/friend/2457053936"),
        ]
    );
    assert_eq!(outbox[1]["media_id"], json!(id));
    assert!(outbox[3]["media_id"].as_str().unwrap().ends_with(":6"), "sent as a file");

    // What was sent is reported, and the id of the answer is that of the message with the picture.
    let reports = stage.get("/openwx/check_event").await.json();
    let sent: Vec<_> =
        reports.as_array().unwrap().iter().filter(|report| report["class"] == "send").collect();
    assert_eq!(sent.len(), 5);
    assert_eq!((&sent[1]["format"], &sent[1]["media_id"]), (&json!("media"), &json!(id)));
    assert_eq!((&sent[1]["media_type"], &sent[3]["media_type"]), (&json!("image"), &json!("file")));
    assert_eq!(sent[1]["id"], json!(answer["msg_id"].to_string().trim_matches('"')));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_if_the_media_cannot_be_had_and_nothing_is_kept_if_there_is_nobody_to_send_it_to() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder, &[]).await;
    for (call, code, expected) in [
        (format!("send_friend_message?id={FRIEND}&content=x&media_path=/etc/passwd"), 400, "no such file"),
        (format!("send_friend_message?id={FRIEND}&content=x&media_path=http://[::1]:8080/"), 400, "loopback"),
        ("send_group_message?id=2617047292&content=x&media_data=%2A".into(), 400, "no base64"),
        ("send_friend_message?id=@all&content=x&media_path=/etc/passwd".into(), 400, "no such file"),
        (format!("consult?id={FRIEND}&content=x&media_id=1"), 400, "no media id"),
        (format!("send_friend_message?id=nobody&media_data={PNG_BASE64}"), 100, "object not found"),
        (format!("send_group_message?id=nobody&media_data={PNG_BASE64}"), 100, "object not found"),
    ] {
        let answer = stage.get(&format!("/openwx/{call}")).await.json();
        assert_eq!((&answer["id"], &answer["code"]), (&Value::Null, &json!(code)), "{call}: {answer}");
        assert!(answer["status"].as_str().unwrap().contains(expected), "{call}: {answer}");
    }
    assert!(stage.outbox().await.is_empty());
    assert_eq!(held(&folder), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_are_fetched_behind_the_back_of_who_does_not_wait_and_sent_to_all_friends() {
    let folder = TempDir::new().unwrap();
    let web = serve(Router::new().route("/a.gif", get(|| async { "GIF89a\x01" }))).await;
    let stage = stage(&folder, std::slice::from_ref(&web)).await;
    let call =
        format!("/openwx/send_friend_message?id={FRIEND}&async=1&content=x&media_path=http://{web}/a.gif");
    let answer = stage.get(&call).await.json();
    assert_eq!(answer, json!({ "code": 0, "status": "request already in execution" }));
    let sent = stage.done(2).await;
    assert_eq!(
        (&sent[0]["kind"], deed(&sent[1])),
        (&json!("send"), json!(["send-media", "qq/friend/2457053936", "a.gif", "a.gif", "image/gif", 7]),)
    );
    assert!(sent[1]["media_id"].as_str().unwrap().ends_with(":47"), "a moving picture is an emoticon");

    let friends = stage.account().roster().friends.iter().count();
    let call = format!("/openwx/send_friend_message?id=@all&media_path=http://{web}/a.gif");
    let answer = stage.get(&call).await.json();
    assert_eq!(answer, json!({ "id": 0, "code": 0, "status": "request already executed" }));
    let sent = stage.done(2 + friends).await;
    assert!(sent[2..].iter().all(|deed| deed["kind"] == "send-media"), "{sent:?}");
    assert_eq!(held(&folder), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_event_shows_where_a_picture_lies_and_what_it_holds() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder, &[]).await;
    stage.say(json!({ "friend": FRIEND, "media": { "name": "图.png", "data": PNG_BASE64 } })).await;
    let report = &stage.get("/openwx/check_event").await.json()[0];
    let path = report["media_path"].as_str().unwrap();
    assert_eq!(fs::read(path).unwrap(), PNG);
    for (name, expected) in [
        ("type", "friend_message"),
        ("format", "media"),
        ("content", &format!("[media]({path})")),
        ("media_type", "image"),
        ("media_name", "图.png"),
        ("media_mime", "image/png"),
        ("media_size", "16"),
        ("media_ext", "png"),
        ("media_data", "iVBORw0KGgoAAAANSUhEUg==\n"),
    ] {
        assert_eq!(report[name], json!(expected), "{name}: {report}");
    }
    assert!(report["media_mtime"].as_str().is_some_and(|time| time.parse::<i64>().is_ok()), "{report}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_sent_the_picture_and_answers_with_one() {
    let folder = TempDir::new().unwrap();
    let open = folder.path().join("open");
    fs::create_dir_all(&open).unwrap();
    fs::write(open.join("b.png"), PNG).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    for post_media_data in [true, false] {
        let (good, bad) = (open.join("b.png"), open.join("../secret"));
        let endpoint = Endpoint::new(move |call| {
            let path = match call.field("class").as_str() {
                "recv" if post_media_data => &good,
                "recv" => &bad,
                _ => return endpoint::ok(call),
            };
            endpoint::json(json!({ "reply": "给你", "media": path }).to_string())
        })
        .await;
        let reports = mynah_api::ReportSettings { post_media_data, ..posting_to(&endpoint.url("/")) };
        let settings = settings(reports);
        let stage = Stage::with_media(settings.clone(), kept_in(&folder, &[])).await;
        let host = Reporting::of(stage, &settings);
        host.stage.say(json!({ "friend": FRIEND, "media": { "data": PNG_BASE64 } })).await;
        let received = endpoint.messages(1).await.remove(0).report();
        let data = received.get("media_data").map(|data| data.as_str().unwrap().trim());
        assert_eq!(data, post_media_data.then_some(PNG_BASE64), "{received}");
        assert!(received["media_path"].as_str().is_some_and(|path| path.starts_with('/')), "{received}");
        // The text, and the picture if it may be sent; what was sent is reported too.
        let count = if post_media_data { 2 } else { 1 };
        endpoint.messages(1 + count).await;
        let kinds: Vec<_> =
            host.stage.outbox().await.iter().map(|deed| deed["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, &["send", "send-media"][..count]);
        host.end().await;
    }
}
