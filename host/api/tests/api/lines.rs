//! `post_stdout`: reports as lines.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use mynah_api::{ReportSettings, Reporters};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::reporting::settings;
use crate::stage::{PATIENCE, Stage};

/// Something that lines are written to; writing waits for the test.
#[derive(Clone, Default)]
struct Paper {
    text: Arc<Mutex<Vec<u8>>>,
    gate: Option<Arc<Mutex<Receiver<()>>>>,
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            // The test is over when its end of the gate is gone.
            let _ = gate.lock().recv();
        }
        self.text.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.text.lock().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until so many messages are written.
    async fn messages(&self, count: usize) -> Vec<Value> {
        let wait = async {
            loop {
                let lines = self.lines();
                let messages: Vec<_> =
                    lines.into_iter().filter(|line| line["post_type"] != "event").collect();
                if messages.len() >= count {
                    return messages;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("lines come")
    }
}

async fn writing_to(paper: &Paper) -> (Stage, Reporters) {
    let settings = settings(ReportSettings { post_stdout: true, ..ReportSettings::default() });
    let stage = Stage::new(settings.clone()).await;
    let reporters = Reporters::start(&stage.host, &settings, &stage.router, &[], paper.clone()).unwrap();
    (stage, reporters)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_report_is_one_line() {
    let paper = Paper::default();
    let (stage, reporters) = writing_to(&paper).await;
    stage.say(json!({"friend": "123456", "text": "一\n二"})).await;
    stage.say(json!({"friend": "123456", "text": "三"})).await;
    let messages = paper.messages(2).await;
    assert_eq!(messages[0]["content"], "一\n二");
    assert_eq!(messages[1]["content"], "三");
    let events: Vec<_> = paper.lines().iter().map(|line| line["event"].clone()).collect();
    assert!(events.contains(&json!("login")), "the login of this run is there: {events:?}");
    assert!(messages[0].get("client").is_none(), "there is one account");
    reporters.stop().await;
    stage.end().await;
}

fn gated() -> (Paper, Sender<()>) {
    let (open, gate) = channel();
    (Paper { gate: Some(Arc::new(Mutex::new(gate))), ..Paper::default() }, open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stands_still_holds_up_nothing_and_misses_nothing() {
    let (paper, open) = gated();
    let (stage, reporters) = writing_to(&paper).await;
    // More than the host keeps for those who lag.
    let account = stage.account();
    for number in 0..5_000 {
        let say = mynah_networks::sim::Say::friend("123456", number.to_string());
        account.sim().unwrap().say(say).await.unwrap();
    }
    drop(open);
    let messages = paper.messages(5_000).await;
    let texts: Vec<_> = messages.iter().map(|line| line["content"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, (0..5_000).map(|number| number.to_string()).collect::<Vec<_>>());
    reporters.stop().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_ends_though_nobody_reads() {
    let (paper, open) = gated();
    let (stage, reporters) = writing_to(&paper).await;
    stage.say(json!({"friend": "123456", "text": "一"})).await;
    let ended = async {
        reporters.stop().await;
        stage.end().await;
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the host ends");
    drop(open);
}
