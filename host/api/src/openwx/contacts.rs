//! set_friend_markname, set_markname, stick, make_friend, accept_friend_request.

use mynah_model::action::{ActionBody, Outcome, Target};
use mynah_model::address::ChatKind;
use mynah_model::roster::Roster;
use serde_json::{Value, json};

use super::groups::Asked;
use super::targets;
use crate::answer::Answer;
use crate::call::Call;
use crate::outcome;
use crate::params::Params;

/// The mark name of a friend or, with `group_id`, of a member of that group. An empty one, if it is given, removes it.
pub(super) fn set_markname(roster: &Roster, params: &Params) -> Asked {
    let markname = |params: &Params| {
        let given = params.iter().find(|(name, _)| *name == "new_markname");
        given.map(|(_, value)| value.to_owned()).ok_or((400, "new_markname missing".to_owned()))
    };
    let Some(group) = params.get("group_id") else {
        let friend = targets::friend(roster, params)?;
        let body = ActionBody::SetMarkname { member: None, markname: markname(params)? };
        return Ok((targets::friend_chat(&friend.id), body));
    };
    let group = roster.groups.get(group).ok_or((100, "group not found".to_owned()))?;
    let member = targets::member(group, params)?;
    let body = ActionBody::SetMarkname { member: Some(member.id.clone()), markname: markname(params)? };
    Ok((targets::group_chat(&group.id), body))
}

/// Keeps a chat on top of the list, unless `op` is 0.
pub(super) fn stick(roster: &Roster, params: &Params) -> Asked {
    let chat = params.get("id").and_then(|id| targets::chat(roster, id));
    let chat = chat.ok_or((100, "object not found".to_owned()))?;
    let on = match params.get("op") {
        None | Some("1") => true,
        Some("0") => false,
        Some(_) => return Err((400, "op is neither 0 nor 1".to_owned())),
    };
    Ok((chat, ActionBody::Stick { on }))
}

/// Asks a member of any group to be a friend.
pub(super) fn make_friend(roster: &Roster, params: &Params) -> Asked {
    let missing = || (100, "object not found".to_owned());
    let id = params.get("id").ok_or_else(missing)?;
    if id == roster.user.id {
        return Err((101, "can not be yourself".into()));
    }
    if roster.friends.get(id).is_some() {
        return Err((101, "already a friend".into()));
    }
    let group = roster.groups.iter().find(|group| group.members.get(id).is_some()).ok_or_else(missing)?;
    let via = Some(format!("{}/{}", ChatKind::Group, group.id));
    let target = Target { account: None, kind: ChatKind::Temporary, id: id.to_owned(), via };
    let text = params.get("verify").unwrap_or_default().to_owned();
    Ok((target, ActionBody::MakeFriend { text }))
}

/// Says yes to somebody who wants to be a friend, and echoes who that is.
pub(super) async fn accept_friend_request(call: &Call) -> Answer {
    let Call { account, params, .. } = call;
    let [id, displayname, ticket] = ["id", "displayname", "ticket"].map(|name| params.get(name));
    let answer = |code: i32, status: &str, info: Option<&str>| {
        let mut fields = json!({
            "id": id,
            "displayname": displayname,
            "ticket": ticket,
            "code": code,
            "status": status,
        });
        if let (Value::Object(fields), Some(info)) = (&mut fields, info) {
            fields.insert("info".into(), info.into());
        }
        Answer::Json(fields)
    };
    let (Some(id), Some(ticket)) = (id, ticket) else {
        return answer(-1, "failure", Some("id and ticket are those of the friend_request event"));
    };
    let body = ActionBody::AnswerRequest {
        request_id: ticket.to_owned(),
        from: Some(id.to_owned()),
        approve: true,
        text: None,
    };
    let action = body.name();
    let outcome = call.act(None, body).await;
    match outcome::not_tried(account, action, &outcome) {
        Some(answer) => answer,
        None if outcome.outcome == Outcome::Done => answer(0, "success", None),
        None => answer(-1, "failure", Some(&outcome.text)),
    }
}
