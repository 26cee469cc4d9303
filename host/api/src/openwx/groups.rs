//! create_group, invite_friend, kick_group_member, set_group_displayname.
//!
//! Checked in this order: the group, an empty list, each of its items; then the host and the network say whether the
//! account may. If one item is not found, nothing is done to any.

use mynah_model::action::{ActionBody, Outcome, Target};
use mynah_model::roster::Roster;
use serde_json::json;

use super::targets::{self, Found};
use crate::answer::Answer;
use crate::call::Call;
use crate::outcome;
use crate::params::Params;

/// What to do where, or the code and status that say why nothing.
pub(super) type Asked = Found<(Target, ActionBody)>;

/// The two names of a list of friends: the documents', and that of later versions of the original.
const FRIENDS: [&str; 2] = ["friend", "friends"];

/// The same of a list of members.
const MEMBERS: [&str; 2] = ["member", "members"];

pub(super) fn invite(roster: &Roster, params: &Params) -> Asked {
    let group = targets::group(roster, params)?;
    let friends = targets::people(&roster.friends, params, FRIENDS, "friend")?;
    Ok((targets::group_chat(&group.id), ActionBody::Invite { friends }))
}

pub(super) fn kick(roster: &Roster, params: &Params) -> Asked {
    let group = targets::group(roster, params)?;
    let members = targets::people(&group.members, params, MEMBERS, "member")?;
    Ok((targets::group_chat(&group.id), ActionBody::Kick { members, reject_again: false }))
}

pub(super) fn rename(roster: &Roster, params: &Params) -> Asked {
    let group = targets::group(roster, params)?;
    let name = params.get("new_displayname").filter(|name| !name.trim().is_empty());
    let name = name.ok_or((400, "new_displayname missing".to_owned()))?.to_owned();
    Ok((targets::group_chat(&group.id), ActionBody::SetGroupName { name }))
}

/// Does what is asked, or says why not.
pub(super) async fn act(call: &Call, action: &'static str, asked: Asked) -> Answer {
    let (target, body) = match asked {
        Ok(asked) => asked,
        Err((code, status)) => {
            call.missed(action, code, &status);
            return Answer::error(code, status);
        }
    };
    let outcome = call.act(Some(target), body).await;
    outcome::answer(&call.account, action, &outcome)
}

/// Makes a group of the account and some friends.
pub(super) async fn create(call: &Call, roster: &Roster) -> Answer {
    let Call { account, params, .. } = call;
    let friends = match targets::people(&roster.friends, params, FRIENDS, "friend") {
        Ok(friends) => friends,
        Err((code, status)) => {
            call.missed("create-group", code, &status);
            return Answer::error(code, status);
        }
    };
    let name = params.get("displayname").map(str::to_owned);
    let body = ActionBody::CreateGroup { friends, name };
    let action = body.name();
    let outcome = call.act(None, body).await;
    if outcome.outcome == Outcome::Done {
        return Answer::Json(json!({ "group_id": outcome.group_id, "status": "success", "code": 0 }));
    }
    outcome::answer(account, action, &outcome)
}
