//! How much a member says: flood and repetition, by the times at which the messages were written.

use std::time::Duration;

use mynah_sdk::duration;
use mynah_sdk::prelude::*;
use serde::Deserialize;

use crate::offence::Offence;

/// More than this is not counted: the state of a member stays small.
const MOST: usize = 100;

/// So many in such a time, `6 in 10s`; `off` is never reached.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Rate {
    count: usize,
    time: Duration,
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self { count: 0, time: Duration::ZERO });
        }
        let wrong = || format!("`{text}` is neither `off` nor a rate like `6 in 10s`, of 2 to {MOST}");
        let (count, time) = text.split_once(" in ").ok_or_else(wrong)?;
        let count = count.trim().parse().ok().filter(|count| (2..=MOST).contains(count)).ok_or_else(wrong)?;
        let time = duration::parse(time).map_err(|_| wrong())?;
        Ok(Self { count, time })
    }
}

impl Rate {
    const FLOOD: Self = Self { count: 6, time: seconds(10) };
    const REPEAT: Self = Self { count: 4, time: seconds(60) };

    fn is_reached<'a>(self, said: impl Iterator<Item = &'a Said>, now: i64) -> bool {
        self.count > 0 && said.filter(|said| is_within(self.time, said.0, now)).count() >= self.count
    }
}

/// When something was said, and the number of its text (see [`number_of`]).
type Said = (i64, u64);

/// The flood or repetition that a message completes, if any. The count begins again after one.
pub(crate) fn offence(event: &Event, message: &Message) -> Result<Option<Offence>> {
    let flood = setting("flood")?.unwrap_or(Rate::FLOOD);
    let repeat = setting("repeat")?.unwrap_or(Rate::REPEAT);
    let longest = flood.time.max(repeat.time);
    let key = format!("said/{}", message.sender.id);

    let number = number_of(message);
    let mut said: Vec<Said> = kv::get(&key)?.unwrap_or_default();
    said.retain(|said| is_within(longest, said.0, event.time));
    said.push((event.time, number));
    let surplus = said.len().saturating_sub(MOST);
    said.drain(..surplus);

    let same = said.iter().filter(|said| number != 0 && said.1 == number);
    let (rate, zh, en) = if repeat.is_reached(same, event.time) {
        (repeat, "次相同的话", "times the same")
    } else if flood.is_reached(said.iter(), event.time) {
        (flood, "条消息", "messages")
    } else {
        kv::set_for(&key, &said, longest)?;
        return Ok(None);
    };
    kv::delete(&key);
    let (count, time) = (rate.count, duration::in_short(rate.time));
    let en = format!("{count} {en} in {time}");
    Ok(Some(Offence { zh: format!("{time} 内 {count} {zh}"), why: en.clone(), en, is_in_message: false }))
}

fn is_within(time: Duration, then: i64, now: i64) -> bool {
    u128::from(now.abs_diff(then)) < time.as_millis()
}

/// A number that is the same for the same text (FNV-1a); 0 for a message without text, which repeats
/// nothing.
fn number_of(message: &Message) -> u64 {
    let mut number = 0;
    for segment in &message.segments {
        let Segment::Text(text) = segment else { continue };
        for byte in text.trim().bytes() {
            let sum = if number == 0 { 0xcbf2_9ce4_8422_2325 } else { number };
            number = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    number
}
