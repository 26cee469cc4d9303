//! send_friend_message, send_group_message, send_discuss_message, send_sess_message.
//!
//! First the target is looked for, then the content; nothing is sent unless both are there.

use mynah_model::action::Target;
use mynah_model::address::ChatKind;
use mynah_model::roster::Roster;
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::objects;
use crate::params::Params;
use crate::sending::{self, Content};
use crate::targets::{self, Missed, Selector};

/// Where to, or the code and status that say why nowhere.
pub(super) type Wanted = Result<Target, (i32, String)>;

pub(super) fn friend(roster: &Roster, params: &Params) -> Wanted {
    let friend = Selector::new(params, &targets::FRIEND).pick(&roster.friends);
    friend
        .map(|friend| chat(ChatKind::Friend, &friend.id))
        .map_err(|missed| missed.answer((100, "friend not found"), "friends"))
}

pub(super) fn group(roster: &Roster, params: &Params) -> Wanted {
    let group = Selector::new(params, &targets::GROUP).pick(&roster.groups);
    group
        .map(|group| chat(ChatKind::Group, &group.id))
        .map_err(|missed| missed.answer((101, "group not found"), "groups"))
}

pub(super) fn discuss(roster: &Roster, params: &Params) -> Wanted {
    let discuss = Selector::new(params, &targets::DISCUSS).pick(&roster.discusses);
    discuss
        .map(|discuss| chat(ChatKind::Discuss, &discuss.id))
        .map_err(|missed| missed.answer((102, "discuss not found"), "discusses"))
}

/// Somebody met in a group or a discuss.
pub(super) fn sess(roster: &Roster, params: &Params) -> Wanted {
    let group = Selector::new(params, &targets::GROUP_OF);
    let discuss = Selector::new(params, &targets::DISCUSS_OF);
    let person = Selector::new(params, &targets::PERSON);
    match (group.is_empty(), discuss.is_empty()) {
        (true, true) => Err((105, "discuss member or group member  not found".into())),
        (false, false) => Err((400, "give a group or a discuss, not both".into())),
        (false, true) => {
            let missed = |what| move |missed: Missed| missed.answer((103, "group member not found"), what);
            let group = group.pick(&roster.groups).map_err(missed("groups"))?;
            let member = person.pick(&group.members).map_err(missed("group members"))?;
            Ok(stranger(&member.id, format!("group/{}", group.id)))
        }
        (true, false) => {
            let missed = |what| move |missed: Missed| missed.answer((104, "discuss member not found"), what);
            let discuss = discuss.pick(&roster.discusses).map_err(missed("discusses"))?;
            let member = person.pick(&discuss.members).map_err(missed("discuss members"))?;
            Ok(stranger(&member.id, format!("discuss/{}", discuss.id)))
        }
    }
}

fn chat(kind: ChatKind, id: &str) -> Target {
    Target { account: None, kind, id: id.to_owned(), via: None }
}

fn stranger(id: &str, via: String) -> Target {
    Target { account: None, kind: ChatKind::Temporary, id: id.to_owned(), via: Some(via) }
}

/// Sends the content to the target, or says why not.
pub(super) async fn send(call: &Call, wanted: Wanted) -> Answer {
    let target = match wanted {
        Ok(target) => target,
        Err((code, status)) => {
            call.missed("send", code, &status);
            return Answer::not_sent(code, status);
        }
    };
    let Some(content) = Content::text_of(&call.params) else {
        return Answer::not_sent(400, "content missing");
    };
    let sent = match sending::send(call, target, content).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let id = objects::message_id(sent.message_id.as_deref());
    Answer::Json(json!({ "status": "发送成功", "id": id, "msg_id": id, "code": 0, "info": "发送正常" }))
}

#[cfg(test)]
mod tests {
    use mynah_model::roster::{Discuss, Group, Person, Table};

    use super::*;

    fn people(ids: &[(&str, &str)]) -> Table<Person> {
        ids.iter()
            .map(|(id, uid)| Person {
                id: (*id).into(),
                uid: Some((*uid).into()),
                name: "同名".into(),
                ..Person::default()
            })
            .collect()
    }

    fn roster() -> Roster {
        Roster {
            friends: people(&[("1", "10"), ("2", "20")]),
            groups: [Group {
                id: "5".into(),
                uid: Some("50".into()),
                members: people(&[("1", "10")]),
                ..Group::default()
            }]
            .into_iter()
            .collect(),
            discusses: [Discuss { id: "6".into(), members: people(&[("3", "30")]), ..Discuss::default() }]
                .into_iter()
                .collect(),
            ..Roster::default()
        }
    }

    fn shown(wanted: Wanted) -> Result<String, i32> {
        wanted
            .map(|target| {
                format!("{}/{} {}", target.kind, target.id, target.via.unwrap_or_default()).trim().to_owned()
            })
            .map_err(|(code, _)| code)
    }

    #[test]
    fn a_stranger_is_looked_for_where_they_were_met() {
        for (query, expected) in [
            ("group_id=5&id=1", Ok("temporary/1 group/5")),
            ("gnumber=50&qq=10", Ok("temporary/1 group/5")),
            ("discuss_id=6&uid=30", Ok("temporary/3 discuss/6")),
            ("did=6&id=3&uid=30", Ok("temporary/3 discuss/6")),
            ("group_id=9&id=1", Err(103)),
            ("group_id=5&id=9", Err(103)),
            ("group_id=5", Err(103)),
            ("discuss_id=9&id=3", Err(104)),
            ("discuss_id=6&id=1", Err(104)),
            ("id=1", Err(105)),
            ("group_id=5&discuss_id=6&id=1", Err(400)),
            ("group_id=&discuss_id=6&id=3", Ok("temporary/3 discuss/6")),
        ] {
            let params = Params::of_query(query).unwrap();
            assert_eq!(shown(sess(&roster(), &params)), expected.map(str::to_owned), "{query}");
        }
    }

    #[test]
    fn each_kind_has_its_own_code_and_ambiguity_is_100_everywhere() {
        let roster = roster();
        let params = Params::of_query("id=9").unwrap();
        assert_eq!(shown(friend(&roster, &params)), Err(100));
        assert_eq!(shown(group(&roster, &params)), Err(101));
        assert_eq!(shown(discuss(&roster, &params)), Err(102));
        let ambiguous = friend(&roster, &Params::of_query("name=%E5%90%8C%E5%90%8D").unwrap());
        assert_eq!(ambiguous, Err((100, "ambiguous: 2 friends match".into())));
    }
}
