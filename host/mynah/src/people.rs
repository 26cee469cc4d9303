//! Finding people and groups by what a person at a keyboard calls them: id, number, card, mark name or name, or a part
//! of one that fits nobody else.

use std::sync::Arc;

use mynah_model::roster::{Discuss, Group, Person, Roster, Table};

/// How many candidates an error names.
const NAMED: usize = 5;

/// The group that is meant.
pub(crate) fn group<'a>(roster: &'a Roster, given: &str) -> Result<&'a Arc<Group>, String> {
    choose(&roster.groups, given, "group", |group| {
        vec![
            &group.id,
            group.uid.as_deref().unwrap_or_default(),
            group.markname.as_deref().unwrap_or_default(),
            &group.name,
        ]
    })
}

/// The discuss that is meant.
pub(crate) fn discuss<'a>(roster: &'a Roster, given: &str) -> Result<&'a Arc<Discuss>, String> {
    choose(&roster.discusses, given, "discuss", |discuss| vec![&discuss.id, &discuss.name])
}

/// The member of a group, or anybody else, who is meant.
pub(crate) fn person<'a>(people: &'a Table<Person>, given: &str) -> Result<&'a Arc<Person>, String> {
    choose(people, given, "person", |person| {
        let optional = [&person.uid, &person.card, &person.markname];
        let mut names: Vec<&str> = vec![&person.id, &person.name];
        names.extend(optional.into_iter().filter_map(Option::as_deref));
        names
    })
}

/// The one that has the name, else the only one that has a name which begins with it, else the only one that has a name
/// in which it occurs.
fn choose<'a, T>(
    all: &'a Table<T>,
    given: &str,
    kind: &str,
    names: impl Fn(&T) -> Vec<&str>,
) -> Result<&'a Arc<T>, String> {
    let wanted = given.to_lowercase();
    let fits: [fn(&str, &str) -> bool; 3] = [
        |name, wanted| name == wanted,
        |name, wanted| name.starts_with(wanted),
        |name, wanted| name.contains(wanted),
    ];
    for fit in fits {
        let found: Vec<_> = all
            .iter()
            .filter(|one| names(one).iter().any(|name| fit(&name.to_lowercase(), &wanted)))
            .collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one),
            several => return Err(format!("`{given}` could be {}", listed(several, &names))),
        }
    }
    Err(format!("there is no {kind} `{given}`; there is {}", listed(&all.iter().collect::<Vec<_>>(), &names)))
}

fn listed<T>(some: &[&Arc<T>], names: &impl Fn(&T) -> Vec<&str>) -> String {
    let called = |one: &&Arc<T>| {
        let names = names(one);
        let name = names.iter().rev().find(|name| !name.is_empty()).copied().unwrap_or_default();
        format!("{name} ({})", names.first().copied().unwrap_or_default())
    };
    let mut text = some.iter().take(NAMED).map(called).collect::<Vec<_>>().join(", ");
    if some.len() > NAMED {
        text += " ...";
    }
    if text.is_empty() { "none".into() } else { text }
}

#[cfg(test)]
mod tests {
    use mynah_networks::sim::builtin;

    use super::*;

    #[test]
    fn people_are_found_by_what_they_are_called() {
        let roster = builtin::roster();
        let members = &group(&roster, "552603").unwrap().members;
        for (given, id) in [
            ("456789", "456789"),
            ("灰灰", "456789"),
            ("alice", "10001"),
            ("Alice @ Perl", "10001"),
            ("小花", "10003"),
        ] {
            assert_eq!(person(members, given).map(|found| found.id.as_str()), Ok(id), "{given}");
        }
        assert!(person(members, "nobody").unwrap_err().starts_with("there is no person `nobody`; there is"));
        assert!(person(members, "o").unwrap_err().starts_with("`o` could be"));
    }

    #[test]
    fn groups_are_found_by_a_part_of_their_name() {
        let roster = builtin::roster();
        assert_eq!(group(&roster, "hikers").unwrap().id, "314159");
        assert_eq!(group(&roster, "PERL").unwrap().id, "552603");
        assert!(group(&roster, "cobol").is_err());
    }
}
