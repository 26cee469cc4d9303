//! Every hostile component in turn, in one running `mynah`: what the host says to it, whether the script beside it and a
//! ping in another chat are answered, and how much memory the host took.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::attempts::{ATTEMPTS, Attempt, File, Says, UNLISTED};
use crate::support::command::{Session, mynah};
use crate::support::guests::{component, counter, repository};
use crate::support::web::Web;
use crate::support::{http, wait_for};

/// What the host may hold more than before while it deals with one component: a script's memory twice, and what compiling
/// takes.
const MEMORY: usize = 256 << 20;

/// After so many components the account forgets what it did: each look at it reads all of that.
const FORGET: usize = 8;

/// The chat of the hostile component, and the one that is not its business.
const DEN: &str = "0";
const BESIDE: &str = "1";

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_component_harms_the_host_or_the_script_beside_it() {
    let (door, vault) = (Web::start().await, Web::start().await);
    let mut host = Hostile::start(&door, &vault).await;
    let groups = host.get("/openqq/get_group_info").await;
    println!("{:30} {:75} {:>8} {:>8}  the host says", "component", "tries", "ping ms", "MiB");
    let mut wrong = Vec::new();
    for (number, attempt) in ATTEMPTS.iter().enumerate() {
        let found = host.try_out(attempt).await;
        assert_eq!(
            host.get("/openqq/get_group_info").await,
            groups,
            "{}: somebody was acted on",
            attempt.name
        );
        if number % FORGET == FORGET - 1 {
            host.forget_acts().await;
        }
        println!(
            "{:30} {:75} {:>8.1} {:>8.1}  {}",
            attempt.name.escape_debug().to_string(),
            attempt.tries,
            found.ping.as_secs_f64() * 1e3,
            found.memory as f64 / 1048576.0,
            found.says.chars().take(100).collect::<String>().replace('\n', " ")
        );
        if !found.is(attempt) {
            wrong.push(format!("{}: {}", attempt.name, found.says));
        }
        if found.memory > MEMORY {
            wrong.push(format!("{}: the host took {} MiB", attempt.name, found.memory >> 20));
        }
    }
    assert_eq!(vault.heard(), [""; 0], "nobody came to the place that was not granted");
    assert!(wrong.is_empty(), "the host said otherwise:\n{}", wrong.join("\n"));
    let log = host.session.log();
    assert!(!log.contains(['\x1b', '\x07']), "no escape code of a script reaches the log");
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z")), "and no line of its own");
    host.session.terminate();
    assert_eq!(host.session.ended().await, Some(0), "the host ends as it should");
}

#[test]
fn the_table_of_hostile_components_in_the_docs_is_this_one() {
    let file = repository().join("docs/hostile.md");
    let text = fs::read_to_string(&file).unwrap();
    let (begin, end) = ("<!-- components: written by the test -->\n", "<!-- end -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let right = format!("{before}{begin}{}{end}{after}", table());
    if std::env::var_os("MYNAH_WRITE_HOSTILE").is_some() {
        fs::write(&file, &right).unwrap();
    } else {
        assert!(text == right, "write it anew: MYNAH_WRITE_HOSTILE=1 cargo test -p mynah hostile");
    }
}

#[test]
fn each_hostile_component_has_a_name_of_its_own() {
    let names: BTreeSet<_> = ATTEMPTS.iter().map(|attempt| attempt.name).collect();
    assert_eq!(names.len(), ATTEMPTS.len());
    assert!(UNLISTED.iter().all(|name| names.contains(name)));
}

fn table() -> String {
    let mut table = format!(
        "\n{} components. \n\n| component | what it tries | what the host says |\n| --- | --- | --- |\n",
        ATTEMPTS.len()
    )
    .replace(". \n", ".\n");
    for attempt in ATTEMPTS {
        let says = match attempt.says {
            Says::Refused(code, part) => format!("does not load: `{code}`{}", quoted(part)),
            Says::Ended(code, part) => format!("call ended: `{code}`{}", quoted(part)),
            Says::Answered(text) => format!("answers “{text}”"),
            Says::Nothing => "runs, and nothing comes of it".to_owned(),
        };
        let name = attempt.name.escape_debug();
        writeln!(table, "| `{name}` | {} | {says} |", attempt.tries).unwrap();
    }
    table.push('\n');
    table
}

fn quoted(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!(", “{}”", part.replace('`', "")) }
}

/// What came of a component.
struct Found {
    says: String,
    /// From the ping to its answer, while the host deals with the component.
    ping: Duration,
    /// Bytes that the host took on top of what it had.
    memory: usize,
}

impl Found {
    fn is(&self, attempt: &Attempt) -> bool {
        // Whatever a component brings along, what is said of it stays a sentence or a page.
        self.says.len() < 4_096
            && match attempt.says {
                Says::Refused(code, part) => {
                    self.says.starts_with(&format!("refused {code}: ")) && self.says.contains(part)
                }
                Says::Ended(code, part) => {
                    self.says.starts_with(&format!("ended {code}: ")) && self.says.contains(part)
                }
                Says::Answered(text) => self.says == format!("answered {text}"),
                Says::Nothing => self.says == "nothing",
            }
    }
}

