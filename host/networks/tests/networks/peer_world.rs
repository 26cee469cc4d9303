//! The small world behind a played implementation: who is there, and what actions do in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ANN, GROUP, Inner, ME, Played, now};

pub(super) struct Member {
    pub(super) name: String,
    pub(super) card: String,
    pub(super) role: &'static str,
    pub(super) muted: bool,
}

pub(super) struct World {
    pub(super) friends: BTreeMap<i64, String>,
    pub(super) groups: BTreeMap<i64, (String, BTreeMap<i64, Member>)>,
}

impl Inner {
    /// Does what an action asks for; what it answers, or why it does not.
    pub(super) fn carry_out(
        &self,
        action: &str,
        params: &Map<String, Value>,
        notices: bool,
    ) -> Result<Value, String> {
        let number = |key: &str| match params.get(key) {
            Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
            Some(Value::String(text)) => text.parse().unwrap_or_default(),
            _ => 0,
        };
        let (group, user) = (number("group_id"), number("user_id"));
        let mut world = self.world.lock();
        let notice = |fields: Value| {
            if notices {
                let mut event =
                    json!({ "post_type": "notice", "group_id": group, "operator_id": ME, "user_id": user });
                event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                self.emit(event);
            }
        };
        let no_group = || "GROUP_NOT_FOUND".to_owned();
        let no_member = || "user not in group".to_owned();
        match action {
            "get_login_info" => Ok(json!({ "user_id": ME, "nickname": "bot" })),
            "get_friend_list" => {
                let friends = world.friends.iter();
                Ok(friends
                    .map(|(id, name)| json!({ "user_id": id, "nickname": name, "remark": "" }))
                    .collect())
            }
            "get_group_list" => {
                let groups = world.groups.iter();
                Ok(groups.map(|(id, (name, members))| group_info(*id, name, members.len())).collect())
            }
            "get_group_info" => {
                let (name, members) = world.groups.get(&group).ok_or_else(no_group)?;
                Ok(group_info(group, name, members.len()))
            }
            "get_group_member_list" => {
                let (_, members) = world.groups.get(&group).ok_or_else(no_group)?;
                Ok(members.iter().map(|(id, member)| member_info(group, *id, member)).collect())
            }
            "get_group_member_info" => {
                let (_, members) = world.groups.get(&group).ok_or_else(no_group)?;
                Ok(member_info(group, user, members.get(&user).ok_or_else(no_member)?))
            }
            "get_status" => Ok(json!({ "online": true, "good": true })),
            "get_stranger_info" => Ok(
                json!({ "user_id": user, "nickname": format!("stranger {user}"), "sex": "unknown", "age": 0 }),
            ),
            "send_group_msg" | "send_private_msg" => {
                if group != 0 && !world.groups.contains_key(&group) {
                    return Err(no_group());
                }
                Ok(json!({ "message_id": self.next_id() }))
            }
            "delete_msg" => {
                let id = number("message_id");
                let event = json!({
                    "post_type": "notice", "notice_type": "group_recall", "group_id": GROUP, "operator_id": ME, "user_id": ANN, "message_id": id,
                });
                if notices {
                    self.emit(event);
                }
                Ok(Value::Null)
            }
            "set_group_ban" => {
                let (_, members) = world.groups.get_mut(&group).ok_or_else(no_group)?;
                let member = members.get_mut(&user).ok_or_else(no_member)?;
                if member.role != "member" {
                    return Err("cannot ban owner".to_owned());
                }
                let unsaid = if matches!(self.played, Played::NapCat | Played::Lagrange) { 0 } else { 1_800 };
                let duration = if params.contains_key("duration") { number("duration") } else { unsaid };
                member.muted = duration > 0;
                let sub_type = if member.muted { "ban" } else { "lift_ban" };
                notice(json!({ "notice_type": "group_ban", "sub_type": sub_type, "duration": duration }));
                Ok(Value::Null)
            }
            "set_group_whole_ban" => {
                let on = params.get("enable").and_then(Value::as_bool).unwrap_or(true);
                let (sub_type, duration) = if on { ("ban", -1) } else { ("lift_ban", 0) };
                notice(
                    json!({ "notice_type": "group_ban", "sub_type": sub_type, "user_id": 0, "duration": duration }),
                );
                Ok(Value::Null)
            }
            "set_group_kick" => {
                let (_, members) = world.groups.get_mut(&group).ok_or_else(no_group)?;
                members.remove(&user).ok_or_else(no_member)?;
                notice(json!({ "notice_type": "group_decrease", "sub_type": "kick" }));
                Ok(Value::Null)
            }
            "set_group_card" => {
                let (_, members) = world.groups.get_mut(&group).ok_or_else(no_group)?;
                let member = members.get_mut(&user).ok_or_else(no_member)?;
                let card = params.get("card").and_then(Value::as_str).unwrap_or_default().to_owned();
                let old = std::mem::replace(&mut member.card, card.clone());
                notice(json!({ "notice_type": "group_card", "card_new": card, "card_old": old }));
                Ok(Value::Null)
            }
            "set_group_name" => {
                let named = world.groups.get_mut(&group).ok_or_else(no_group)?;
                named.0 = params.get("group_name").and_then(Value::as_str).unwrap_or_default().to_owned();
                Ok(Value::Null)
            }
            "set_friend_add_request" | "set_group_add_request" => Ok(Value::Null),
            _ => Err(format!("unknown action {action}")),
        }
    }
}

fn group_info(id: i64, name: &str, members: usize) -> Value {
    json!({ "group_id": id, "group_name": name, "member_count": members, "max_member_count": 200 })
}

fn member_info(group: i64, id: i64, member: &Member) -> Value {
    json!({
        "group_id": group, "user_id": id, "nickname": member.name, "card": member.card, "role": member.role, "level": "1",
        "sex": "unknown", "join_time": 1_600_000_000, "last_sent_time": 0, "shut_up_timestamp": if member.muted { now() + 600 } else { 0 },
    })
}
