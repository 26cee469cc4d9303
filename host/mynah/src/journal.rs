//! `mynah journal`: what was asked of a running host, and what became of it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use clap::Args;
use mynah_runtime::audit::plain;
use serde_json::Value as Json;

use crate::client::{Client, HostUrl};
use crate::config::parse_span;
use crate::exit::Failure;
use crate::{output, run};

/// How often a host is asked whether there is more.
const AGAIN: Duration = Duration::from_secs(1);

/// Entries that one call asks for.
const PAGE: usize = 500;

/// Pages that are asked for, should what is looked for be rare: five million entries back.
const PAGES: usize = 50;

/// Bytes of one part of a line, which may hold whatever people wrote.
const PART: usize = 400;

/// Which entries.
#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    /// Of this script.
    #[arg(long, value_name = "NAME")]
    script: Option<String>,
    /// Asked for by this one: `script:NAME`, `api:KEY`, `operator:ID`; or by all of a kind: `api`, `webhook`.
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Of this account.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// In this chat: `qq/group/552603`, with `*` in any place.
    #[arg(long, value_name = "ADDRESS")]
    chat: Option<String>,
    /// This action: `shutup`, `kick`, `send` ...; or `fault`, `command`, `pause`, `resume`, `alert`.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// With this code, such as `budget.exhausted`.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// That ended so: `done`, `refused`, `dry-run`, `failed`, `unknown`, `expired`, `unsupported`.
    #[arg(long, value_name = "WORD")]
    outcome: Option<String>,
    /// Asked for on this event.
    #[arg(long, value_name = "SEQ")]
    seq: Option<u64>,
    /// Of the last `10m`, `2h`, `7d`.
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    since: Option<Duration>,
    /// Older than that.
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    until: Option<Duration>,
    /// The newest so many.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    /// Print each entry as a JSON object on a line of its own.
    #[arg(long)]
    json: bool,
    /// Go on printing what is asked for from now on.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    host: HostUrl,
}

/// Prints the entries, oldest first.
pub(crate) fn main(args: JournalArgs) -> Result<(), Failure> {
    run::tokio_runtime()?.block_on(journal(args))
}

async fn journal(args: JournalArgs) -> Result<(), Failure> {
    let host = args.host.client()?;
    let mut entries = read(&host, &args.query(), args.limit).await?;
    entries.reverse();
    print(&entries, args.json)?;
    let mut seen: BTreeSet<u64> = entries.iter().filter_map(number).collect();
    if !args.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(AGAIN).await;
        // Numbers are given before they are kept, so a lower one may come a moment after a higher one.
        let mut news = read(&host, &args.query(), PAGE).await?;
        news.reverse();
        news.retain(|entry| number(entry).is_some_and(|number| seen.insert(number)));
        print(&news, args.json)?;
        while seen.len() > 2 * PAGE {
            seen.pop_first();
        }
    }
}

impl JournalArgs {
    /// As the API takes it.
    fn query(&self) -> Vec<(&'static str, String)> {
        let ago = |span: Duration| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            since.saturating_sub(span).as_millis().to_string()
        };
        let given = [
            ("script", self.script.clone()),
            ("actor", self.actor.clone()),
            ("account", self.account.clone()),
            ("chat", self.chat.clone()),
            ("action", self.action.clone()),
            ("code", self.code.clone()),
            ("outcome", self.outcome.clone()),
            ("seq", self.seq.map(|seq| seq.to_string())),
            ("since", self.since.map(ago)),
            ("until", self.until.map(ago)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The newest entries, newest first.
async fn read(host: &Client, query: &[(&'static str, String)], limit: usize) -> Result<Vec<Json>, Failure> {
    let mut entries = Vec::new();
    let mut before = None;
    for _ in 0..PAGES {
        let wanted = limit.saturating_sub(entries.len()).min(PAGE);
        if wanted == 0 {
            break;
        }
        let mut query = query.to_vec();
        query.push(("limit", wanted.to_string()));
        query.extend(before.map(|before: u64| ("before", before.to_string())));
        let page = host.get("/api/v1/audit", &query).await?;
        entries.extend(page.get("entries").and_then(Json::as_array).cloned().unwrap_or_default());
        before = page.get("next").and_then(Json::as_u64);
        if before.is_none() {
            break;
        }
    }
    Ok(entries)
}

fn number(entry: &Json) -> Option<u64> {
    entry.get("number").and_then(Json::as_u64)
}

fn print(entries: &[Json], json: bool) -> Result<(), Failure> {
    let line = |entry: &Json| if json { format!("{entry}\n") } else { self::line(entry) };
    output::print(&entries.iter().map(line).collect::<String>())
}

/// `4711  2026-01-01 21:03:11  script:group-guard  qq/group/552603  kick 10004 -> refused budget.exhausted: ...`
fn line(entry: &Json) -> String {
    let text = |name: &str| {
        entry.get(name).and_then(Json::as_str).filter(|text| !text.is_empty()).map(|text| plain(text, PART))
    };
    let at = entry.get("at").and_then(Json::as_i64).unwrap_or_default();
    let mut line = format!(
        "{}  {}  {}  {}  {} -> {}",
        number(entry).unwrap_or_default(),
        output::time(at),
        text("actor").unwrap_or_default(),
        text("address").unwrap_or_else(|| "-".to_owned()),
        text("summary").unwrap_or_default(),
        text("outcome").unwrap_or_default(),
    );
    // Writing to a string cannot fail.
    if let Some(code) = text("code").filter(|code| code != "ok") {
        let _ = write!(line, " {code}");
    }
    if let Some(text) = text("text") {
        let _ = write!(line, ": {text}");
    }
    if let Some(reason) = text("reason") {
        let _ = write!(line, " ({reason})");
    }
    if let Some(seq) = entry.get("seq").and_then(Json::as_u64) {
        let _ = write!(line, "  on {seq}");
    }
    line.push('\n');
    for frame in entry.get("details").and_then(Json::as_str).unwrap_or_default().lines() {
        let _ = writeln!(line, "    {}", plain(frame, PART));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_one_line_whatever_people_wrote() {
        let entry = json!({
            "number": 4711, "at": 1_767_225_600_000i64, "actor": "script:group-guard", "address": "qq/group/552603",
            "summary": "kick 10004", "outcome": "refused", "code": "budget.exhausted", "text": "used up\n\u{1b}[2J",
            "reason": "flood", "seq": 17, "details": null,
        });
        assert_eq!(
            line(&entry),
            "4711  2026-01-01 00:00:00  script:group-guard  qq/group/552603  kick 10004 -> refused budget.exhausted: used up \u{fffd}[2J (flood)  on 17\n"
        );
        let done = json!({ "number": 1, "at": 0, "actor": "api", "summary": "send \"hi\"", "outcome": "done", "code": "ok", "text": "" });
        assert_eq!(line(&done), "1  1970-01-01 00:00:00  api  -  send \"hi\" -> done\n");
    }
}
