//! A new script works at once, in any folder: it passes its test, builds, and answers. So does what the README shows.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use mynah::guest_build::clean_command;
use tempfile::TempDir;

use crate::support::command::{Session, mynah, run, told};
use crate::support::guests::target_dir;

/// `cargo test` in a folder, with a target folder for native code that all tests share. One at a time: two new scripts
/// look alike to cargo, and one's build replaces the SDK under the other's documentation tests.
fn cargo_test(folder: &Path) -> (i32, String, String) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cargo = clean_command("cargo", folder);
    told(cargo.env("CARGO_TARGET_DIR", target_dir().join("guests")).arg("test").output().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_script_tests_builds_checks_and_answers() {
    let folder = TempDir::new().unwrap();
    let (code, stdout, stderr) = run(folder.path(), ["new", "hello"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("cd hello"), "{stdout}");
    let project = folder.path().join("hello");

    let (code, stdout, stderr) = cargo_test(&project);
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    assert!(stdout.contains("2 passed"), "{stdout}");

    let (code, stdout, stderr) = run(&project, ["build"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout, "scripts.d/hello.wasm\n");

    let (code, stdout, stderr) = run(&project, ["check", "scripts.d/hello.wasm"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("/hello [NAME]") && stdout.contains("may do all that it asks for"), "{stdout}");

    let mut session = Session::start(mynah(&project, ["dev", "--listen", "127.0.0.1:0"]));
    session.type_line("/hello world");
    session.wait_for_output("hello, world", 1).await;
    session.wait_for_output("reply granted", 1).await;
    session.type_line("/quit");
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
}

#[test]
fn the_rules_that_the_readmes_show_can_be_typed_as_they_stand() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(folder.path(), ["new", "dice"]).0, 0);
    let project = folder.path().join("dice");
    for readme in [include_str!("../README.md"), include_str!("../README.zh-CN.md")] {
        let (_, from_rule) = readme.split_once("```rust\n").unwrap();
        let (rule, _) = from_rule.split_once("```").unwrap();
        fs::write(project.join("src/lib.rs"), rule).unwrap();
        let (code, stdout, stderr) = cargo_test(&project);
        assert_eq!(code, 0, "{rule}\n{stdout}\n{stderr}");
    }
}

#[test]
fn names_that_cannot_be_and_folders_that_are_there_are_refused() {
    let folder = TempDir::new().unwrap();
    let (code, _, stderr) = run(folder.path(), ["new", "My_Rule"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("hint: for example `mynah new my-rule`"), "{stderr}");
    fs::create_dir(folder.path().join("taken")).unwrap();
    let (code, _, stderr) = run(folder.path(), ["new", "taken"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("is there already"), "{stderr}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}
