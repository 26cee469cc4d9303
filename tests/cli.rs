//! What the command line says to whoever gets something wrong: a sentence, a hint, an exit code.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use mynah::config::Config;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::command::{Session, mynah, run};
use crate::support::guests::{guest, repository};
use crate::support::host::TestHost;
use crate::support::{http, wait_for};

/// `mynah run` in a folder with this `mynah.toml`, on any free port.
fn run_with(folder: &Path, toml: &str) -> (i32, String) {
    fs::write(folder.join("mynah.toml"), toml).unwrap();
    let (code, stdout, stderr) = run(folder, ["run"]);
    assert_eq!(stdout, "", "logs and errors go to stderr");
    (code, stderr)
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place_and_what_would_be_right() {
    let folder = TempDir::new().unwrap();
    for (toml, place, says, hint) in [
        ("lisen = \"127.0.0.1:0\"", "1:1", "unknown key `lisen` in the top level", "did you mean `listen`?"),
        (
            "\n[[account]]\nname = \"qq\"\nnetwrok = \"sim\"",
            "4:1",
            "unknown key `netwrok`",
            "did you mean `network`?",
        ),
        ("[script.a]\nbuget = {}", "2:1", "unknown key `buget` in `[script.a]`", "did you mean `budget`?"),
        (
            "[script.a.chat.\"qq/group/1\"]\nsetings = {}",
            "2:1",
            "unknown key `setings`",
            "did you mean `settings`?",
        ),
        ("[script.a]\nallow = [\"rely\"]", "2:10", "is not an action: `rely`", "did you mean `reply`?"),
        (
            "[script.a]\nmode = \"dryrun\"",
            "2:8",
            "must be `live`, `dry-run` or `off`",
            "did you mean `dry-run`?",
        ),
        ("[script.a]\nbudget = { kick = \"3/hour\" }", "2:19", "`3/hour` is not a rate", ""),
        ("[script.a]\nchats = [\"qq/grup/1\"]", "2:10", "chat kind `grup` is not valid", ""),
        ("[script.A]", "1:9", "script name `A` is not valid", ""),
        ("[[account]]\nname = \"q q\"", "2:8", "account name `q q` is not valid", ""),
        (
            "[[account]]\nname = \"a\"\n[[account]]\nname = \"A\"",
            "3:1",
            "has the name of another account: `a`",
            "",
        ),
        ("[[account]]", "1:1", "`name` is missing", ""),
        (
            "[[account]]\nname = \"qq\"\nnetwork = \"irc\"",
            "3:11",
            "must be `sim` or `onebot`, not the text \"irc\"",
            "",
        ),
        (
            "[[account]]\nname = \"qq\"\noperators = [10086]",
            "3:14",
            "must be an id of the account's network",
            "",
        ),
        ("[[account]]\nname = \"qq\"\noperators = [\" 1\"]", "3:14", "is no id", ""),
        ("listen = 5000", "1:10", "must be an address", ""),
        ("listen = \"example.net\"", "1:10", "is not an address", ""),
        ("allow_from = [\"10.0.0.0/33\"]", "1:15", "needs a number from 0 to 32 after `/`", ""),
        ("durability = \"strong\"", "1:14", "must be `process` or `power`", ""),
        ("[api]\ncors = [\"example.net\"]", "2:9", "must be an origin", ""),
        ("listen = \"a", "1:12", "invalid basic string", ""),
        ("listen = \"127.0.0.1:0\"\nlisten = \"127.0.0.1:0\"", "2:1", "duplicate key", ""),
    ] {
        let (code, stderr) = run_with(folder.path(), toml);
        assert_eq!(code, 2, "{toml}\n{stderr}");
        assert!(stderr.contains(&format!("mynah.toml:{place}: ")), "{toml}\n{stderr}");
        assert!(stderr.contains(says), "{toml}\n{stderr}");
        assert!(hint.is_empty() || stderr.contains("\nhint: ") && stderr.contains(hint), "{toml}\n{stderr}");
    }
}

#[test]
fn every_configuration_that_the_readmes_and_the_pages_show_is_read() {
    let folder = repository();
    let pages = fs::read_dir(folder.join("docs")).unwrap().map(|page| page.unwrap().path());
    let readmes = ["README.md", "README.zh-CN.md"].map(|name| folder.join(name));
    let mut shown = 0;
    for page in pages.chain(readmes) {
        let text = fs::read_to_string(&page).unwrap();
        // Those that are indented are parts of one.
        for toml in text.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            let read = Config::parse(Path::new("mynah.toml"), toml);
            read.unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            shown += 1;
        }
    }
    assert!(shown >= 16, "{shown} were found");
}

