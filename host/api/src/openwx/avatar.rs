//! get_avatar: how somebody looks, or a group, or the account itself if nobody is named.

use std::sync::Arc;

use mynah_model::roster::{Group, Person, Roster, Table};
use mynah_networks::{AvatarOf, NetworkError};
use mynah_runtime::AvatarError;

use super::objects;
use crate::answer::Answer;
use crate::call::Call;
use crate::params::Params;
use crate::targets::Missed;

pub(super) async fn get(call: &Call) -> Answer {
    let of = match wanted(&call.account.roster(), &call.params) {
        Ok(of) => of,
        Err(missed) => {
            let (code, status) = missed.answer((100, "object not found"), "people");
            return Answer::error(code, status);
        }
    };
    match call.api.host.avatar(&call.account, of).await {
        Ok(avatar) => Answer::Avatar(avatar),
        Err(AvatarError::Network(NetworkError::Unsupported { .. })) => {
            Answer::unsupported(&call.account, "get_avatar")
        }
        // The original answers 503 to whatever keeps it from having the picture.
        Err(error) => Answer::Busy(error.to_string()),
    }
}

/// What the call says of whom it means; all of it must hold.
struct Wanted<'a> {
    id: Option<&'a str>,
    account: Option<&'a str>,
    displayname: Option<&'a str>,
    markname: Option<&'a str>,
}

impl Wanted<'_> {
    fn names_nobody(&self) -> bool {
        [self.id, self.account, self.displayname, self.markname].iter().all(Option::is_none)
    }

    fn is_person(&self, person: &Person) -> bool {
        holds(self.id, &person.id)
            && holds(self.account, objects::account(person))
            && holds(self.displayname, objects::displayname(person))
            && holds(self.markname, person.markname.as_deref().unwrap_or_default())
    }

    fn is_group(&self, group: &Group, user: &str) -> bool {
        self.account.is_none()
            && holds(self.id, &group.id)
            && holds(self.displayname, &objects::group_displayname(group, user))
            && holds(self.markname, group.markname.as_deref().unwrap_or_default())
    }
}

fn holds(wanted: Option<&str>, is: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == is)
}

fn wanted(roster: &Roster, params: &Params) -> Result<AvatarOf, Missed> {
    let wanted = Wanted {
        id: params.get("id"),
        account: params.get("account"),
        displayname: params.get("displayname"),
        markname: params.get("markname"),
    };
    if let Some(group) = params.get("group_id") {
        let group = roster.groups.get(group).ok_or(Missed::NotFound)?;
        if wanted.names_nobody() {
            return Ok(AvatarOf::Group { id: group.id.clone() });
        }
        let member = one(&group.members, |member| wanted.is_person(member))?.ok_or(Missed::NotFound)?;
        return Ok(AvatarOf::Person { id: member.id.clone(), group: Some(group.id.clone()) });
    }
    if wanted.names_nobody() || wanted.id == Some(&roster.user.id) {
        return Ok(AvatarOf::User);
    }
    if let Some(friend) = one(&roster.friends, |friend| wanted.is_person(friend))? {
        return Ok(AvatarOf::Person { id: friend.id.clone(), group: None });
    }
    if let Some(group) = one(&roster.groups, |group| wanted.is_group(group, &roster.user.id))? {
        return Ok(AvatarOf::Group { id: group.id.clone() });
    }
    // An id is enough to know a member by, whichever group it is.
    let id = wanted.id.ok_or(Missed::NotFound)?;
    let group =
        roster.groups.iter().find(|group| group.members.get(id).is_some_and(|who| wanted.is_person(who)));
    let group = group.ok_or(Missed::NotFound)?;
    Ok(AvatarOf::Person { id: id.to_owned(), group: Some(group.id.clone()) })
}

/// The one row that this holds for, if any does.
fn one<T>(table: &Table<T>, holds: impl Fn(&T) -> bool) -> Result<Option<&Arc<T>>, Missed> {
    let mut rows = table.iter().filter(|row| holds(row));
    match (rows.next(), rows.count()) {
        (Some(_), others) if others > 0 => Err(Missed::Ambiguous(others + 1)),
        (row, _) => Ok(row),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roster() -> Roster {
        let person = |id: &str, name: &str, markname: Option<&str>, account: &str| Person {
            id: id.into(),
            name: name.into(),
            markname: markname.map(Into::into),
            attrs: [("account".to_owned(), json!(account))].into(),
            ..Person::default()
        };
        let group = Group {
            id: "@@5".into(),
            name: "g".into(),
            members: [
                person("@1", "a", None, ""),
                person("@9", "z", None, ""),
                person("@me", "me", None, ""),
            ]
            .into_iter()
            .collect(),
            ..Group::default()
        };
        Roster {
            user: Arc::new(person("@me", "me", None, "")),
            friends: [
                person("@1", "a", Some("m"), "acc"),
                person("@2", "b", None, ""),
                person("@3", "b", None, ""),
            ]
            .into_iter()
            .collect(),
            groups: [group].into_iter().collect(),
            ..Roster::default()
        }
    }

    #[test]
    fn somebody_is_meant_by_all_that_is_said_of_them() {
        let person = |id: &str, group: Option<&str>| {
            Ok(AvatarOf::Person { id: id.into(), group: group.map(Into::into) })
        };
        let group = Ok(AvatarOf::Group { id: "@@5".into() });
        for (query, expected) in [
            ("", Ok(AvatarOf::User)),
            ("id=", Ok(AvatarOf::User)),
            ("id=@me", Ok(AvatarOf::User)),
            ("id=@1", person("@1", None)),
            ("account=acc", person("@1", None)),
            ("displayname=m", person("@1", None)),
            ("markname=m", person("@1", None)),
            ("id=@2&markname=m", Err(Missed::NotFound)),
            ("displayname=a", Err(Missed::NotFound)),
            ("displayname=b", Err(Missed::Ambiguous(2))),
            ("id=@@5", group.clone()),
            ("displayname=g", group.clone()),
            ("group_id=@@5", group),
            ("group_id=@@5&id=@1", person("@1", Some("@@5"))),
            ("group_id=@@5&displayname=z", person("@9", Some("@@5"))),
            ("group_id=@@5&id=@2", Err(Missed::NotFound)),
            ("group_id=@@6&id=@1", Err(Missed::NotFound)),
            ("id=@9", person("@9", Some("@@5"))),
            ("id=@9&displayname=y", Err(Missed::NotFound)),
            ("id=@7", Err(Missed::NotFound)),
        ] {
            assert_eq!(wanted(&roster(), &Params::of_query(query).unwrap()), expected, "{query}");
        }
    }
}
