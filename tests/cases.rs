//! End-to-end cases as data: each folder of `tests/cases` is a configuration, what people do, and what the account is
//! expected to do about it.
//!
//! - `mynah.toml`: the configuration, without `listen`
//! - `events.jsonl`: a line for each thing that happens: `{"say": {...}}`, `{"join": {...}}`, `{"leave": {...}}` with the
//!   bodies of `/api/v1/accounts/sim/sim/*`, or `{"advance": MILLISECONDS}`
//! - `expected.jsonl`: the outbox afterwards, a line for each entry; of each only the fields that the line has count

use std::fs;
use std::path::Path;

use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::support::guests::repository;
use crate::support::host::TestHost;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_ends_as_it_says() {
    let mut folders: Vec<_> =
        fs::read_dir(repository().join("tests/cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    for folder in folders {
        play(&folder).await;
    }
}

async fn play(folder: &Path) {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let toml = fs::read_to_string(folder.join("mynah.toml")).unwrap();
    let (host, clock) = TestHost::start_virtual(&toml).await;
    for line in lines(&folder.join("events.jsonl")) {
        let (what, body) = line.as_object().unwrap().iter().next().unwrap();
        if what == "advance" {
            clock.advance(body.as_u64().unwrap());
            continue;
        }
        let (status, answer) = host.post(&format!("/api/v1/accounts/sim/sim/{what}"), body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{name}: {line}: {answer}");
        host.settle().await;
    }
    let outbox = host.outbox().await;
    let expected = lines(&folder.join("expected.jsonl"));
    let same = outbox.len() == expected.len()
        && outbox.iter().zip(&expected).all(|(entry, line)| holds(entry, line));
    assert!(
        same,
        "{name}: the account did\n{}",
        outbox.iter().map(|entry| format!("{entry}\n")).collect::<String>()
    );
    host.stop().await;
}

/// Whether an entry has what a line asks for. A text that ends with `…` need only begin so.
fn holds(entry: &Json, line: &Json) -> bool {
    line.as_object().unwrap().iter().all(|(field, wanted)| match (wanted.as_str(), entry[field].as_str()) {
        (Some(wanted), Some(text)) => {
            wanted.strip_suffix('…').map_or(wanted == text, |start| text.starts_with(start))
        }
        _ => entry[field] == *wanted,
    })
}

fn lines(file: &Path) -> Vec<Json> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}