#[test]
fn a_configuration_that_is_not_there_or_no_text_is_refused() {
    let folder = TempDir::new().unwrap();
    let (code, _, stderr) = run(folder.path(), ["run", "--config", "elsewhere.toml"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("elsewhere.toml: cannot be read"), "{stderr}");
    fs::write(folder.path().join("mynah.toml"), b"name = \"\xff\"").unwrap();
    let (code, _, stderr) = run(folder.path(), ["run"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("is not UTF-8 text"), "{stderr}");
}

#[test]
fn a_roster_that_cannot_be_read_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let toml = "listen = \"127.0.0.1:0\"\n[[account]]\nname = \"qq\"\nroster = \"people.json\"\n";
    let (code, stderr) = run_with(folder.path(), toml);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("people.json` cannot be read"), "{stderr}");
    for (content, says) in [
        ("{", "is not JSON"),
        ("{}", "user: missing"),
        ("{\"user\":{\"id\":1},\"frends\":[]}", "frends: unknown"),
    ] {
        fs::write(folder.path().join("people.json"), content).unwrap();
        let (code, stderr) = run_with(folder.path(), toml);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(says) && stderr.contains("hint: account `qq`"), "{stderr}");
    }
}

#[test]
fn a_port_in_use_fails_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = run(folder.path(), ["run", "--listen", &address]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
    assert!(stderr.contains("--listen 127.0.0.1:5001"), "{stderr}");
    assert!(!folder.path().join("data").exists(), "nothing is written before the port is there");
}

