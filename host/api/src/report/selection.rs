//! Which reports go where: to the webhook and to stdout, and into the mailbox of check_event.

use mynah_runtime::ApiKind;
use serde_json::Value;

use crate::settings::ReportSettings;

/// The event that a report tells of; `None` for a message.
fn event_of(report: &Value) -> Option<&str> {
    report.get("event").and_then(Value::as_str)
}

impl ReportSettings {
    /// Whether a report goes to the webhook and to stdout.
    pub(crate) fn wants(&self, report: &Value, api: ApiKind) -> bool {
        match event_of(report) {
            Some(event) => self.post_event && self.lists(event, api),
            None => self.post_message_filter.iter().all(|(field, wanted)| has(report, field, wanted)),
        }
    }

    /// Whether check_event keeps a report: messages and who came and went, whatever the webhook gets; changes of
    /// properties, of which there may be many, only if they are asked for.
    pub(crate) fn keeps(&self, report: &Value, api: ApiKind) -> bool {
        match event_of(report) {
            // Without the ticket in it nobody could accept the request.
            Some(event @ "friend_request") => self.lists(event, api),
            Some(event) if event.ends_with("_property_change") => self.lists(event, api),
            Some(event) => event.starts_with("new_") || event.starts_with("lose_"),
            None => true,
        }
    }
}

/// Whether a field of a report has this value. Numbers are compared as they are written.
fn has(report: &Value, field: &str, wanted: &str) -> bool {
    match report.get(field) {
        Some(Value::String(text)) => text == wanted,
        Some(value @ (Value::Number(_) | Value::Bool(_))) => {
            let text = value.to_string();
            text == wanted
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::event;

    fn listed(events: &[&str]) -> ReportSettings {
        let list = events.iter().map(|event| (*event).to_owned()).collect();
        ReportSettings { post_event_list: Some(list), ..ReportSettings::default() }
    }

    #[test]
    fn the_webhook_gets_the_events_of_its_list_and_check_event_who_came_and_went() {
        let (default, none) =
            (ReportSettings::default(), ReportSettings { post_event: false, ..Default::default() });
        let wide = listed(&["group_property_change", "friend_request"]);
        for (name, by_default, by_list, kept, kept_by_list) in [
            ("login", true, false, false, false),
            ("new_friend", true, false, true, true),
            ("new_discuss_member", false, false, true, true),
            ("group_property_change", false, true, false, true),
            ("user_property_change", false, false, false, false),
            ("friend_request", false, true, false, true),
        ] {
            let report = event(name, json!([]));
            assert_eq!(default.wants(&report, ApiKind::Openqq), by_default, "{name}");
            assert_eq!(wide.wants(&report, ApiKind::Openqq), by_list, "{name}");
            assert_eq!(default.keeps(&report, ApiKind::Openqq), kept, "{name}");
            assert_eq!(wide.keeps(&report, ApiKind::Openqq), kept_by_list, "{name}");
            assert!(!none.wants(&report, ApiKind::Openqq), "{name}");
        }
        assert!(default.wants(&event("friend_request", json!([])), ApiKind::Openwx));
    }

    #[test]
    fn a_message_passes_the_filter_if_all_fields_are_equal() {
        let report = json!({"post_type": "receive_message", "type": "group_message", "group_uid": "552603", "code": 0});
        for (fields, passes) in [
            (vec![], true),
            (vec![("type", "group_message")], true),
            (vec![("type", "group_message"), ("group_uid", "552603"), ("code", "0")], true),
            (vec![("type", "group_message"), ("group_uid", "552604")], false),
            (vec![("sender_uid", "1")], false),
        ] {
            let post_message_filter =
                fields.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect();
            let settings = ReportSettings { post_message_filter, post_event: false, ..Default::default() };
            assert_eq!(settings.wants(&report, ApiKind::Openqq), passes, "{fields:?}");
        }
    }
}
