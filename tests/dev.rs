//! `mynah dev`: what is saved is what answers; what does not build changes nothing.

use std::fs;

use tempfile::TempDir;

use crate::support::command::{Session, mynah, run};
use crate::support::{http, wait_for};

/// The host's word that a release of the script is live.
const LIVE: &str = "script is live script=\"greeter\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_change_answers_and_a_build_error_leaves_the_old_release_live() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(folder.path(), ["new", "greeter"]).0, 0);
    let project = folder.path().join("greeter");
    let source = project.join("src/lib.rs");
    let original = fs::read_to_string(&source).unwrap();

    let mut session = Session::start(mynah(&project, ["dev", "--listen", "127.0.0.1:0"]));
    session.type_line("/greeter one");
    session.wait_for_output("hello, one", 1).await;

    fs::write(&source, original.replace("hello, ", "goodbye, ")).unwrap();
    session.wait_for_log(LIVE, 2).await;
    session.type_line("/greeter two");
    session.wait_for_output("goodbye, two", 1).await;

    fs::write(&source, original.replace("reply(format!", "repply(format!")).unwrap();
    let log = session.wait_for_log("cannot find function `repply`", 1).await;
    assert!(log.contains("hint: what was live before stays live"), "{log}");
    session.type_line("/greeter three");
    session.wait_for_output("goodbye, three", 1).await;
    // The same error again is not news.
    fs::write(&source, original.replace("reply(format!", "repply(format!") + "\n").unwrap();

    fs::write(&source, original.replace("hello, ", "welcome, ")).unwrap();
    session.wait_for_log(LIVE, 3).await;
    session.type_line("/greeter four");
    session.wait_for_output("welcome, four", 1).await;
    assert_eq!(session.log().matches("cannot find function `repply`").count(), 1, "{}", session.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_pipe_is_not_the_end_of_the_host() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(folder.path(), ["new", "steady"]).0, 0);
    let mut session =
        Session::start(mynah(&folder.path().join("steady"), ["dev", "--listen", "127.0.0.1:0"]));
    session.close_input();
    let url = session.url().await;
    let ready = wait_for("a ready host", async || {
        let answer = http().get(format!("{url}/readyz")).send().await.ok()?;
        answer.status().is_success().then_some(true)
    });
    assert!(ready.await);
    session.terminate();
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
}

#[test]
fn dev_without_sources_says_how_to_begin() {
    let folder = TempDir::new().unwrap();
    let (code, _, stderr) = run(folder.path(), ["dev", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("no sources of scripts") && stderr.contains("mynah new NAME"), "{stderr}");
}
