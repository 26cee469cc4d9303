//! shutup_group_member and kick_group_member.
//!
//! Checked in this order: the group, the time, an empty list, each member; then the host and the network say
//! whether the account may. If one member is not found, nothing is done to any.

use std::collections::HashMap;
use std::sync::Arc;

use mynah_model::action::{ActionBody, Target};
use mynah_model::address::ChatKind;
use mynah_model::roster::{Group, Person, Roster};

use crate::answer::Answer;
use crate::call::Call;
use crate::outcome;
use crate::params::Params;
use crate::settings::{MEMBERS, TimeUnit};
use crate::targets::{self, Missed, Selector};

/// QQ's limits for a mute, in seconds: one minute to thirty days.
const SHUTUP_SECONDS: std::ops::RangeInclusive<u32> = 60..=2_592_000;

/// What to do in which group, or the code and status that say why nothing.
pub(super) type Asked = Result<(Target, ActionBody), (i32, String)>;

pub(super) fn shutup(roster: &Roster, params: &Params, unit: TimeUnit) -> Asked {
    let group = group(roster, params)?;
    let seconds =
        shutup_seconds(params.get("time"), unit).ok_or((400, "shutup time missing or error".to_owned()))?;
    let members = members(group, params)?;
    Ok((target(group), ActionBody::Shutup { members, seconds }))
}

pub(super) fn kick(roster: &Roster, params: &Params) -> Asked {
    let group = group(roster, params)?;
    let members = members(group, params)?;
    Ok((target(group), ActionBody::Kick { members, reject_again: false }))
}

fn target(group: &Group) -> Target {
    Target { account: None, kind: ChatKind::Group, id: group.id.clone(), via: None }
}

fn group<'r>(roster: &'r Roster, params: &Params) -> Result<&'r Group, (i32, String)> {
    Selector::new(params, &targets::GROUP_OF)
        .pick(&roster.groups)
        .map(Arc::as_ref)
        .map_err(|missed| missed.answer((100, "object not found"), "groups"))
}

/// The `time` parameter as seconds; 60 if it is not given. `None` if it is no number or out of range.
fn shutup_seconds(time: Option<&str>, unit: TimeUnit) -> Option<u32> {
    let Some(time) = time else { return Some(*SHUTUP_SECONDS.start()) };
    let is_number = time.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = time.parse().ok().filter(|_| is_number)?;
    let seconds = match unit {
        TimeUnit::Second => number,
        TimeUnit::Minute => number.checked_mul(60)?,
    };
    SHUTUP_SECONDS.contains(&seconds).then_some(seconds)
}

/// The ids of the members that a call names: `member_id` wins over `member_uid`.
fn members(group: &Group, params: &Params) -> Result<Vec<String>, (i32, String)> {
    let by_uid = || params.get("member_uid").or_else(|| params.get("member_qq")).map(|list| (list, true));
    let (list, is_uid) =
        params.get("member_id").map(|list| (list, false)).or_else(by_uid).unwrap_or(("", false));
    let named = targets::items(list);
    if named.is_empty() {
        return Err((200, "member id empty".into()));
    }
    if named.len() > MEMBERS {
        return Err((400, format!("more than {MEMBERS} members")));
    }
    let mut uids: HashMap<&str, Vec<&Arc<Person>>> = HashMap::new();
    if is_uid {
        for member in &group.members {
            uids.entry(member.uid.as_deref().unwrap_or_default()).or_default().push(member);
        }
    }
    let find = |item: &str| match uids.get(item).map(Vec::as_slice) {
        Some([member]) => Ok(*member),
        Some(several) => Err(Missed::Ambiguous(several.len())),
        None if is_uid => Err(Missed::NotFound),
        None => group.members.get(item).ok_or(Missed::NotFound),
    };
    named
        .into_iter()
        .map(|item| {
            find(item).map(|member| member.id.clone()).map_err(|missed| {
                let status = format!("member {} not found", targets::shown(item));
                missed.answer((100, &status), "group members")
            })
        })
        .collect()
}

