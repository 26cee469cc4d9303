//! An explanation as people read it.

use chrono::DateTime;
use mynah_model::clock::UnixMs;

use super::{Call, Deed, NotCalled, Why};
use crate::audit::plain;
use crate::limits;

/// The digits of a release that tell it from others.
const RELEASE: usize = 12;

impl Why {
    /// The lines: what happened, each script, what others did, hints. With `close` also backtraces, for somebody at a terminal.
    pub fn lines(&self, close: bool) -> Vec<String> {
        let mut lines = vec![self.head()];
        if let Some(cause) = self.cause {
            lines.push(format!("  caused by event {cause}"));
        }
        match (&self.set_aside, self.handled_at) {
            (Some(why), _) => lines.push(format!("  set aside, nothing came of it: {}", shown(why))),
            (None, None) => lines.push("  it waits to be handled".to_owned()),
            _ => {}
        }
        let names =
            self.calls.iter().map(|call| &call.script).chain(self.not_called.iter().map(|not| &not.script));
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        for call in &self.calls {
            call.add_to(&mut lines, width, close);
        }
        lines.extend(self.not_called.iter().map(|not| not.line(width)));
        lines.extend(self.others.iter().map(|deed| format!("  {}  {}", shown(&deed.actor), deed.line())));
        if self.calls.is_empty()
            && self.not_called.is_empty()
            && self.others.is_empty()
            && self.handled_at.is_some()
        {
            lines.push("  there is no script".to_owned());
        }
        lines.extend(self.hints.iter().map(|hint| format!("  hint: {hint}")));
        lines
    }

    /// `4711 qq/group/552603 Alice (10001) "加薇信…"  received 2026-01-01 21:03:11.204, 2 s old when it was handled`
    fn head(&self) -> String {
        let kind = serde_json::to_value(self.kind).unwrap_or_default();
        let what = match &self.text {
            Some(text) => format!("\"{text}\""),
            None => kind.as_str().unwrap_or_default().to_owned(),
        };
        let who = self.who.as_ref().map(|who| format!(" {who}")).unwrap_or_default();
        let sent = if kind == "message-sent" { " sent" } else { "" };
        let age =
            self.age_ms.map(|age| format!(", {} old when it was handled", span(age))).unwrap_or_default();
        format!(
            "{} {}{who}{sent} {what}  received {}{age}",
            self.seq,
            shown(&self.address),
            time(self.received_at)
        )
    }
}

impl Call {
    fn add_to(&self, lines: &mut Vec<String>, width: usize, close: bool) {
        let release: String = self.release.chars().take(RELEASE).collect();
        let head = format!("  {:width$}  {release}", self.script);
        if let Some(code) = &self.code {
            let text = shown(self.text.as_deref().unwrap_or_default());
            // What was left out took no time.
            let word = if self.cpu_us == 0 { "not called" } else { "failed" };
            lines.push(format!("{head}  {word}: {code}: {text}"));
            for frame in self.backtrace.iter().flat_map(|backtrace| backtrace.lines()).filter(|_| close) {
                lines.push(format!("      {}", shown(frame)));
            }
            return;
        }
        match self.actions.as_slice() {
            [] => lines.push(format!("{head}  {} us -> nothing", self.cpu_us)),
            [only] => lines.push(format!("{head}  {} us -> {}", self.cpu_us, only.line())),
            several => {
                lines.push(format!("{head}  {} us", self.cpu_us));
                lines.extend(several.iter().map(|deed| format!("    -> {}", deed.line())));
            }
        }
    }
}

impl NotCalled {
    fn line(&self, width: usize) -> String {
        let release = self.release.as_deref().unwrap_or("-");
        let release: String = release.chars().take(RELEASE).collect();
        format!("  {:width$}  {release:RELEASE$}  not called: {}", self.script, shown(&self.text))
    }
}

impl Deed {
    /// `shutup 10001 for 600 s: refused budget.exhausted: ... (flood)`
    fn line(&self) -> String {
        let mut line = format!("{}: {}", self.summary, self.outcome);
        for (before, part, after) in [
            (" ", self.code.as_deref().unwrap_or_default(), ""),
            (": ", &self.text, ""),
            (" (", self.reason.as_deref().unwrap_or_default(), ")"),
        ] {
            if !part.is_empty() {
                line += &format!("{before}{}{after}", shown(part));
            }
        }
        match (self.outcome.as_str(), self.number) {
            ("granted", Some(number)) => line += &format!(", act {number} waits for delivery"),
            ("done" | "failed" | "unknown", Some(number)) => line += &format!(", act {number}"),
            _ => {}
        }
        line
    }
}

/// A text of somebody else.
fn shown(text: &str) -> String {
    plain(text, limits::WHY_LINE_BYTES)
}

pub(super) fn time(at: UnixMs) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A length of time as people say it.
fn span(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}