#[test]
fn an_address_that_others_reach_is_refused_unless_it_is_said_who_may() {
    let folder = TempDir::new().unwrap();
    for (toml, args) in [
        ("listen = \"0.0.0.0:0\"", vec!["run"]),
        ("listen = [\"127.0.0.1:0\", \"[::]:0\"]", vec!["run"]),
        ("", vec!["run", "--listen", "0.0.0.0:0"]),
        ("allow_from = []", vec!["dev", "--listen", "192.0.2.1:5000"]),
    ] {
        fs::write(folder.path().join("mynah.toml"), toml).unwrap();
        let (code, _, stderr) = run(folder.path(), args);
        assert_eq!(code, 2, "{toml}\n{stderr}");
        assert!(
            stderr.contains("refusing to listen on") && stderr.contains("allow_from = ["),
            "{toml}\n{stderr}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_the_hosts_becomes_one_by_what_the_refusal_says() {
    let call = async |host: &TestHost| {
        let request = http().get(format!("{}/healthz", host.url));
        request.header("host", "bot.example.net").send().await.unwrap()
    };
    let host = TestHost::start("").await;
    let refused = call(&host).await;
    assert_eq!(refused.status(), 421);
    let refused: Json = refused.json().await.unwrap();
    let line = refused["hint"].as_str().unwrap().split('`').nth(1).unwrap();
    host.stop().await;
    let host = TestHost::start(line).await;
    assert_eq!(call(&host).await.status(), 200, "{line}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_left_alone() {
    let host = TestHost::start("").await;
    let folder = host.stop().await;
    let database = folder.path().join("data/mynah.db");
    let mut bytes = fs::read(&database).unwrap();
    // SQLite's `user_version`: a big-endian number in the header.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    let (code, stderr) = run_with(folder.path(), "listen = \"127.0.0.1:0\"");
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("written by a newer mynah") && stderr.contains("9999"), "{stderr}");
    assert!(stderr.contains("hint: `--data-dir DIR`"), "{stderr}");
    assert_eq!(fs::read(&database).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_do_not_share_a_data_folder() {
    let host = TestHost::start("").await;
    let (code, stderr) = run_with(host.folder.path(), "listen = \"127.0.0.1:0\"");
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("in use by another mynah"), "{stderr}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_needs_nothing_but_the_binary() {
    let folder = TempDir::new().unwrap();
    let mut command = mynah(folder.path(), ["run", "--listen", "127.0.0.1:0"]);
    command.env("PATH", "");
    let mut session = Session::start(command);
    session.close_input();
    let url = session.url().await;
    wait_for("a ready host", async || {
        let answer = http().get(format!("{url}/readyz")).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    let answer = http().get(format!("{url}/api/v1/scripts")).send().await.unwrap().text().await.unwrap();
    let scripts: Vec<Json> = serde_json::from_str(&answer).unwrap();
    let running: Vec<_> = scripts.iter().filter(|script| script["state"] == "running").collect();
    let names: Vec<_> = running.iter().map(|script| script["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["group-guard", "keyword-reply", "ping", "weather", "welcome"], "{answer}");

    let (code, seq, stderr) =
        run(folder.path(), ["say", "--host", &url, "--group", "552603", "--as", "灰灰", "/ping"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(seq.trim().parse::<u64>().is_ok(), "{seq}");
    let (code, _, stderr) =
        run(folder.path(), ["say", "--host", &url, "--group", "552603", "--as", "nobody", "hi"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("there is no person `nobody`"), "{stderr}");

    session.terminate();
    assert_eq!(session.ended().await, Some(0));
    assert_eq!(session.output(), "");
}

#[test]
fn saying_something_to_no_host_fails_with_how_to_start_one() {
    let folder = TempDir::new().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let (code, _, stderr) = run(folder.path(), ["say", "--host", &url, "--group", "1", "--as", "a", "hi"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("no host answers at") && stderr.contains("hint: `mynah run`"), "{stderr}");
}

#[test]
fn check_tells_what_a_component_asks_for_and_refuses_what_is_none() {
    let folder = TempDir::new().unwrap();
    let good = folder.path().join("counter.wasm");
    fs::copy(guest("guest-counter"), &good).unwrap();
    let (code, stdout, stderr) = run(folder.path(), ["check", "counter.wasm"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("release   sha256:"), "{stdout}");

    fs::write(folder.path().join("noise.wasm"), b"not wasm").unwrap();
    let (code, stdout, stderr) = run(folder.path(), ["check", "noise.wasm"]);
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains("component.invalid") && stderr.contains("hint: "), "{stderr}");

    let (code, _, stderr) = run(folder.path(), ["check", "Bad_Name.wasm"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn codes_are_explained_and_misspelt_ones_are_guessed() {
    let folder = TempDir::new().unwrap();
    let (code, stdout, _) = run(folder.path(), ["explain", "budget.exhausted"]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("budget.exhausted\n"), "{stdout}");
    let (code, _, stderr) = run(folder.path(), ["explain", "budget.exausted"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("did you mean `mynah explain budget.exhausted`?"), "{stderr}");
    let (code, stdout, _) = run(folder.path(), ["explain"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("loop.depth"), "{stdout}");
}

#[test]
fn what_cannot_be_understood_is_a_usage_error_and_help_names_the_exit_codes() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(folder.path(), ["runn"]).0, 2);
    assert_eq!(run(folder.path(), ["run", "--listen", "nowhere"]).0, 2);
    let (code, stdout, _) = run(folder.path(), ["--help"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("Exit codes:"), "{stdout}");
}
