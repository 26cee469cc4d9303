//! What is done with a member, the first time and later.

use std::time::Duration;

use mynah_sdk::duration;
use mynah_sdk::prelude::*;
use serde::Deserialize;

/// Something that is done: `warn`, `shutup 10m` or `kick`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Step {
    Warn,
    Shutup(Duration),
    Kick,
}

impl TryFrom<String> for Step {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is none of `warn`, `kick` and `shutup 10m`, for 60s to 30d");
        match text.as_str() {
            "warn" => Ok(Self::Warn),
            "kick" => Ok(Self::Kick),
            other => {
                let time = other.strip_prefix("shutup ").ok_or_else(wrong)?;
                let time = duration::parse(time).map_err(|_| wrong())?;
                if (minutes(1)..=days(30)).contains(&time) { Ok(Self::Shutup(time)) } else { Err(wrong()) }
            }
        }
    }
}

impl Step {
    pub(crate) fn zh(self) -> String {
        match self {
            Self::Warn => "警告".into(),
            Self::Shutup(time) => format!("禁言 {}", duration::in_short(time)),
            Self::Kick => "移出本群".into(),
        }
    }

    pub(crate) fn en(self) -> String {
        match self {
            Self::Warn => "warned".into(),
            Self::Shutup(time) => format!("muted for {}", duration::in_short(time)),
            Self::Kick => "removed".into(),
        }
    }
}

pub(crate) fn default_steps() -> Vec<Step> {
    vec![Step::Warn, Step::Shutup(minutes(10)), Step::Kick]
}

/// The step for the so-manieth offence, from 1, and the one that would follow it.
pub(crate) fn nth(steps: &[Step], strikes: i64) -> (Step, Option<Step>) {
    let at = usize::try_from(strikes.saturating_sub(1)).unwrap_or(0).min(steps.len().saturating_sub(1));
    (steps.get(at).copied().unwrap_or(Step::Warn), steps.get(at.saturating_add(1)).copied())
}
