//! Events in the shape of the API that their account is served through.
//!
//! # Layout
//! - `selection`: which reports go where
//! - `picture`: the picture of a QR code as base64
//! - `samples`: what the tests of both shapes are about

use mynah_model::event::{Event, EventBody, PropertyOwner};
use mynah_model::roster::Roster;
use mynah_runtime::{Account, ApiKind, MediaStore};
use serde_json::{Value, json};

use crate::{openqq, openwx};

pub(crate) mod picture;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod selection;

/// The report of an event of this account, if it has one; `store` knows where pictures and files lie.
pub(crate) fn of(event: &Event, account: &Account, store: &MediaStore) -> Option<Value> {
    with(event, account.api(), &account.roster(), store)
}

/// The same with what the account knew when the event came.
pub(crate) fn with(event: &Event, api: ApiKind, roster: &Roster, store: &MediaStore) -> Option<Value> {
    let report = match api {
        ApiKind::Openqq => openqq::report::of(event, roster),
        ApiKind::Openwx => openwx::report::of(event, roster, store),
    };
    report.or_else(|| of_the_account(&event.body))
}

/// Whether the report of an event, if it has one, is that of a message.
pub(crate) fn has_message(event: &Event) -> bool {
    event.body.message().is_some()
}

/// The report of what has the same shape in both APIs, unless one has its own.
fn of_the_account(body: &EventBody) -> Option<Value> {
    let (name, params) = match body {
        EventBody::Login { scanned } => ("login", json!([u8::from(*scanned)])),
        EventBody::Stopped => ("stop", json!([])),
        EventBody::AccountState { old, new } => ("state_change", json!([old.as_str(), new.as_str()])),
        // The picture itself is added by `picture::add`.
        EventBody::QrCode { path, .. } => ("input_qrcode", json!([path.as_deref().unwrap_or_default(), ""])),
        EventBody::FriendRequest(request) => {
            let from = &request.from;
            ("friend_request", json!([from.id, from.display_name(), request.text, request.id]))
        }
        _ => return None,
    };
    Some(event(name, params))
}

/// The report of something that is no message.
pub(crate) fn event(name: &str, params: Value) -> Value {
    json!({ "post_type": "event", "event": name, "params": params })
}

/// What the change of a property is called.
pub(crate) fn property_change(owner: PropertyOwner) -> &'static str {
    match owner {
        PropertyOwner::User => "user_property_change",
        PropertyOwner::Friend => "friend_property_change",
        PropertyOwner::Group => "group_property_change",
        PropertyOwner::GroupMember => "group_member_property_change",
        PropertyOwner::Discuss => "discuss_property_change",
        PropertyOwner::DiscussMember => "discuss_member_property_change",
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::event::{AccountState, Request};
    use mynah_model::roster::Person;

    use super::*;

    #[test]
    fn what_concerns_the_account_carries_its_parameters() {
        let from = Person { id: "@1".into(), name: "小冰".into(), ..Person::default() };
        let request = Request { id: "t1".into(), from, text: "我是小冰".into() };
        let code = |path: Option<&str>| EventBody::QrCode { text: "x".into(), path: path.map(Into::into) };
        for (body, name, params) in [
            (EventBody::Login { scanned: true }, "login", json!([1])),
            (EventBody::Login { scanned: false }, "login", json!([0])),
            (EventBody::Stopped, "stop", json!([])),
            (
                EventBody::AccountState { old: AccountState::Scaning, new: AccountState::Confirming },
                "state_change",
                json!(["scaning", "confirming"]),
            ),
            (code(Some("/tmp/q.jpg")), "input_qrcode", json!(["/tmp/q.jpg", ""])),
            (code(None), "input_qrcode", json!(["", ""])),
            (EventBody::FriendRequest(request), "friend_request", json!(["@1", "小冰", "我是小冰", "t1"])),
        ] {
            let expected = json!({ "post_type": "event", "event": name, "params": params });
            assert_eq!(of_the_account(&body), Some(expected), "{name}");
        }
    }
}
