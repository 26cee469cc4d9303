//! Whom a call means: the friend, group, discuss or member that its parameters name.

use std::collections::HashSet;
use std::sync::Arc;

use mynah_model::roster::{Discuss, Group, Person, Table};

use crate::params::Params;

/// The names of the parameters that can mean one property of a target, v2 first.
pub(crate) struct Names {
    pub(crate) id: &'static [&'static str],
    pub(crate) uid: &'static [&'static str],
    pub(crate) name: &'static [&'static str],
    pub(crate) displayname: &'static [&'static str],
}

/// Of send_friend_message.
pub(crate) const FRIEND: Names =
    Names { id: &["id"], uid: &["uid", "qq"], name: &["name", "nick"], displayname: &["displayname"] };

/// Of send_group_message.
pub(crate) const GROUP: Names = Names {
    id: &["id", "group_id", "gid"],
    uid: &["uid", "group_uid", "gnumber"],
    name: &["name", "gname"],
    displayname: &["displayname"],
};

/// Of send_discuss_message.
pub(crate) const DISCUSS: Names =
    Names { id: &["id", "discuss_id", "did"], uid: &[], name: &[], displayname: &[] };

/// The group in which a person is meant.
pub(crate) const GROUP_OF: Names =
    Names { id: &["group_id", "gid"], uid: &["group_uid", "gnumber"], name: &[], displayname: &[] };

/// The discuss in which a person is meant.
pub(crate) const DISCUSS_OF: Names =
    Names { id: &["discuss_id", "did"], uid: &[], name: &[], displayname: &[] };

/// A person in a group or discuss.
pub(crate) const PERSON: Names = Names { id: &["id"], uid: &["uid", "qq"], name: &[], displayname: &[] };

/// Something that can be named by parameters.
pub(crate) trait Named {
    fn id(&self) -> &str;
    fn uid(&self) -> Option<&str>;
    fn name(&self) -> &str;
    /// The mark name, else the name.
    fn displayname(&self) -> &str;
}

impl Named for Person {
    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn displayname(&self) -> &str {
        marked(self.markname.as_deref(), &self.name)
    }
}

impl Named for Group {
    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn displayname(&self) -> &str {
        marked(self.markname.as_deref(), &self.name)
    }
}

impl Named for Discuss {
    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        None
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn displayname(&self) -> &str {
        &self.name
    }
}

fn marked<'a>(markname: Option<&'a str>, name: &'a str) -> &'a str {
    markname.filter(|markname| !markname.is_empty()).unwrap_or(name)
}

/// Why there is no one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// No parameter names one, or none matches.
    NotFound,
    /// So many match.
    Ambiguous(usize),
}

impl Missed {
    /// The code and status that it is answered with: `not_found`, or how many of `what` there are.
    pub(crate) fn answer(self, not_found: (i32, &str), what: &str) -> (i32, String) {
        match self {
            Self::NotFound => (not_found.0, not_found.1.to_owned()),
            Self::Ambiguous(count) => (100, format!("ambiguous: {count} {what} match")),
        }
    }
}

/// The one row of a table that something holds for.
pub(crate) fn one<T>(table: &Table<T>, holds: impl Fn(&T) -> bool) -> Result<&Arc<T>, Missed> {
    let mut matches = table.iter().filter(|row| holds(row));
    match (matches.next(), matches.count()) {
        (None, _) => Err(Missed::NotFound),
        (Some(row), 0) => Ok(row),
        (Some(_), others) => Err(Missed::Ambiguous(others + 1)),
    }
}

/// The items of a comma list, without the spaces around them; empty ones and repeats are left out.
pub(crate) fn items(list: &str) -> Vec<&str> {
    let mut seen = HashSet::new();
    list.split(',').map(str::trim).filter(|item| !item.is_empty() && seen.insert(*item)).collect()
}

/// What a caller named, as an answer shows it.
pub(crate) fn shown(given: &str) -> String {
    given.chars().take(128).collect()
}

