//! What `docs/openqq.md` says, held against the API: every endpoint has its row, and every object that is answered is as
//! its table says, in v1 and v2. And of all documents: the tests that they name are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mynah_api::objects::{Field, JsonType};
use mynah_api::openqq::dialect::V1;
use mynah_api::openqq::{endpoints, objects::OBJECTS};
use mynah_api::{ApiSettings, Key, Keys, Scopes, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::stage::{PATIENCE, Stage};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

/// The rows of every table by the heading above it, without the table's own head.
fn tables(text: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut tables: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix('#') {
            heading = title.trim_start_matches('#').trim().to_owned();
        } else if line.starts_with('|') {
            let cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            tables.entry(heading.clone()).or_default().push(cells.collect());
        }
    }
    for rows in tables.values_mut() {
        rows.drain(..2);
    }
    tables
}

/// The words in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests of the repository.
fn tests() -> BTreeSet<String> {
    fn collect(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let after = text.split("fn ").skip(1).filter_map(|rest| rest.split_once('('));
                names.extend(after.map(|(name, _)| name.to_owned()));
            }
        }
    }
    let mut names = BTreeSet::new();
    for folder in ["host/api/src", "host/api/tests", "host/mynah/src", "host/runtime/src", "tests"] {
        collect(&repository().join(folder), &mut names);
    }
    names
}

#[test]
fn every_endpoint_has_its_row() {
    let tables = tables(&document("openqq.md"));
    let mut described = BTreeSet::new();
    for row in &tables["Endpoints"] {
        let names = quoted(&row[0]);
        assert!(!names.is_empty(), "{row:?}");
        described.extend(names.into_iter().map(str::to_owned));
    }
    let offered: BTreeSet<String> = endpoints().map(str::to_owned).collect();
    assert_eq!(described, offered, "the rows of docs/openqq.md, and the endpoints");
}

/// The last cells of the tables whose last column is called `tests`.
fn cells_that_name_tests(text: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.ends_with("| tests |") {
            let rows = lines.by_ref().take_while(|row| row.starts_with('|')).skip(1);
            cells.extend(rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next()));
        }
    }
    cells
}

#[test]
fn what_a_document_says_is_tested_is_tested() {
    let known = tests();
    let mut documents = 0;
    for entry in fs::read_dir(repository().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = document(&name);
        let cells = cells_that_name_tests(&text);
        documents += usize::from(!cells.is_empty());
        for cell in cells {
            let tests = quoted(cell);
            assert!(!tests.is_empty(), "docs/{name}: a row names no test: {cell}");
            for test in tests {
                assert!(known.contains(test), "docs/{name}: there is no test `{test}`");
            }
        }
    }
    assert!(documents >= 4, "only {documents} documents name tests");
}

fn word(json: JsonType) -> String {
    match json {
        JsonType::Text => "string".into(),
        JsonType::Number => "number".into(),
        JsonType::TextOrNull => "string or null".into(),
        JsonType::List(object) => format!("list of {}", object.name),
    }
}

/// The rows that the tables of the API make: name and type in v2, name and type in v1.
fn rows(v2: &[Field], v1: &[Field]) -> Vec<Vec<String>> {
    let cell = |field: Option<&Field>| match field {
        Some(field) => [format!("`{}`", field.name), word(field.json)],
        None => ["–".into(), "–".into()],
    };
    (0..v1.len()).map(|at| [cell(v2.get(at)), cell(v1.get(at))].concat()).collect()
}

#[test]
fn the_tables_of_objects_are_those_of_the_api() {
    let tables = tables(&document("openqq.md"));
    for (object, wording) in OBJECTS.iter().zip(V1) {
        let expected = rows(object.fields, &wording.fields());
        let shown: String = expected.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
        assert_eq!(tables.get(object.name), Some(&expected), "{} should be\n{shown}", object.name);
    }
}

/// The tables of one version: of each object the name and the type of each field.
struct Described {
    tables: BTreeMap<String, Vec<(String, String)>>,
}

impl Described {
    /// The columns from `first` on.
    fn new(first: usize) -> Self {
        let fields = |row: &Vec<String>| (row[first].trim_matches('`').to_owned(), row[first + 1].clone());
        let tables = tables(&document("openqq.md")).into_iter().filter(|(_, rows)| rows[0].len() == 4);
        let tables = tables
            .map(|(title, rows)| (title, rows.iter().map(fields).filter(|(name, _)| name != "–").collect()));
        Self { tables: tables.collect() }
    }

