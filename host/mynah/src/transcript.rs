//! What the prompt shows of what happens: who said what, and which script did what, how fast and why.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

use mynah_model::event::{Event, EventBody, Membership, MembershipCause};
use mynah_model::message::Message;
use mynah_model::names::{ScriptName, Seq};
use mynah_runtime::record::{CallRecord, Handled};

/// Calls that are remembered until what they said is said.
const REMEMBERED: usize = 256;

/// Turns events and records into lines.
#[derive(Default)]
pub(crate) struct Transcript {
    calls: HashMap<(Seq, ScriptName), String>,
    order: VecDeque<(Seq, ScriptName)>,
}

impl Transcript {
    /// The lines of an event, each with its end.
    pub(crate) fn event(&self, event: &Event) -> String {
        let place = event.chat.as_ref().map_or("", |chat| chat.name.as_str());
        match &event.body {
            EventBody::MessageSent(message) => self.sent(event, message),
            EventBody::MemberJoined(member) => came(place, member),
            EventBody::MemberLost(member) => went(place, member),
            EventBody::Muted(mute) => {
                let whom = mute.member.as_ref().map_or("everybody", |member| member.display_name());
                let seconds = mute.seconds.map_or(String::new(), |seconds| format!(" for {seconds} s"));
                format!("* {whom} is muted in {place}{seconds}\n")
            }
            EventBody::Unmuted(mute) => {
                let whom = mute.member.as_ref().map_or("everybody", |member| member.display_name());
                format!("* {whom} may speak in {place} again\n")
            }
            EventBody::Recalled(recall) => {
                let who = recall.sender.as_ref().map_or("somebody", |sender| sender.display_name());
                format!("* a message of {who} is taken back in {place}\n")
            }
            _ => String::new(),
        }
    }

    fn sent(&self, event: &Event, message: &Message) -> String {
        let text = message.text.replace('\n', "\n    ");
        let mut line = format!("{}: {text}\n", message.sender.display_name());
        let call = event.cause.zip(event.by_script.clone());
        if let Some(call) = call.and_then(|key| self.calls.get(&key)) {
            line += call;
        }
        line
    }

    /// The lines of what was decided on an event. What is going to be said is told when it is.
    pub(crate) fn handled(&mut self, handled: &Handled) -> String {
        let mut lines = String::new();
        for call in &handled.calls {
            let told = self::call(call);
            let speaks = call.actions.iter().any(|action| {
                action.verdict == "granted" && matches!(action.action, "reply" | "send" | "send-media")
            });
            if speaks {
                self.remember((handled.event.seq, call.script.clone()), told);
            } else if call.code.is_some() || !call.actions.is_empty() {
                lines += &told;
            }
        }
        lines
    }

    fn remember(&mut self, key: (Seq, ScriptName), told: String) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.calls.insert(key, told);
    }
}

/// One call: `    ping 3f2a91c04b7d  41 us  reply granted (to say pong)`.
fn call(call: &CallRecord) -> String {
    let mut line = format!("    {} {}  {} us", call.script, call.release, call.cpu_us);
    // Writing to a string cannot fail.
    if let Some(code) = call.code {
        let _ = write!(line, "  {code}: {}", call.text.as_deref().unwrap_or_default());
    }
    for (place, action) in call.actions.iter().enumerate() {
        let _ = write!(line, "{}{} {}", if place == 0 { "  " } else { ", " }, action.action, action.verdict);
        if let Some(text) = &action.text {
            let _ = write!(line, " ({text})");
        }
    }
    line.push('\n');
    line
}

fn came(place: &str, member: &Membership) -> String {
    let who = member.who.display_name();
    match &member.by {
        Some(by) => format!("* {who} joins {place}, brought by {}\n", by.display_name()),
        None => format!("* {who} joins {place}\n"),
    }
}

fn went(place: &str, member: &Membership) -> String {
    let who = member.who.display_name();
    match (&member.by, member.cause) {
        (Some(by), MembershipCause::Kicked) => {
            format!("* {who} is kicked from {place} by {}\n", by.display_name())
        }
        _ => format!("* {who} leaves {place}\n"),
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::names::ReleaseId;
    use mynah_model::refusal::Code;
    use mynah_runtime::record::ActionRecord;

    use super::*;

    #[test]
    fn a_call_is_one_line_with_time_and_reason() {
        let action = |action, verdict, text: Option<&str>| ActionRecord {
            action,
            verdict,
            act: None,
            text: text.map(str::to_owned),
        };
        let mut record = CallRecord {
            script: "group-guard".parse().unwrap(),
            release: ReleaseId([0xab; 32]),
            cpu_us: 1_239,
            code: None,
            text: None,
            actions: vec![
                action("reply", "granted", Some("flood")),
                action("kick", "budget.exhausted", Some("3/h")),
            ],
        };
        assert_eq!(
            call(&record),
            "    group-guard abababababab  1239 us  reply granted (flood), kick budget.exhausted (3/h)\n"
        );
        record.actions.clear();
        record.code = Some(Code::LimitDeadline);
        record.text = Some("50 ms".into());
        assert!(call(&record).ends_with("us  limit.deadline: 50 ms\n"));
    }
}
