//! What is noted down of what was asked for: one row for each action that does not become an act, and one for each fault.
//! An action that was granted has its row in the outbox.

use mynah_engine::Fault;
use mynah_model::action::{Action, ActionBody, Actor, Outcome};
use mynah_model::address::Address;
use mynah_model::clock::UnixMs;
use mynah_model::message::{Segment, flatten};
use mynah_model::names::{AccountName, ActNumber, Seq};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{AuditEntry, Write};

use crate::gate::Verdict;
use crate::limits;

/// The word under which a script's fault is listed among the actions.
pub const FAULT: &str = "fault";

/// The word for what a script looked for and may not see.
pub const LOOKUP: &str = "look-up";

/// Who asked for something, when, and on which occasion.
pub(crate) struct Asked<'a> {
    pub(crate) number: ActNumber,
    pub(crate) at: UnixMs,
    pub(crate) actor: &'a Actor,
    /// Where it would have been done, if the action names no other place.
    pub(crate) address: Option<&'a Address>,
    pub(crate) seq: Option<Seq>,
}

impl Asked<'_> {
    /// An entry of this occasion.
    pub(crate) fn entry(&self, action: &str, outcome: Outcome, text: String) -> AuditEntry {
        let release = match self.actor {
            Actor::Script { release, .. } => Some(release.hex()),
            _ => None,
        };
        AuditEntry {
            number: self.number,
            at: self.at,
            actor: self.actor.to_string(),
            script: self.actor.script().cloned(),
            release,
            address: self.address.cloned(),
            action: action.to_owned(),
            outcome: outcome.as_str().to_owned(),
            code: None,
            text: cut(&text, limits::AUDIT_TEXT_BYTES),
            reason: None,
            seq: self.seq,
            body: None,
            details: None,
        }
    }

    /// What the gate said to an action, unless it became an act. `stop` does nothing to anybody and leaves no trace but in the
    /// event's record.
    pub(crate) fn verdict(&self, action: &Action, verdict: &Verdict) -> Option<Write> {
        let (outcome, code, text) = match verdict {
            Verdict::Granted(_) | Verdict::Stop => return None,
            Verdict::DryRun(_) => (Outcome::DryRun, None, String::new()),
            Verdict::Paused(_, refusal) => {
                (Outcome::DryRun, Some(refusal.code.as_str()), refusal.text.clone())
            }
            Verdict::Schedule { tag, .. } => (Outcome::Done, None, format!("timer `{tag}` set")),
            Verdict::Cancel { tag } => (Outcome::Done, None, format!("timer `{tag}` removed")),
            Verdict::Refused(refusal) => {
                (outcome_of(refusal.code), Some(refusal.code.as_str()), refusal.text.clone())
            }
        };
        // What runs dry is shown as what would have been done: a reply as the message it would have become.
        let (body, address) = match verdict {
            Verdict::DryRun(act) | Verdict::Paused(act, _) => (&act.body, Some(act.address())),
            _ => (&action.body, target_address(self.address, action)),
        };
        Some(Write::Audit(AuditEntry {
            address,
            code: code.map(str::to_owned),
            reason: action.reason.as_deref().map(|reason| cut(reason, limits::AUDIT_TEXT_BYTES)),
            body: abridged(body),
            ..self.entry(body.name(), outcome, text)
        }))
    }

    /// An action that got no further than the door it came in by.
    pub(crate) fn refusal(&self, action: &Action, refusal: &Refusal) -> Option<Write> {
        self.verdict(action, &Verdict::Refused(refusal.clone()))
    }

    /// The first look-up of a call that was refused. It found nothing, and the call went on.
    pub(crate) fn lookup(&self, refusal: &Refusal) -> Write {
        Write::Audit(AuditEntry {
            code: Some(refusal.code.as_str().to_owned()),
            ..self.entry(LOOKUP, Outcome::Refused, refusal.text.clone())
        })
    }

    /// A call of a script that failed.
    pub(crate) fn fault(&self, fault: &Fault) -> Write {
        Write::Audit(AuditEntry {
            code: Some(fault.code.as_str().to_owned()),
            details: fault.backtrace.clone(),
            // A panic's own words, which the engine cut.
            text: fault.text.clone(),
            ..self.entry(FAULT, Outcome::Failed, String::new())
        })
    }
}