/// What the parameters of a call say of a target. All of it must hold.
#[derive(Debug, Default)]
pub(crate) struct Selector<'a> {
    ids: Vec<&'a str>,
    uids: Vec<&'a str>,
    names: Vec<&'a str>,
    displaynames: Vec<&'a str>,
}

impl<'a> Selector<'a> {
    /// Collects the parameters that are given and not empty.
    pub(crate) fn new(params: &'a Params, names: &Names) -> Self {
        let given = |list: &[&str]| list.iter().filter_map(|name| params.get(name)).collect();
        Self {
            ids: given(names.id),
            uids: given(names.uid),
            names: given(names.name),
            displaynames: given(names.displayname),
        }
    }

    /// Whether no parameter names a target.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.uids.is_empty() && self.names.is_empty() && self.displaynames.is_empty()
    }

    /// The one row that everything holds for.
    pub(crate) fn pick<'t, T: Named>(&self, table: &'t Table<T>) -> Result<&'t Arc<T>, Missed> {
        if self.is_empty() {
            return Err(Missed::NotFound);
        }
        one(table, |row| self.holds_for(row))
    }

    fn holds_for(&self, row: &impl Named) -> bool {
        self.ids.iter().all(|id| *id == row.id())
            && self.uids.iter().all(|uid| Some(*uid) == row.uid())
            && self.names.iter().all(|name| *name == row.name())
            && self.displaynames.iter().all(|name| *name == row.displayname())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn friends() -> Table<Person> {
        [("1", Some("10"), "a", Some("x")), ("2", None, "a", None), ("3", Some("30"), "b", Some(""))]
            .into_iter()
            .map(|(id, uid, name, markname)| Person {
                id: id.into(),
                uid: uid.map(Into::into),
                name: name.into(),
                markname: markname.map(Into::into),
                ..Person::default()
            })
            .collect()
    }

    #[test]
    fn all_that_is_given_must_match_and_one_only() {
        let friends = friends();
        for (query, expected) in [
            ("id=1", Ok("1")),
            ("uid=30", Ok("3")),
            ("qq=10", Ok("1")),
            ("qq=10&uid=10&id=1&nick=a", Ok("1")),
            ("qq=10&uid=30", Err(Missed::NotFound)),
            ("id=1&uid=30", Err(Missed::NotFound)),
            ("id=1&uid=", Ok("1")),
            ("displayname=x", Ok("1")),
            ("displayname=a", Ok("2")),
            ("displayname=b", Ok("3")),
            ("name=a", Err(Missed::Ambiguous(2))),
            ("name=a&displayname=x", Ok("1")),
            ("name=", Err(Missed::NotFound)),
            ("uid=", Err(Missed::NotFound)),
            ("", Err(Missed::NotFound)),
            ("id=%201", Err(Missed::NotFound)),
        ] {
            let params = Params::of_query(query).unwrap();
            let picked = Selector::new(&params, &FRIEND).pick(&friends).map(|row| row.id.as_str());
            assert_eq!(picked, expected, "{query}");
        }
    }

    #[test]
    fn both_spellings_of_a_group_are_understood() {
        let groups: Table<Group> =
            [Group { id: "5".into(), uid: Some("50".into()), name: "g".into(), ..Group::default() }]
                .into_iter()
                .collect();
        for query in
            ["id=5", "gid=5", "group_id=5", "uid=50", "gnumber=50", "group_uid=50", "gname=g", "name=g"]
        {
            let params = Params::of_query(query).unwrap();
            assert!(Selector::new(&params, &GROUP).pick(&groups).is_ok(), "{query}");
        }
    }

    #[test]
    fn an_ambiguous_target_says_how_many_match() {
        assert_eq!(
            Missed::Ambiguous(2).answer((101, "group not found"), "groups"),
            (100, "ambiguous: 2 groups match".into())
        );
        assert_eq!(
            Missed::NotFound.answer((101, "group not found"), "groups"),
            (101, "group not found".into())
        );
    }
}
