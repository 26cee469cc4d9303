//! A host that is killed in the middle of writing: what it said was written is there, nothing is half there.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use mynah_model::names::{ActNumber, Seq};

use super::{act, folder, handled, journal, open, put, value};
use crate::{Batch, Write};

/// Set in the process that is to be killed: the database's path.
const VICTIM: &str = "MYNAH_STORE_VICTIM";

const THIS: &str = "tests::kill::a_killed_host_loses_nothing_that_it_reported";

#[test]
fn a_killed_host_loses_nothing_that_it_reported() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return write_until_killed(path.as_ref());
    }
    let (_folder, path) = folder();
    let mut reported = 0;
    for round in 1..=3 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", THIS, "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut killed = false;
        let mut lines = 0;
        for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
            // The test harness has lines of its own, and the last one may be cut off.
            let Ok(line) = line else { break };
            let Some(count) = line.strip_prefix("handled ").and_then(|rest| rest.strip_suffix('.')) else {
                continue;
            };
            reported = count.parse().unwrap();
            lines += 1;
            if lines >= 400 * round && !killed {
                victim.kill().unwrap();
                killed = true;
            }
        }
        assert!(killed, "the victim ended by itself: {:?}", victim.wait());
        victim.wait().unwrap();
        reported = judge(&path, reported);
    }
}

/// Checks that event, counter and act of each handled event came and went together; how many were handled.
fn judge(path: &std::path::Path, reported: u64) -> u64 {
    let (store, recovery) = open(path);
    let waiting: Vec<_> = recovery.unhandled.map(|event| event.unwrap().seq.0).collect();
    let count = recovery.last_seq.0 - waiting.len() as u64;
    assert!(count >= reported, "{count} handled, {reported} reported");
    assert_eq!(waiting, (count + 1..=recovery.last_seq.0).collect::<Vec<_>>());
    assert_eq!(value(&store, "counter", "n"), (count > 0).then(|| count.to_string()));
    assert_eq!(recovery.last_act, ActNumber(count));
    let decided: Vec<_> = recovery.outbox.iter().map(|(act, _)| act.number.0).collect();
    assert_eq!(decided, (1..=count).collect::<Vec<_>>());
    let events = store.read(|reader| reader.events(Seq(1), u32::MAX)).unwrap();
    assert_eq!(events.len() as u64, recovery.last_seq.0);
    count
}

/// Journals and handles events as a host does, some of them under way at any time, and reports each that is
/// durable. Nobody tells it to stop.
fn write_until_killed(path: &std::path::Path) {
    let (store, recovery) = open(path);
    let handle = |seq: u64| -> Batch {
        [handled(seq), put("counter", "n", &seq.to_string()), Write::OutboxDecided(act(seq, Some(seq)))]
            .into_iter()
            .collect()
    };
    let (permit, permits) = mpsc::channel();
    (0..64).for_each(|_| permit.send(()).unwrap());
    let finish = |seq: u64| {
        permits.recv().unwrap();
        let permit = permit.clone();
        store.write(handle(seq), move |result| {
            result.unwrap();
            if writeln!(std::io::stdout(), "handled {seq}.").is_err() {
                // The test that was to kill this process is gone.
                std::process::exit(1);
            }
            permit.send(()).unwrap();
        });
    };
    let waiting: Vec<_> = recovery.unhandled.map(|event| event.unwrap().seq.0).collect();
    waiting.into_iter().for_each(finish);
    for seq in recovery.last_seq.0 + 1.. {
        store.write(journal(seq).into(), |result| result.unwrap());
        finish(seq);
    }
}
