//! Who asked for what, and what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use mynah_model::clock::UnixMs;
use mynah_model::names::{ActNumber, Seq};
use mynah_runtime::audit::summary;
use mynah_runtime::{AuditFilter, AuditPage, AuditRow};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answers::{Unavailable, Wrong};
use super::query::Query;
use crate::problem::Failure;
use crate::settings::{AUDIT_PAGE, AUDIT_PAGE_MOST};
use crate::state::Api;

/// Some of what was asked for, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Page {
    /// The entries. There may be more although these are few, or none: a search that finds little stops on its way.
    entries: Vec<Entry>,
    /// `before` of the next page; null at the end.
    next: Option<u64>,
}

/// Something that was asked for and what became of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Entry {
    /// Its number; that of the act if it was granted. Later ones are higher.
    number: u64,
    /// When it was asked for, unix ms.
    at: UnixMs,
    /// When it was over, unix ms; null while it waits to be delivered.
    ended_at: Option<UnixMs>,
    /// Who asked: `script:NAME`, `api`, `api:KEY`, `webhook`, `operator:ID` or `host`.
    actor: String,
    /// The script it concerns.
    script: Option<String>,
    /// The release of that script.
    release: Option<String>,
    /// Where: `qq/group/552603`, or an account.
    address: Option<String>,
    /// The action (`shutup`, `send` ...), or `fault`, `command`, `pause`, `resume`, `alert`.
    action: String,
    /// What it does, in one line: `shutup 10004 for 600 s`.
    summary: String,
    /// `decided`, `sending`, `done`, `failed`, `refused`, `unsupported`, `unknown`, `expired` or `dry-run`.
    outcome: String,
    /// `ok`, or the rule that stood against it; null while it waits, and where it ran dry.
    code: Option<String>,
    /// The same in a sentence.
    text: String,
    /// Why, in the words of who asked.
    reason: Option<String>,
    /// The event it was asked on: its evidence.
    seq: Option<u64>,
    /// All of the action; of one that was not done, long texts are cut.
    body: Value,
    /// The id of the message that was sent.
    message_id: Option<String>,
    /// More of it: the backtrace of a fault, innermost function first.
    details: Option<String>,
}

impl Entry {
    fn of(row: AuditRow) -> Self {
        let entry = row.entry;
        Self {
            number: entry.number.0,
            at: entry.at,
            ended_at: row.ended_at,
            actor: entry.actor,
            script: entry.script.map(|script| script.to_string()),
            release: entry.release,
            address: entry.address.map(|address| address.to_string()),
            summary: entry.body.as_ref().map_or_else(|| entry.action.clone(), summary),
            action: entry.action,
            outcome: entry.outcome,
            code: entry.code,
            text: entry.text,
            reason: entry.reason,
            seq: entry.seq.map(|seq| seq.0),
            body: entry.body.and_then(|body| serde_json::to_value(body).ok()).unwrap_or_default(),
            message_id: row.message_id,
            details: entry.details,
        }
    }
}

/// What was asked for and what became of it, newest first: every action of scripts, webhooks, callers and operators, granted or
/// not, and the faults of scripts.
#[utoipa::path(
    get, operation_id = "list_audit",
    path = "/api/v1/audit",
    tag = "audit",
    params(
        ("script" = Option<String>, Query, description = "of this script"),
        ("actor" = Option<String>, Query, description = "by this one: `script:ping`, `api:KEY`; or by all of a kind: `api`"),
        ("account" = Option<String>, Query, description = "of this account"),
        ("chat" = Option<String>, Query, description = "at these addresses: `qq/group/*`"),
        ("action" = Option<String>, Query, description = "this action: `shutup`; or `fault`, `command` ..."),
        ("code" = Option<String>, Query, description = "with this code: `budget.exhausted`"),
        ("outcome" = Option<String>, Query, description = "that ended so: `refused`, `dry-run` ..."),
        ("seq" = Option<u64>, Query, description = "asked on this event"),
        ("since_seq" = Option<u64>, Query, description = "asked on this event or a later one"),
        ("until_seq" = Option<u64>, Query, description = "asked on this event or an earlier one"),
        ("since" = Option<i64>, Query, description = "asked at this time or later, unix ms"),
        ("until" = Option<i64>, Query, description = "asked at this time or earlier, unix ms"),
        ("before" = Option<u64>, Query, description = "with a lower number than this: `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "at most so many, 1 to 500; 100 without it"),
    ),
    responses(
        (status = 200, description = "the entries", body = Page),
        Wrong,
        Unavailable,
    ),
)]
pub(super) async fn list(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Page>, Failure> {
    let (filter, limit) = filter(request.uri().query().unwrap_or_default())?;
    let page = api.host.audit(filter, limit).await.map_err(|error| Failure::internal(&error))?;
    let AuditPage { rows, next } = page;
    Ok(Json(Page { entries: rows.into_iter().map(Entry::of).collect(), next: next.map(|next| next.0) }))
}

fn filter(query: &str) -> Result<(AuditFilter, u32), Failure> {
    const NAMES: [&str; 14] = [
        "script",
        "actor",
        "account",
        "chat",
        "action",
        "code",
        "outcome",
        "seq",
        "since_seq",
        "until_seq",
        "since",
        "until",
        "before",
        "limit",
    ];
    let query = Query::read(query, &NAMES)?;
    let seq = |name| Ok::<_, Failure>(query.number::<u64>(name, "the number of an event")?.map(Seq));
    let limit = query.limit(AUDIT_PAGE, AUDIT_PAGE_MOST)?;
    let filter = AuditFilter {
        script: query.parsed("script")?,
        actor: query.text("actor"),
        account: query.parsed("account")?,
        chats: query.parsed("chat")?,
        action: query.text("action"),
        code: query.text("code"),
        outcome: query.text("outcome"),
        seq: seq("seq")?,
        since_seq: seq("since_seq")?,
        until_seq: seq("until_seq")?,
        since: query.number("since", "a time in unix ms")?,
        until: query.number("until", "a time in unix ms")?,
        before: query.number::<u64>("before", "the number of an entry")?.map(ActNumber),
    };
    Ok((filter, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_what_is_wrong_with_it() {
        let (read, limit) = filter("script=ping&chat=qq/group/*&since=-5&limit=7&key=x").unwrap();
        assert_eq!((read.script.unwrap().as_str(), read.since, limit), ("ping", Some(-5), 7));
        for (query, expected) in [
            ("scirpt=ping", "there is no parameter `scirpt` here; there is `script`, `actor`, `account`"),
            ("seq=x", "`seq` is not the number of an event"),
            ("seq=99999999999999999999", "`seq` is not the number of an event"),
            ("limit=0", "`limit` is 1 to 500, not 0"),
            ("limit=501", "`limit` is 1 to 500, not 501"),
            ("script=A", "`script`: script name `A` is not valid"),
            ("chat=qq/nope/1", "`chat`: chat kind `nope` is not valid"),
        ] {
            let text = filter(query).unwrap_err().refusal.text;
            assert!(text.starts_with(expected), "{query}: {text}");
        }
    }
}
