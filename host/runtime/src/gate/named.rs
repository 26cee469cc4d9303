//! What a script names without saying where it is: messages and requests by their ids, media by their URLs.
//!
//! The network, or the program that is our way into it, takes an id from whatever chat, and gets a URL from wherever it leads.
//! So a script's are held against what the account saw ([`Sightings`](crate::sightings::Sightings)) and against the places that
//! it may fetch from. Callers of the API, whose rights were checked where they came in, name what they like.

use mynah_model::action::{ActionBody, Target};
use mynah_model::address::{Address, ChatRef};
use mynah_model::event::{Event, EventBody};
use mynah_model::message::{Media, Segment};
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};

use super::{ActingAccount, Occasion};
use crate::fetch;
use crate::grants::Grants;

/// Refuses what a script may not name.
pub(super) fn check(
    occasion: &Occasion<'_>,
    account: &ActingAccount<'_>,
    target: Option<&Target>,
    body: &ActionBody,
) -> Result<(), Refusal> {
    let (Some(grants), Some(script)) = (occasion.grants, occasion.actor.script()) else { return Ok(()) };
    match body {
        ActionBody::Recall { message_id } => check_message(occasion, account, target, message_id),
        ActionBody::AnswerRequest { request_id, .. } => {
            check_request(occasion, account, grants, script, request_id)
        }
        ActionBody::Send { segments } => segments.iter().try_for_each(|segment| match segment {
            Segment::ReplyTo { id } => check_message(occasion, account, target, id),
            Segment::Image(media) | Segment::Voice(media) | Segment::Video(media) | Segment::File(media) => {
                check_media(occasion.event, grants, script, media)
            }
            Segment::Other { kind, json } => check_values(grants, script, kind, json),
            _ => Ok(()),
        }),
        ActionBody::SendMedia { media } => check_media(occasion.event, grants, script, media),
        _ => Ok(()),
    }
}

fn check_message(
    occasion: &Occasion<'_>,
    account: &ActingAccount<'_>,
    target: Option<&Target>,
    id: &str,
) -> Result<(), Refusal> {
    let Some(target) = target else { return Err(unseen("message", id)) };
    let own = occasion.event.filter(|event| event.account == *account.name).is_some_and(|event| {
        let here = event.chat.as_ref().is_some_and(|chat| chat.kind == target.kind && chat.id == target.id);
        here && event.body.message().is_some_and(|message| message.id == id)
    });
    if own || account.sightings.message_in(target.kind, &target.id, id) {
        return Ok(());
    }
    Err(unseen("message", id))
}

fn check_request(
    occasion: &Occasion<'_>,
    account: &ActingAccount<'_>,
    grants: &Grants,
    script: &ScriptName,
    id: &str,
) -> Result<(), Refusal> {
    let event = occasion.event.filter(|event| event.account == *account.name);
    if event.is_some_and(|event| request_of(event) == Some(id)) {
        return Ok(());
    }
    let place = account.sightings.request(id).ok_or_else(|| unseen("request", id))?;
    let place = address(account, place);
    if event.is_some_and(|event| event.address() == place) || grants.reaches(&place) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::GrantChat,
        format!("script `{script}` may not answer a request that was made in `{place}`"),
    )
    .hint(format!("add \"{place}\" to `chats` under `[script.{script}]` in mynah.toml")))
}

fn request_of(event: &Event) -> Option<&str> {
    match &event.body {
        EventBody::FriendRequest(request)
        | EventBody::GroupRequest(request)
        | EventBody::GroupInvite(request) => Some(&request.id),
        _ => None,
    }
}

fn address(account: &ActingAccount<'_>, chat: Option<ChatRef>) -> Address {
    Address { account: account.name.clone(), chat }
}

fn unseen(what: &str, id: &str) -> Refusal {
    let shown: String = id.chars().take(80).collect();
    Refusal::new(Code::IdUnseen, format!("no {what} `{shown}` was seen lately where the script may act"))
}

/// A picture that came with the event may be sent on. Any other is got from its place by the network or on its behalf, and the
/// URL alone can carry what was said: it is a fetch, and granted as one.
fn check_media(
    event: Option<&Event>,
    grants: &Grants,
    script: &ScriptName,
    media: &Media,
) -> Result<(), Refusal> {
    let Some(url) = media.url.as_deref().filter(|url| !is_inline(url)) else { return Ok(()) };
    let came = event.and_then(|event| event.body.message()).is_some_and(|message| {
        message.segments.iter().any(|segment| match segment {
            Segment::Image(media) | Segment::Voice(media) | Segment::Video(media) | Segment::File(media) => {
                media.url.as_deref() == Some(url)
            }
            _ => false,
        })
    });
    if came { Ok(()) } else { fetch::check_place(url, "`url` of a media", script, &grants.fetch) }
}

/// A segment in the network's own words (a song, say) may name what the network gets as well.
fn check_values(grants: &Grants, script: &ScriptName, kind: &str, json: &str) -> Result<(), Refusal> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else {
        return Err(Refusal::new(Code::ActionInvalid, "`json` of a segment is no JSON"));
    };
    let mut left = vec![&value];
    while let Some(value) = left.pop() {
        match value {
            serde_json::Value::Array(values) => left.extend(values),
            serde_json::Value::Object(values) => left.extend(values.values()),
            serde_json::Value::String(text) if leads_somewhere(text.trim_start()) => {
                let what = format!("a URL in a segment `{}`", kind.chars().take(40).collect::<String>());
                fetch::check_place(text.trim(), &what, script, &grants.fetch)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a text begins as a URL does.
fn leads_somewhere(text: &str) -> bool {
    let begins = text.split_once("//").map(|(scheme, _)| scheme);
    begins.is_some_and(|scheme| {
        let name = scheme.strip_suffix(':').unwrap_or(scheme);
        (scheme.is_empty() || scheme.ends_with(':'))
            && name.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
    })
}

/// Whether a URL holds the bytes themselves.
fn is_inline(url: &str) -> bool {
    let begins = |with: &str| url.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    begins("data:") || begins("base64://")
}