    /// Fails unless a value is as the table says, every field of it.
    fn check(&self, title: &str, value: &Value) {
        let fields = self.tables.get(title).unwrap_or_else(|| panic!("no table `{title}`"));
        let object = value.as_object().unwrap_or_else(|| panic!("{title}: {value}"));
        for (name, kind) in fields {
            let (kind, may_be_absent) = match kind.strip_suffix(", if known") {
                Some(kind) => (kind, true),
                None => (kind.as_str(), kind.starts_with("list of ")),
            };
            let Some(value) = object.get(name) else {
                assert!(may_be_absent, "{title}.{name} is absent: {value}");
                continue;
            };
            let fits = match kind {
                "string" => value.is_string(),
                "string or null" => value.is_string() || value.is_null(),
                "number" => value.is_u64() || value.is_string() || value.is_null(),
                "whole number" => value.is_i64() || value.is_u64(),
                "list of objects" => value.is_array(),
                list => {
                    let of =
                        list.strip_prefix("list of ").unwrap_or_else(|| panic!("{title}.{name}: {list}"));
                    let items = value.as_array().unwrap();
                    items.iter().for_each(|item| self.check(of, item));
                    !items.is_empty()
                }
            };
            assert!(fits, "{title}.{name} is {value}, not {kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_is_what_the_tables_say_in_v1_and_v2() {
    let stage = Stage::new(ApiSettings::default()).await;
    for (version, first) in [("2", 0), ("1", 2)] {
        let described = Described::new(first);
        let get = async |call: &str| {
            let separator = if call.contains('?') { '&' } else { '?' };
            stage.get(&format!("/openqq/{call}{separator}v={version}")).await.json()
        };
        described.check("user", &get("get_user_info").await);
        for (title, call) in [
            ("friend", "get_friend_info"),
            ("friend", "search_friend?uid=123456"),
            ("group", "get_group_info"),
            ("group", "get_group_basic_info"),
            ("group", "search_group?uid=552603"),
            ("discuss", "get_discuss_info"),
        ] {
            let answer = get(call).await;
            let objects = answer.as_array().unwrap();
            assert!(!objects.is_empty(), "{call}");
            objects.iter().for_each(|object| described.check(title, object));
        }
        for call in [
            "send_friend_message?uid=123456&content=x",
            "send_group_message?uid=552603&content=x",
            "send_discuss_message?id=4118239384&content=x",
            "send_sess_message?group_uid=552603&uid=45678&content=x",
        ] {
            described.check("sent message", &get(call).await);
        }
        stage.say(json!({"group": 552603, "sender": "45678", "text": "x"})).await;
        stage.say(json!({"friend": "123456", "text": "x"})).await;
        let fields = json!({"group": 552603, "member": format!("70{version}"), "name": "新人"});
        stage.post("/api/v1/accounts/qq/sim/join", fields.to_string()).await;
        let (mut messages, mut events) = (0, 0);
        while messages < 6 || events < 1 {
            for report in get("check_event").await.as_array().unwrap() {
                let title = if report.get("event").is_some() { "event report" } else { "message report" };
                described.check(title, report);
                *(if title == "event report" { &mut events } else { &mut messages }) += 1;
            }
        }
        described.check("client info", &get("get_client_info").await);
    }
    let stopping = stage.get("/openqq/stop_client").await.json();
    Described::new(0).check("stopping", &stopping);
    Described::new(2).check("stopping", &stopping);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_of_the_document_signs_a_call_that_is_served() {
    const SECRET: &str = "0123456789abcdef";
    let key = Key {
        name: "bot".parse().unwrap(),
        secret: Secret::new(SECRET).unwrap(),
        scopes: Scopes::of_callers(),
        accounts: None,
        legacy_signature: false,
    };
    let keys = Keys::new(vec![key]).unwrap();
    let stage = Stage::new(ApiSettings { keys, ..ApiSettings::default() }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(mynah_api::serve(listener, stage.router.clone(), async move {
        let _ = stopped.await;
    }));
    let text = document("openqq.md");
    let program = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let program =
        program.replace("http://127.0.0.1:5000", &host).replace("the secret of the key bot", SECRET);
    let python = Command::new("python3").arg("-c").arg(program).env("PYTHONIOENCODING", "utf-8").output();
    let output = tokio::time::timeout(PATIENCE, python).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("发送成功"), "{said} {}", String::from_utf8_lossy(&output.stderr));
    let outbox = stage.host.outbox(&stage.account()).await.unwrap();
    assert_eq!(outbox.iter().map(|deed| deed.text.as_deref()).collect::<Vec<_>>(), [Some("你好")]);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    stage.end().await;
}
