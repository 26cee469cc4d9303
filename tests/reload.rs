//! Scripts are replaced while they run: nothing is lost, nothing is mixed, and what cannot be used changes nothing.

use std::collections::HashMap;
use std::fs;

use mynah_model::event::EventBody;
use mynah_networks::sim::Say;

use crate::support::guests::{component, counter, replace_all};
use crate::support::house::{House, crowd, wait_for};

/// A component of an interface that no host has.
const UNKNOWN_IMPORT: &str = r#"(component (import "acme:gadgets/laser@1.0.0" (instance)))"#;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_events_survive_fifty_replacements() {
    const CHATS: usize = 50;
    const EVENTS: usize = 20_000;
    let house = House::plan().sim(crowd(CHATS)).trusted("counter", &counter(0)).start().await;
    let replacing = tokio::spawn({
        let (script, data) = (house.script_file("counter"), house.data().to_owned());
        let releases: Vec<_> = (1..=50).map(counter).collect();
        let host = house.host.clone();
        async move {
            for (number, bytes) in releases.iter().enumerate() {
                let before = host.scripts()[0].release.clone();
                fs::write(data.join("apart"), bytes).unwrap();
                fs::rename(data.join("apart"), &script).unwrap();
                wait_for(&format!("release {}", number + 1), || host.scripts()[0].release != before).await;
            }
        }
    });
    let mut talking = Vec::new();
    for chat in 0..CHATS {
        let host = house.host.clone();
        talking.push(tokio::spawn(async move {
            let account = host.account("sim").unwrap();
            for number in 0..EVENTS / CHATS {
                let say = Say::group(chat.to_string(), "m0", format!("{chat}:{number}"));
                account.sim().unwrap().say(say).await.unwrap();
            }
        }));
    }
    for talker in talking {
        talker.await.unwrap();
    }
    replacing.await.unwrap();

    let mut answers: HashMap<String, Vec<(usize, usize, String)>> = HashMap::new();
    for event in house.events().await {
        let EventBody::MessageSent(message) = &event.body else { continue };
        let words: Vec<_> = message.text.split(' ').collect();
        let [said, count, release] = words[..] else { panic!("{}", message.text) };
        let number = said.split(':').nth(1).unwrap().parse().unwrap();
        let chat = event.chat.as_ref().unwrap().id.clone();
        answers.entry(chat).or_default().push((number, count.parse().unwrap(), release.to_owned()));
    }
    assert_eq!(answers.len(), CHATS);
    for (chat, answers) in &answers {
        let numbers: Vec<_> = answers.iter().map(|answer| answer.0).collect();
        let counts: Vec<_> = answers.iter().map(|answer| answer.1).collect();
        assert_eq!(
            numbers,
            (0..EVENTS / CHATS).collect::<Vec<_>>(),
            "{chat}: none lost, none twice, in order"
        );
        assert_eq!(counts, (1..=EVENTS / CHATS).collect::<Vec<_>>(), "{chat}: the state saw the same");
        let releases: Vec<_> = answers.iter().map(|answer| &answer.2).collect();
        assert!(releases.is_sorted(), "{chat}: from the old release to the new one and never back");
    }
    let status = house.status("counter");
    assert_eq!((status.faults, status.skipped, status.state.as_str()), (0, 0, "running"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_leaves_the_old_release_live_and_says_why() {
    let house = House::plan().trusted("counter", &counter(1)).start().await;
    let live = house.status("counter").release;
    let good = counter(2);
    let future = {
        let text = "mynah:script/types@0.1.0";
        let other = "mynah:script/types@0.9.0";
        replace_all(&good, text.as_bytes(), other.as_bytes())
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("truncated", good[..good.len() / 2].to_vec(), "component.invalid"),
        ("empty", Vec::new(), "component.invalid"),
        ("text", b"this is no component".to_vec(), "component.invalid"),
        ("a plain module", wat::parse_str("(module)").unwrap(), "component.invalid"),
        ("an unknown import", wat::parse_str(UNKNOWN_IMPORT).unwrap(), "import.unknown"),
        ("files", component("files"), "import.refused"),
        ("sockets", component("sockets"), "import.refused"),
        ("one that fails when asked what it is", component("speechless"), "describe.failed"),
        ("a contract from the future", future, "contract.mismatch"),
        ("a component that is no script", wat::parse_str("(component)").unwrap(), "contract.mismatch"),
    ];
    for (what, bytes, code) in cases {
        house.replace("counter", &bytes);
        wait_for(what, || house.status("counter").last_error.is_some_and(|error| error.starts_with(code)))
            .await;
        let status = house.status("counter");
        assert_eq!((status.state.as_str(), &status.release), ("refused", &live), "{what}");
        house.say("0", "m0", what).await;
        let answer = house.sent().await.pop().unwrap();
        assert!(answer.starts_with(what) && answer.ends_with("release-00000001"), "{what}: {answer}");
    }
    house.replace("counter", &good);
    wait_for("a good file", || house.status("counter").state == "running").await;
    house.say("0", "m0", "at last").await;
    assert!(house.sent().await.pop().unwrap().ends_with("release-00000002"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_come_and_go_with_their_files_however_an_editor_writes_them() {
    let house = House::plan().start().await;
    assert!(house.host.scripts().is_empty());
    fs::write(house.script_file("counter"), counter(1)).unwrap();
    wait_for("a new file", || !house.host.scripts().is_empty() && house.status("counter").state == "running")
        .await;

    let first = house.status("counter").release;
    fs::write(house.script_file("counter"), counter(2)).unwrap();
    wait_for("writing in place", || house.status("counter").release != first).await;

    let second = house.status("counter").release;
    let kept = house.script_file("counter").with_extension("wasm~");
    fs::rename(house.script_file("counter"), &kept).unwrap();
    fs::write(house.script_file("counter"), counter(3)).unwrap();
    fs::remove_file(kept).unwrap();
    wait_for("an editor that keeps a copy", || {
        house
            .host
            .scripts()
            .first()
            .is_some_and(|script| script.release.is_some() && script.release != second)
    })
    .await;

    fs::remove_file(house.script_file("counter")).unwrap();
    wait_for("removal", || house.host.scripts().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_that_differ_in_case_only_are_one_too_many() {
    let house = House::plan().trusted("counter", &counter(1)).start().await;
    fs::write(house.script_file("Counter"), counter(2)).unwrap();
    fs::write(house.script_file("my_rule"), counter(2)).unwrap();
    wait_for("both", || house.host.scripts().len() == 3).await;
    for (name, right) in [("Counter", "counter.wasm"), ("my_rule", "my-rule.wasm")] {
        let status = house.status(name);
        let error = status.last_error.unwrap();
        assert!(
            status.release.is_none() && error.starts_with("script.name") && error.contains(right),
            "{error}"
        );
    }
    assert_eq!(house.status("counter").state, "running");
}