/// Does what is asked, or says why not.
pub(super) async fn moderate(call: &Call, action: &'static str, asked: Asked) -> Answer {
    let account = &call.account;
    let (target, body) = match asked {
        Ok(asked) => asked,
        Err((code, status)) => {
            call.missed(action, code, &status);
            return Answer::error(code, status);
        }
    };
    let outcome = call.act(Some(target), body).await;
    outcome::answer(account, action, &outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let person =
            |id: &str, uid: &str| Person { id: id.into(), uid: Some(uid.into()), ..Person::default() };
        let group = Group {
            id: "5".into(),
            uid: Some("50".into()),
            members: [person("1", "10"), person("2", "20"), person("3", "20")].into_iter().collect(),
            ..Group::default()
        };
        Roster { groups: [group].into_iter().collect(), ..Roster::default() }
    }

    fn kicked(query: &str) -> Result<Vec<String>, (i32, String)> {
        match kick(&roster(), &Params::of_query(query).unwrap())? {
            (_, ActionBody::Kick { members, .. }) => Ok(members),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn members_are_named_by_id_or_uid_and_all_must_be_there() {
        for (query, expected) in [
            ("group_id=5&member_id=1", Ok(&["1"][..])),
            ("gid=5&member_id=+1+,,2,1,", Ok(&["1", "2"])),
            ("group_uid=50&member_uid=10", Ok(&["1"])),
            ("gnumber=50&member_qq=10", Ok(&["1"])),
            ("group_id=5&member_id=1&member_uid=99", Ok(&["1"])),
            ("group_id=5&member_id=&member_uid=10", Ok(&["1"])),
            ("group_id=5&member_id=1,77", Err((100, "member 77 not found"))),
            ("group_id=5&member_id=10", Err((100, "member 10 not found"))),
            ("group_id=5&member_uid=1", Err((100, "member 1 not found"))),
            ("group_id=5&member_uid=20", Err((100, "ambiguous: 2 group members match"))),
            ("group_id=5", Err((200, "member id empty"))),
            ("group_id=5&member_id=%20,%20", Err((200, "member id empty"))),
            ("group_id=6&member_id=1", Err((100, "object not found"))),
            ("member_id=1", Err((100, "object not found"))),
            ("id=5&member_id=1", Err((100, "object not found"))),
        ] {
            let expected = expected
                .map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
                .map_err(|(code, status)| (code, status.to_owned()));
            assert_eq!(kicked(query), expected, "{query}");
        }
        let many: Vec<String> = (0..=MEMBERS).map(|n| n.to_string()).collect();
        assert_eq!(kicked(&format!("group_id=5&member_id={}", many.join(","))).unwrap_err().0, 400);
    }

    #[test]
    fn a_shutup_lasts_a_minute_to_thirty_days() {
        for (time, unit, expected) in [
            (None, TimeUnit::Second, Some(60)),
            (None, TimeUnit::Minute, Some(60)),
            (Some("60"), TimeUnit::Second, Some(60)),
            (Some("2592000"), TimeUnit::Second, Some(2_592_000)),
            (Some("59"), TimeUnit::Second, None),
            (Some("2592001"), TimeUnit::Second, None),
            (Some("0"), TimeUnit::Second, None),
            (Some("+60"), TimeUnit::Second, None),
            (Some("-60"), TimeUnit::Second, None),
            (Some("60.5"), TimeUnit::Second, None),
            (Some(" 60"), TimeUnit::Second, None),
            (Some("abc"), TimeUnit::Second, None),
            (Some("６０"), TimeUnit::Second, None),
            (Some("99999999999999999999"), TimeUnit::Second, None),
            (Some("1"), TimeUnit::Minute, Some(60)),
            (Some("43200"), TimeUnit::Minute, Some(2_592_000)),
            (Some("71582789"), TimeUnit::Minute, None),
        ] {
            assert_eq!(shutup_seconds(time, unit), expected, "{time:?} {unit:?}");
        }
    }

    #[test]
    fn the_group_is_checked_before_the_time_and_the_time_before_the_list() {
        let code = |query| {
            shutup(&roster(), &Params::of_query(query).unwrap(), TimeUnit::Second)
                .map(|_| 0)
                .unwrap_or_else(|(code, _)| code)
        };
        assert_eq!(code("group_id=9&time=x"), 100);
        assert_eq!(code("group_id=5&time=x"), 400);
        assert_eq!(code("group_id=5&time=60"), 200);
        assert_eq!(code("group_id=5&member_id=1"), 0);
    }
}
