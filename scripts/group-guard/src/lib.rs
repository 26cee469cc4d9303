//! Keeps a group calm. Whoever floods it, repeats themselves, uses a forbidden word or posts a link that is
//! not allowed is warned, then muted, then removed; after a day of peace all is forgotten. It says what it
//! does and why. The owner, the admins and the account itself may do as they please.
//!
//! Without settings it does this:
//!
//! ```toml
//! [script.group-guard.settings]
//! flood = "6 in 10s"                       # messages of one member; "off" allows any number
//! repeat = "4 in 60s"                      # the same text of one member
//! keywords = []                            # "加微信", { regex = "vx\\d+" } ...
//! # links = ["example.org"]                # when written: only to these hosts and what is below them
//! recall = true                            # take back messages with such words or links
//! steps = ["warn", "shutup 10m", "kick"]   # the first time, the second, and ever after
//! decay = "24h"                            # forgotten after so long without another offence
//! dry_run = false                          # only say what would be done
//! ```
//!
//! # Layout
//! - `offence`: what is wrong with a message; `pace`: how often, in how long; `links`: where a text points to
//! - `step`: what is done about it, the first time, the second and ever after

mod links;
mod offence;
mod pace;
mod step;

use mynah_sdk::prelude::*;

use crate::offence::Offence;
use crate::step::Step;

/// What a network hands over later than this is history: nobody is punished for it any more.
const HISTORY: std::time::Duration = minutes(5);

mynah_sdk::rule!(
    Rule::new(
        "group-guard",
        "Keeps a group calm: flood, repetition, words, links. 管群：刷屏、复读、禁用词、链接。"
    )
    .settings_schema(include_str!("../settings.schema.json"))
    .only_in([ChatKind::Group])
    .on_message(guard)
    .asks("reply", "to say what it does and why")
    .asks("recall", "to take back messages with forbidden words or links")
    .asks("shutup", "to mute members who do it again")
    .asks("kick", "to remove members who do not stop")
);

fn guard(event: &Event, message: &Message) -> Result<Actions> {
    let may_do_anything = message.sender.is_admin() || event.is_self(&message.sender);
    if may_do_anything || event.age() > HISTORY {
        return Ok(Actions::new());
    }
    match offence::of(event, message)? {
        Some(offence) => punish(message, &offence),
        None => Ok(Actions::new()),
    }
}

/// Takes the next step with a member, and says so.
fn punish(message: &Message, offence: &Offence) -> Result<Actions> {
    let member = &message.sender;
    let steps = setting("steps")?.unwrap_or_else(step::default_steps);
    let decay = setting_duration("decay")?.unwrap_or(hours(24));
    let strikes = kv::increment_for(&format!("strikes/{}", member.id), 1, decay)?;
    let (step, next) = step::nth(&steps, strikes);
    let is_dry = setting("dry_run")?.unwrap_or(false);

    let mut said = mention(member).text(format!(" {}：{}。", offence.zh, step.zh()));
    if let Some(next) = next {
        said = said.text(format!("再犯：{}。", next.zh()));
    }
    said = said.text(format!(" {}: {}.", offence.en, step.en()));
    if is_dry {
        return Ok(reply(said.text(" (试运行 dry run)")).because(&offence.why).into());
    }

    let mut actions = vec![reply(said).because(&offence.why)];
    if offence.is_in_message && setting("recall")?.unwrap_or(true) {
        actions.push(recall(&message.id).because(&offence.why));
    }
    match step {
        Step::Warn => {}
        Step::Shutup(time) => actions.push(shutup(member, time).because(&offence.why)),
        Step::Kick => actions.push(kick(member).because(&offence.why)),
    }
    Ok(actions)
}

#[cfg(test)]
mod tests;
