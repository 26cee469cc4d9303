//! What the operator sets about the reports of one account: `post_*`, `poll_*` and `webhook_secret`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mynah_runtime::ApiKind;

use crate::remote::Remote;
use crate::settings::WEBHOOK_SECRET;

/// Settings of one account's reports. Every field has a default; the names are those of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    /// Where reports are posted to; `None` is nowhere.
    pub post_api: Option<Remote>,
    /// Whether events are reported, and not only messages.
    pub post_event: bool,
    /// Which events are reported, by the names of [`ReportSettings::EVENTS`]; `None` is
    /// [`ReportSettings::default_events`].
    pub post_event_list: Option<Vec<String>>,
    /// Whether reports of media carry their bytes as base64.
    pub post_media_data: bool,
    /// Only messages whose reports have all these fields with these values are reported.
    pub post_message_filter: BTreeMap<String, String>,
    /// Whether reports are written to stdout, one JSON line each.
    pub post_stdout: bool,
    /// What is called again and again while the account is running; `None` is nothing.
    pub poll_api: Option<Remote>,
    /// How long after the end of one call of `poll_api` the next one begins.
    pub poll_interval: Duration,
    /// What reports are signed with; without it they are not.
    pub webhook_secret: Option<WebhookSecret>,
}

impl Default for ReportSettings {
    fn default() -> Self {
        Self {
            post_api: None,
            post_event: true,
            post_event_list: None,
            post_media_data: true,
            post_message_filter: BTreeMap::new(),
            post_stdout: false,
            poll_api: None,
            poll_interval: Duration::from_secs(5),
            webhook_secret: None,
        }
    }
}

/// Every event that can be reported, those of the default lists first.
const EVENTS: [&str; 21] = [
    "login",
    "stop",
    "state_change",
    "input_qrcode",
    "new_group",
    "new_friend",
    "new_group_member",
    "lose_group",
    "lose_friend",
    "lose_group_member",
    "friend_request",
    "new_discuss",
    "new_discuss_member",
    "lose_discuss",
    "lose_discuss_member",
    "user_property_change",
    "friend_property_change",
    "group_property_change",
    "group_member_property_change",
    "discuss_property_change",
    "discuss_member_property_change",
];

/// How many of [`EVENTS`] are reported by default: `friend_request` is Openwx's alone.
const DEFAULT_OPENQQ: usize = 10;
const DEFAULT_OPENWX: usize = 11;

impl ReportSettings {
    /// Every name that `post_event_list` may hold.
    pub const EVENTS: &'static [&'static str] = &EVENTS;

    /// The events that are reported if there is no `post_event_list`.
    pub fn default_events(api: ApiKind) -> &'static [&'static str] {
        let count = match api {
            ApiKind::Openqq => DEFAULT_OPENQQ,
            ApiKind::Openwx => DEFAULT_OPENWX,
        };
        EVENTS.get(..count).unwrap_or(&EVENTS)
    }

    /// Whether an event of this name is reported.
    pub fn lists(&self, event: &str, api: ApiKind) -> bool {
        match &self.post_event_list {
            Some(list) => list.iter().any(|name| name == event),
            None => Self::default_events(api).contains(&event),
        }
    }
}

/// Something that nobody else may know. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// Takes a text of 1 to 4,096 bytes.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        match text.len() {
            0 => Err("it is empty"),
            1..=WEBHOOK_SECRET => Ok(Self(text.to_owned())),
            _ => Err("it is longer than 4096 bytes"),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_lists_are_those_of_the_documents() {
        let openqq = ReportSettings::default_events(ApiKind::Openqq);
        assert_eq!(openqq.first(), Some(&"login"));
        assert_eq!(openqq.last(), Some(&"lose_group_member"));
        assert!(!openqq.contains(&"friend_request"));
        assert_eq!(ReportSettings::default_events(ApiKind::Openwx).last(), Some(&"friend_request"));
        let settings = ReportSettings::default();
        assert!(!settings.lists("group_property_change", ApiKind::Openqq));
        let all = ReportSettings {
            post_event_list: Some(EVENTS.map(str::to_owned).to_vec()),
            ..ReportSettings::default()
        };
        assert!(EVENTS.iter().all(|event| all.lists(event, ApiKind::Openqq)));
    }

    #[test]
    fn every_event_is_documented() {
        let page = include_str!("../../../../docs/webhooks.md");
        assert!(EVENTS.iter().all(|event| page.contains(&format!("`{event}`"))));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let settings =
            ReportSettings { webhook_secret: WebhookSecret::new("hunter2").ok(), ..Default::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
