//! `mynah pause` and `mynah resume`: what a running host notes down and does not do for a while.

use clap::Args;
use serde_json::{Value as Json, json};

use crate::client::HostUrl;
use crate::exit::Failure;
use crate::{output, run};

/// What is paused or resumed.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// This script alone.
    #[arg(long, value_name = "NAME")]
    script: Option<String>,
    /// In this chat alone: `qq/group/552603`, with `*` in any place.
    #[arg(long, value_name = "ADDRESS")]
    chat: Option<String>,
    #[command(flatten)]
    host: HostUrl,
}

/// Pauses it, at once, and prints all that is paused.
pub(crate) fn pause(args: PauseArgs) -> Result<(), Failure> {
    change(args, "/api/v1/pause")
}

/// Ends pauses, all of them if none is named, and prints what is still paused.
pub(crate) fn resume(args: PauseArgs) -> Result<(), Failure> {
    change(args, "/api/v1/resume")
}

fn change(args: PauseArgs, path: &str) -> Result<(), Failure> {
    let wanted = json!({ "script": args.script, "chats": args.chat });
    let answer =
        run::tokio_runtime()?.block_on(async { args.host.client()?.call(path, Some(&wanted)).await })?;
    let list = |name: &str| answer.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut text: String = list("ended").iter().map(|pause| format!("resumed: {}\n", line(pause))).collect();
    text.extend(list("paused").iter().map(|pause| format!("paused: {}\n", line(pause))));
    if text.is_empty() {
        text = "nothing is paused\n".to_owned();
    }
    output::print(&text)
}

/// `script ping in qq/*/*, since 2026-01-01 00:00:00 by api`
fn line(pause: &Json) -> String {
    let field = |name: &str| pause.get(name).and_then(Json::as_str).unwrap_or_default();
    let what = match field("script") {
        "" => "everything".to_owned(),
        script => format!("script {script}"),
    };
    let since = pause.get("since").and_then(Json::as_i64).unwrap_or_default();
    format!("{what} in {}, since {} by {}", field("chats"), output::time(since), field("by"))
}
