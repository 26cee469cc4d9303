//! What a test can say of what the rule did about the last thing that happened. Each panics with all that
//! the rule did, if it did something else.

use std::time::Duration;

use super::Sim;
use crate::types::{Action, ActionBody, Segment};

/// The segments as one line of text, as the host flattens them.
pub fn flatten(segments: &[Segment]) -> String {
    let mut line = String::new();
    for segment in segments {
        match segment {
            Segment::Text(text) => line.push_str(text),
            Segment::Mention(mention) => {
                line.push('@');
                line.push_str(if mention.name.is_empty() { &mention.id } else { &mention.name });
            }
            Segment::MentionAll => line.push_str("@all"),
            Segment::Face(face) => {
                line.push('[');
                line.push_str(if face.name.is_empty() { &face.id } else { &face.name });
                line.push(']');
            }
            Segment::Image(_) => line.push_str("[image]"),
            Segment::Voice(_) => line.push_str("[voice]"),
            Segment::Video(_) => line.push_str("[video]"),
            Segment::File(_) => line.push_str("[file]"),
            Segment::AppCard(_) => line.push_str("[card]"),
            Segment::ReplyTo(_) => {}
            Segment::Other(other) => {
                line.push('[');
                line.push_str(&other.kind);
                line.push(']');
            }
        }
    }
    line
}

/// What an action says, if it says something: a `reply` or a `send`.
pub fn said(action: &Action) -> Option<String> {
    match &action.body {
        ActionBody::Reply(reply) => Some(flatten(&reply.segments)),
        ActionBody::Send(send) => Some(flatten(&send.segments)),
        _ => None,
    }
}

#[expect(clippy::panic, reason = "a failed expectation fails the test that made it")]
impl Sim {
    /// What the rule asked for.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// What the rule said, as text.
    pub fn replies(&self) -> Vec<String> {
        self.actions.iter().filter_map(said).collect()
    }

    /// Why the rule failed, if it did.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// What the rule wrote to its log since the beginning.
    pub fn log(&self) -> &[String] {
        &self.world.log
    }

    /// The rule says this.
    #[track_caller]
    pub fn expect_reply(&mut self, text: &str) -> &mut Self {
        self.check(&format!("the reply {text:?}"), |sim| sim.replies().iter().any(|reply| reply == text))
    }

    /// The rule says something with this in it.
    #[track_caller]
    pub fn expect_reply_with(&mut self, part: &str) -> &mut Self {
        self.check(&format!("a reply with {part:?}"), |sim| {
            sim.replies().iter().any(|reply| reply.contains(part))
        })
    }

    /// The rule does nothing, and does not fail.
    #[track_caller]
    pub fn expect_nothing(&mut self) -> &mut Self {
        self.check("nothing", |sim| sim.actions.is_empty() && sim.fault.is_none())
    }

    /// The rule mutes this member for this time.
    #[track_caller]
    pub fn expect_shutup(&mut self, who: &str, time: Duration) -> &mut Self {
        self.expect(&format!("{who} muted for {} s", time.as_secs()), |action| {
            matches!(&action.body, ActionBody::Shutup(shutup)
                if shutup.members.iter().any(|id| id == who) && u64::from(shutup.seconds) == time.as_secs())
        })
    }

    /// The rule removes this member.
    #[track_caller]
    pub fn expect_kick(&mut self, who: &str) -> &mut Self {
        self.expect(&format!("{who} kicked"), |action| {
            matches!(&action.body, ActionBody::Kick(kick) if kick.members.iter().any(|id| id == who))
        })
    }

    /// The rule fetches this, under this tag. [`Sim::answer_fetch`] answers it.
    #[track_caller]
    pub fn expect_fetch(&mut self, tag: &str, url: &str) -> &mut Self {
        self.expect(
            &format!("{url} fetched as {tag:?}"),
            |action| matches!(&action.body, ActionBody::Fetch(fetch) if fetch.tag == tag && fetch.url == url),
        )
    }

    /// The rule fails, and this is in its reason.
    #[track_caller]
    pub fn expect_fault(&mut self, part: &str) -> &mut Self {
        self.check(&format!("a fault with {part:?}"), |sim| {
            sim.fault.as_ref().is_some_and(|fault| fault.contains(part))
        })
    }

    /// Some action of the rule is so.
    #[track_caller]
    pub fn expect(&mut self, what: &str, is_so: impl Fn(&Action) -> bool) -> &mut Self {
        self.check(what, |sim| sim.actions.iter().any(is_so))
    }

    #[track_caller]
    fn check(&mut self, what: &str, holds: impl FnOnce(&Self) -> bool) -> &mut Self {
        if !holds(self) {
            match &self.fault {
                Some(fault) => panic!("expected {what}, but the rule failed: {fault}"),
                None => panic!("expected {what}, but the rule did this: {:#?}", self.actions),
            }
        }
        self
    }
}