/// How an action ended that the gate refused with a code.
pub(crate) fn outcome_of(code: Code) -> Outcome {
    match code {
        Code::Unsupported => Outcome::Unsupported,
        Code::ActionExpired => Outcome::Expired,
        _ => Outcome::Refused,
    }
}

/// Where an action would be done.
fn target_address(here: Option<&Address>, action: &Action) -> Option<Address> {
    let Some(target) = &action.target else { return here.cloned() };
    let account: &AccountName = target.account.as_ref().or_else(|| here.map(|here| &here.account))?;
    Some(Address::chat(account.clone(), target.kind, cut(&target.id, limits::AUDIT_ID_BYTES)))
}

/// The action with its long texts cut: enough to see what it would have done. `None` if it is long even then.
fn abridged(body: &ActionBody) -> Option<ActionBody> {
    let short = |segments: &[Segment]| vec![Segment::text(cut(&flatten(segments), limits::AUDIT_TEXT_BYTES))];
    let body = match body {
        ActionBody::Send { segments } => ActionBody::Send { segments: short(segments) },
        ActionBody::Reply { segments, quote } => {
            ActionBody::Reply { segments: short(segments), quote: *quote }
        }
        // What is fetched with which secrets is nobody's business who reads the audit.
        ActionBody::Fetch { tag, method, url, .. } => ActionBody::Fetch {
            tag: tag.clone(),
            method: method.clone(),
            url: cut(url.split(['?', '#']).next().unwrap_or_default(), limits::AUDIT_TEXT_BYTES),
            headers: Vec::new(),
            body: None,
            secret: None,
        },
        other => other.clone(),
    };
    let long = serde_json::to_vec(&body).map_or(usize::MAX, |json| json.len());
    (long <= limits::AUDIT_BODY_BYTES).then_some(body)
}

/// What an action does, in one line for a person: `shutup 10004 for 600 s`.
pub fn summary(body: &ActionBody) -> String {
    let name = body.name();
    let what = match body {
        ActionBody::Reply { segments, .. } | ActionBody::Send { segments } => quoted(&flatten(segments)),
        ActionBody::SendMedia { media } => {
            quoted(media.name.as_deref().or(media.url.as_deref()).or(media.id.as_deref()).unwrap_or_default())
        }
        ActionBody::Shutup { members, seconds } => format!("{} for {seconds} s", members.join(", ")),
        ActionBody::Unshutup { members } => members.join(", "),
        ActionBody::Kick { members, reject_again } => {
            format!("{}{}", members.join(", "), if *reject_again { ", for good" } else { "" })
        }
        ActionBody::ShutupAll { on } | ActionBody::Stick { on } => if *on { "on" } else { "off" }.to_owned(),
        ActionBody::Recall { message_id } => format!("message {message_id}"),
        ActionBody::SetCard { member, card } => format!("{member} {}", quoted(card)),
        ActionBody::SetGroupName { name } => quoted(name),
        ActionBody::Invite { friends } | ActionBody::CreateGroup { friends, .. } => friends.join(", "),
        ActionBody::AnswerRequest { request_id, approve, .. } => {
            format!("{request_id} {}", if *approve { "yes" } else { "no" })
        }
        ActionBody::SetMarkname { member, markname } => {
            format!("{} {}", member.as_deref().unwrap_or_default(), quoted(markname))
        }
        ActionBody::MakeFriend { text } => quoted(text),
        ActionBody::Schedule { tag, .. } | ActionBody::Cancel { tag } => quoted(tag),
        ActionBody::Fetch { method, url, .. } => crate::fetch::shown(method, url),
        ActionBody::Stop => String::new(),
        ActionBody::Other { kind, .. } => quoted(kind),
    };
    plain(format!("{name} {what}").trim_end(), limits::SUMMARY_BYTES)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text, limits::SUMMARY_BYTES / 2))
}