/// A `mynah` of its own, with the counter in both chats and one hostile component at a time.
struct Hostile {
    session: Session,
    url: String,
    http: reqwest::Client,
    folder: TempDir,
    /// What was said so far in both chats, so that every text is another one.
    said: usize,
    last: Option<PathBuf>,
    /// What stands in braces in what is said to a component, and what is meant.
    names: Vec<(&'static str, String)>,
}

impl Hostile {
    async fn start(door: &Web, vault: &Web) -> Self {
        let folder = TempDir::new().unwrap();
        let vault = vault.url.rsplit(':').next().unwrap();
        fs::write(folder.path().join("mynah.toml"), config(&door.url, vault)).unwrap();
        fs::write(folder.path().join("roster.json"), roster().to_string()).unwrap();
        fs::create_dir(folder.path().join("scripts.d")).unwrap();
        fs::write(folder.path().join("scripts.d/counter.wasm"), counter(0)).unwrap();
        let mut session = Session::start(mynah(folder.path(), ["run"]));
        let url = session.url().await;
        let door = door.url.trim_start_matches("http://").to_owned();
        let names = vec![("{door}", door), ("{vault}", vault.to_owned())];
        let mut host = Self { session, url, http: http(), folder, said: 1, last: None, names };
        host.ready().await;
        let said = host.post("say", json!({ "group": BESIDE, "sender": "m1", "text": "ping-1" })).await;
        host.names.push(("{beside}", said["message_id"].as_str().unwrap().to_owned()));
        let asks = json!({ "group": "2", "member": "stranger", "name": "stranger", "request": "let me in" });
        let seq = host.post("join", asks).await["seq"].as_u64().unwrap();
        host.names.push(("{request}", host.request(seq)));
        host
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        let request = self.http.post(format!("{}/api/v1/accounts/sim/sim/{path}", self.url)).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// The id of the request that an event tells of.
    fn request(&self, seq: u64) -> String {
        let store = rusqlite::Connection::open(self.folder.path().join("data/mynah.db")).unwrap();
        let query = "SELECT json_extract(event, '$.body.id') FROM events WHERE seq = ?1";
        store.query_row(query, [i64::try_from(seq).unwrap()], |row| row.get(0)).unwrap()
    }

    fn fill_in(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    async fn ready(&self) {
        wait_for("a host that is ready", async || {
            let answer = self.http.get(format!("{}/readyz", self.url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    async fn forget_acts(&self) {
        let path = format!("{}/api/v1/accounts/sim/sim/reset", self.url);
        assert!(self.http.post(path).send().await.unwrap().status().is_success());
        self.ready().await;
    }

    async fn try_out(&mut self, attempt: &Attempt) -> Found {
        let before = self.forget_peak();
        self.drop_in(attempt);
        let mut ping = self.ping().await;
        let status = wait_for(&format!("word of {}", attempt.name), async || {
            let status = self.status(attempt.name).await?;
            (status["state"] == "refused" || !status["release"].is_null()).then_some(status)
        })
        .await;
        let says = if status["state"] == "refused" {
            format!("refused {}", status["last_error"].as_str().unwrap())
        } else {
            let text = self.fill_in(attempt.text);
            for _ in 0..attempt.times {
                self.say(DEN, &text).await;
            }
            ping = ping.max(self.ping().await);
            // The script beside it was asked the same, and answers.
            let expected = format!("{text} ");
            wait_for("the answer of the script beside it", async || {
                let answered = self.answers("script:counter").await.into_iter();
                (answered.filter(|text| text.starts_with(&expected)).count() >= attempt.times).then_some(())
            })
            .await;
            self.outcome(attempt).await
        };
        let beside = self.status("counter").await.unwrap();
        assert_eq!((&beside["faults"], &beside["skipped"]), (&json!(0), &json!(0)), "{beside}");
        Found { says, ping, memory: self.peak().saturating_sub(before) }
    }

    /// What came of what was said to the component: its fault, its answers, or nothing.
    async fn outcome(&self, attempt: &Attempt) -> String {
        let actor = format!("script:{}", attempt.name);
        let enough = |answers: &BTreeSet<String>| match attempt.says {
            Says::Answered(text) => answers.iter().cloned().collect::<Vec<_>>().join(", ") == text,
            _ => false,
        };
        let looked = Instant::now();
        wait_for(&format!("what comes of {}", attempt.name), async || {
            let status = self.status(attempt.name).await?;
            let called = status["events"].as_u64()? + status["skipped"].as_u64()?;
            if status["faults"].as_u64()? > 0 {
                return Some(format!("ended {}", status["last_error"].as_str()?));
            }
            let answers: BTreeSet<String> = self.answers(&actor).await.into_iter().collect();
            let expects_none = matches!(attempt.says, Says::Nothing);
            let given_up = looked.elapsed() > Duration::from_secs(10);
            if called == 0 || !(enough(&answers) || expects_none || given_up) {
                return None;
            }
            let answers = answers.into_iter().collect::<Vec<_>>().join(", ");
            Some(if answers.is_empty() { "nothing".to_owned() } else { format!("answered {answers}") })
        })
        .await
    }

    /// Puts the component into the folder, in the place of the one before.
    fn drop_in(&mut self, attempt: &Attempt) {
        let scripts = self.folder.path().join("scripts.d");
        let path = scripts.join(format!("{}.wasm", attempt.name));
        let apart = self.folder.path().join("apart");
        match &attempt.file {
            File::Bytes(bytes) => fs::write(&apart, bytes()).unwrap(),
            File::Guest(name) => fs::write(&apart, component(name)).unwrap(),
            File::Made(make) => make(&apart),
        }
        fs::rename(apart, &path).unwrap();
        if let Some(last) = self.last.replace(path) {
            remove(&last);
        }
    }

    /// Says something in the chat beside, and waits for the answer.
    async fn ping(&mut self) -> Duration {
        self.said += 1;
        let text = format!("ping-{}", self.said);
        let began = Instant::now();
        self.say(BESIDE, &text).await;
        let answer = format!("{text} {} release-00000000", self.said);
        wait_for("the answer to a ping", async || {
            self.answers("script:counter").await.contains(&answer).then_some(())
        })
        .await;
        began.elapsed()
    }

    async fn say(&self, group: &str, text: &str) {
        self.post("say", json!({ "group": group, "sender": "m1", "text": text })).await;
    }

    /// What an actor did, as texts: what it said, and of everything else the kind.
    async fn answers(&self, actor: &str) -> Vec<String> {
        let outbox = self.get("/api/v1/accounts/sim/sim/outbox").await;
        let by = outbox.as_array().unwrap().iter().filter(|entry| entry["by"] == actor);
        let text = |entry: &Json| match entry["kind"].as_str().unwrap() {
            "send" => entry["text"].as_str().unwrap().to_owned(),
            kind => format!("did {kind}"),
        };
        by.map(text).collect()
    }

    async fn status(&self, name: &str) -> Option<Json> {
        let scripts = self.get("/api/v1/scripts").await;
        scripts.as_array().unwrap().iter().find(|script| script["name"] == name).cloned()
    }

    async fn get(&self, path: &str) -> Json {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// Has the kernel forget the most that the host ever held; what it holds now.
    fn forget_peak(&self) -> usize {
        fs::write(format!("/proc/{}/clear_refs", self.session.id()), "5").unwrap();
        self.peak()
    }

    fn peak(&self) -> usize {
        self.session.peak_memory()
    }
}

fn remove(path: &Path) {
    let is_dir = fs::symlink_metadata(path).unwrap().is_dir();
    if is_dir { fs::remove_dir(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

/// Everything is granted to the hostile components in their chat: what holds them is not a missing line.
fn config(door: &str, vault: &str) -> String {
    let mut config = String::from(
        "listen = \"127.0.0.1:0\"\n\
         [[account]]\nname = \"sim\"\nroster = \"roster.json\"\n\
         [[account]]\nname = \"other\"\nroster = \"roster.json\"\n",
    );
    for shipped in ["ping", "keyword-reply", "welcome", "weather", "group-guard"] {
        write!(config, "[script.{shipped}]\nmode = \"off\"\n").unwrap();
    }
    let chats = format!("[\"sim/group/{DEN}\", \"sim/group/{BESIDE}\"]");
    write!(config, "[script.counter]\nallow = [\"reply\"]\nchats = {chats}\n").unwrap();
    let names = mynah_model::action::ActionBody::NAMES.map(|name| format!("\"{name}\"")).join(", ");
    for attempt in ATTEMPTS {
        let name = attempt.name;
        let is_name =
            name.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '0'..='9' | '-'));
        if is_name && !UNLISTED.contains(&name) {
            write!(
                config,
                "[script.{name}]\nallow = [{names}]\nfetch = [\"{door}\", \"http://localhost:{vault}\"]\nchats = [\"sim/group/{DEN}\"]\n\
                 imports = [\"kv\", \"kv-shared\", \"roster\"]\n"
            )
            .unwrap();
        }
    }
    config
}

/// In the den the account is an admin, beside the owner, in the third group the owner, in the fourth a member.
fn roster() -> Json {
    let member = |id: &str, role: &str| json!({ "id": id, "name": id, "role": role });
    let group = |id: usize, own: &str| {
        let members =
            [member("me", own), member("boss", "owner"), member("admin", "admin"), member("m1", "member")];
        let members: Vec<_> = members.into_iter().filter(|it| own != "owner" || it["id"] != "boss").collect();
        json!({ "id": id.to_string(), "name": format!("group {id}"), "member": members })
    };
    let groups: Vec<_> = ["admin", "owner", "owner", "member"]
        .into_iter()
        .enumerate()
        .map(|(id, own)| group(id, own))
        .collect();
    let friends = [json!({ "id": "friend", "name": "friend" })];
    json!({ "user": { "id": "me", "name": "me" }, "friends": friends, "groups": groups, "discusses": [] })
}
