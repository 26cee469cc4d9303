//! The state of scripts over HTTP: what callers read, change, export and import, and who they must be.

use serde_json::{Value, json};

use crate::support::host::TestHost;
use crate::support::http;

/// A host over HTTP, with the rules that ship.
struct Web {
    host: TestHost,
    http: reqwest::Client,
}

impl Web {
    async fn start(toml: &str) -> Self {
        Self { host: TestHost::start(toml).await, http: http() }
    }

    /// Status and body of a request to a path below `/api/v1/scripts/`.
    async fn call(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let url = format!("{}/api/v1/scripts/{path}", self.host.url);
        let request = self.http.request(method.parse().unwrap(), url).body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn json(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, text) = self.call(method, path, body.to_owned()).await;
        assert_eq!(status, 200, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The code and the text of a refusal.
    async fn refused(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (status, text) = self.call(method, path, body.to_owned()).await;
        let problem: Value = serde_json::from_str(&text).unwrap();
        (status, format!("{}: {}", problem["code"].as_str().unwrap(), problem["text"].as_str().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_list_read_set_and_remove_state() {
    let web = Web::start("[script.ping]\nkv = \"1KiB\"\nkv_keys = 5").await;
    let put = web
        .json("PUT", "ping/kv/entry?chat=sim/group/1&entry=a%00%2F%E5%BE%AE", r#"{"value": "x\u0000y"}"#)
        .await;
    assert_eq!(put, json!({"changed": 1}));
    let got = web.json("GET", "ping/kv/entry?chat=sim/group/1&entry=a%00%2F%E5%BE%AE", "").await;
    assert_eq!(got, json!({"chat": "sim/group/1", "key": "a\0/微", "value": "x\0y", "expires_at": null}));
    for key in ["b1", "b2", "b3"] {
        web.json("PUT", &format!("ping/kv/entry?chat=*&entry={key}"), r#"{"value": "v"}"#).await;
    }
    let mut keys = Vec::new();
    let mut path = "ping/kv?limit=3".to_owned();
    loop {
        let page = web.json("GET", &path, "").await;
        keys.extend(
            page["entries"].as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap().to_owned()),
        );
        assert_eq!(
            (&page["used"], &page["quota"]),
            (&json!({"bytes": 18, "keys": 4}), &json!({"bytes": 1024, "keys": 5}))
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("ping/kv?limit=3&cursor={next}");
    }
    assert_eq!(keys, ["b1", "b2", "b3", "a\0/微"]);
    let page = web.json("GET", "ping/kv?chat=*&prefix=b2", "").await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1);

    for (method, path, body, status, part) in [
        ("GET", "none/kv", "", 404, "script.unknown: there is no script `none`"),
        ("GET", "..%2Fping/kv", "", 404, "script.unknown"),
        ("GET", "ping/kv?limit=0", "", 400, "`limit` is 1 to 1000"),
        ("GET", "ping/kv?cursor=%21", "", 400, "`cursor` is not"),
        ("GET", "ping/kv?prefix=b", "", 400, "`prefix` needs `chat`"),
        ("GET", "ping/kv?chat=sim/nowhere/1", "", 400, "chat kind `nowhere`"),
        ("GET", "ping/kv?chats=*", "", 400, "no parameter `chats` here; there is `chat`"),
        ("GET", "ping/kv/entry?chat=*", "", 400, "`entry` is missing"),
        ("GET", "ping/kv/entry?chat=*&entry=none", "", 404, "no such key"),
        ("DELETE", "ping/kv/entry?chat=*&entry=none", "", 404, "no such key"),
        ("PUT", "ping/kv/entry?chat=*&entry=k", r#"{"valu": "v"}"#, 400, "unknown field `valu`"),
        (
            "PUT",
            "ping/kv/entry?chat=*&entry=k",
            &format!(r#"{{"value": "{}"}}"#, "v".repeat(70_000)),
            400,
            "limit.kv-value",
        ),
        (
            "PUT",
            &format!("ping/kv/entry?chat=*&entry={}", "k".repeat(513)),
            r#"{"value": ""}"#,
            400,
            "limit.kv-key",
        ),
        (
            "PUT",
            "ping/kv/entry?chat=*&entry=k",
            &format!(r#"{{"value": "{}"}}"#, "v".repeat(2_000)),
            409,
            "limit.kv-total",
        ),
        ("DELETE", "ping/kv", "", 400, "`chat` is missing"),
    ] {
        let (found, text) = web.refused(method, path, body).await;
        assert!(found == status && text.contains(part), "{method} {path}: {found} {text}");
    }
    assert_eq!(web.call("DELETE", "ping/kv/entry?chat=*&entry=b1", "").await.0, 204);
    assert_eq!(web.json("DELETE", "ping/kv?chat=*", "").await, json!({"changed": 2}));
    assert_eq!(web.json("GET", "ping/kv", "").await["used"], json!({"bytes": 9, "keys": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_what_an_import_takes_and_a_bad_line_changes_nothing() {
    let web = Web::start("").await;
    let lines = [
        r#"{"chat":"*","key":"\u0000","value":"\u0000\u007f\ud83d\udc26","expires_at":4102444800123}"#,
        r#"{"chat":"sim","key":"account","value":"","expires_at":null}"#,
        r#"{"chat":"sim/group/1","key":"k","value":"a\nb\u2028\"","expires_at":null}"#,
        r#"{"chat":"sim/group/1","key":"ｋ","value":"微信"}"#,
    ];
    assert_eq!(web.json("POST", "ping/kv/import", &lines.join("\n")).await, json!({"changed": 4}));
    let (status, exported) = web.call("GET", "ping/kv/export", "").await;
    assert_eq!((status, exported.lines().count()), (200, 4));
    let parsed = |text: &str| {
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let mut given = parsed(&lines.join("\n"));
    given[3]["expires_at"] = Value::Null;
    assert_eq!(parsed(&exported), given);

    let good = r#"{"chat":"*","key":"new","value":"v"}"#;
    for (lines, part) in [
        (vec![good, "{", ""], "line 2: EOF"),
        (vec![good, good], "line 2: the key is in line 1 as well"),
        (vec![good, "", r#"["*","k","v"]"#], "line 3: this is not a JSON object"),
        (vec![r#"{"chat":"*","key":"k"}"#], "line 1: missing field `value`"),
        (vec![r#"{"chat":"*","key":"k","value":7}"#], "line 1: invalid type"),
        (vec![r#"{"chat":"*","key":"k","value":"v","ttl":1}"#], "line 1: unknown field `ttl`"),
        (vec![r#"{"chat":"nowhere at all","key":"k","value":"v"}"#], "line 1: `chat`"),
        (vec![good, r#"{"chat":"*","key":"","value":"v"}"#], "line 2: a key is not empty"),
        (vec![good, r#"{"chat":"*","key":"\ud800","value":"v"}"#], "line 2"),
    ] {
        let (status, text) = web.refused("POST", "ping/kv/import", &lines.join("\n")).await;
        assert!(status == 400 && text.contains(part), "{status} {text}");
    }
    let many: String =
        (0..10_001).map(|n| format!("{{\"chat\":\"*\",\"key\":\"{n}\",\"value\":\"\"}}\n")).collect();
    let (status, text) = web.refused("POST", "ping/kv/import", &many).await;
    assert!(status == 400 && text.contains("10001 keys are to be changed; 10000 can be at once"), "{text}");
    let url = format!("{}/api/v1/scripts/ping/kv/import", web.host.url);
    match web.http.post(url).body(vec![b'x'; (16 << 20) + 1]).send().await {
        Ok(answer) => assert_eq!(answer.status(), 413),
        // The host closed the connection while the rest was still written, before the answer was read.
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    assert_eq!(web.call("GET", "ping/kv/export", "").await.1, exported, "nothing was changed");

    assert_eq!(web.json("POST", "ping/kv/import?replace=true", good).await, json!({"changed": 5}));
    let left = web.json("GET", "ping/kv", "").await;
    assert_eq!(left["entries"], json!([{"chat": "*", "key": "new", "value": "v", "expires_at": null}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_for_keys_of_the_administration_of_the_whole_host() {
    let web = Web::start(
        r#"
        [[key]]
        name = "all"
        secret = "0123456789abcdef0123456789abcdef"
        scopes = ["admin"]
        [[key]]
        name = "one"
        secret = "1123456789abcdef0123456789abcdef"
        scopes = ["admin"]
        accounts = ["sim"]
        [[key]]
        name = "user"
        secret = "2123456789abcdef0123456789abcdef"
        scopes = ["openqq"]
        "#,
    )
    .await;
    for (key, status) in [("", 401), ("0", 200), ("1", 403), ("2", 403)] {
        for path in ["kv", "kv/export", "kv/entry?chat=*&entry=k"] {
            let url = format!("{}/api/v1/scripts/ping/{path}", web.host.url);
            let mut request = web.http.get(url);
            if !key.is_empty() {
                request = request.bearer_auth(format!("{key}123456789abcdef0123456789abcdef"));
            }
            let found = request.send().await.unwrap().status().as_u16();
            let expected = if status == 200 && path.contains("entry") { 404 } else { status };
            assert_eq!(found, expected, "{key} {path}");
        }
    }
}