/// A text of somebody else as one line that does nothing to a terminal: at most so many bytes of it.
pub fn plain(text: &str, bytes: usize) -> String {
    let shown = |c: char| match c {
        c if c.is_whitespace() => ' ',
        // Marks that turn the direction of what follows would hide what a line says.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    cut(text, bytes).chars().map(shown).collect()
}

/// At most so many bytes of a text, and a sign that there was more.
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use mynah_model::action::Target;
    use mynah_model::address::ChatKind;

    use super::*;
    use crate::record::ActionRecord;

    #[test]
    fn what_is_kept_of_an_action_is_bounded() {
        let long = ActionBody::Send { segments: vec![Segment::text("饭".repeat(10_000))] };
        let Some(ActionBody::Send { segments }) = abridged(&long) else { panic!() };
        let text = flatten(&segments);
        assert!(text.ends_with("饭…") && text.len() <= limits::AUDIT_TEXT_BYTES + 3, "{}", text.len());
        let many = ActionBody::Kick { members: vec!["1".repeat(1_000); 100], reject_again: false };
        assert_eq!(abridged(&many), None);
        let few = ActionBody::Kick { members: vec!["1".into()], reject_again: false };
        assert_eq!(abridged(&few), Some(few));
    }

    #[test]
    fn what_is_kept_of_a_refusal_is_bounded_whatever_was_named() {
        let id = "9".repeat(16_000);
        let target = Target { account: None, kind: ChatKind::Group, id: id.clone(), via: None };
        let action = Action {
            target: Some(target),
            reason: Some(id.clone()),
            ..Action::new(ActionBody::ShutupAll { on: true })
        };
        let here: Address = "sim/group/1".parse().unwrap();
        let asked =
            Asked { number: ActNumber(1), at: 0, actor: &Actor::Host, address: Some(&here), seq: None };
        let refusal = Refusal::new(Code::ChatUnknown, format!("account `sim` knows no group `{id}`"));
        let Some(Write::Audit(entry)) = asked.refusal(&action, &refusal) else { panic!() };
        assert!(entry.text.starts_with("account `sim` knows no group `999") && entry.text.ends_with("9…"));
        let size = |text: &str| text.len();
        let address = entry.address.unwrap().to_string();
        assert!(address.starts_with("sim/group/999") && address.ends_with("9…"), "{address}");
        let whole = size(&entry.text) + size(&address) + size(entry.reason.as_deref().unwrap());
        assert!(whole < 1_000, "{whole} bytes");
        let record = ActionRecord::of("shutup-all", &Verdict::Refused(refusal), ActNumber(1));
        assert!(record.text.unwrap().len() < 500);
    }

    #[test]
    fn an_action_is_one_line_that_does_nothing_to_a_terminal() {
        let text = "\u{1b}[2J第一行\n\u{202e}evil";
        let send = ActionBody::Send { segments: vec![Segment::text(text)] };
        assert_eq!(summary(&send), "send \"\u{fffd}[2J第一行 \u{fffd}evil\"");
        let shutup = ActionBody::Shutup { members: vec!["7".into(), "8".into()], seconds: 60 };
        assert_eq!(summary(&shutup), "shutup 7, 8 for 60 s");
        assert_eq!(summary(&ActionBody::Stop), "stop");
    }

    #[test]
    fn a_fetch_is_noted_without_what_may_be_secret() {
        let fetch = ActionBody::Fetch {
            tag: "t".into(),
            method: "GET".into(),
            url: "https://example.com/path?token=x".into(),
            headers: vec![("authorization".into(), "x".into())],
            body: Some(vec![1]),
            secret: None,
        };
        let json = serde_json::to_string(&abridged(&fetch)).unwrap();
        assert!(
            json.contains("example.com/path") && !json.contains("token") && !json.contains("authorization"),
            "{json}"
        );
    }
}
