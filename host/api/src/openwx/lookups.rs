//! get_* and search_*: what the account knows.

use mynah_model::roster::Roster;

use super::objects;
use crate::answer::Answer;
use crate::params::Params;
use crate::search::{attributes, found, has_all};

pub(super) fn user(roster: &Roster) -> Answer {
    Answer::Json(objects::user(roster))
}

pub(super) fn friends(roster: &Roster) -> Answer {
    Answer::Json(roster.friends.iter().map(|friend| objects::friend(friend)).collect())
}

pub(super) fn groups(roster: &Roster) -> Answer {
    let user = roster.user.id.as_str();
    Answer::Json(roster.groups.iter().map(|group| objects::group(group, user)).collect())
}

pub(super) fn groups_basic(roster: &Roster) -> Answer {
    let user = roster.user.id.as_str();
    Answer::Json(roster.groups.iter().map(|group| objects::group_basic(group, user)).collect())
}

pub(super) fn search_friend(roster: &Roster, params: &Params) -> Answer {
    let wanted = attributes(params, &[]);
    let matches = roster
        .friends
        .iter()
        .filter(|row| has_all(&objects::friend(row), objects::displayname(row), &wanted));
    found(matches.map(|friend| objects::friend(friend)))
}

pub(super) fn search_group(roster: &Roster, params: &Params) -> Answer {
    let user = roster.user.id.as_str();
    let wanted = attributes(params, &[]);
    let matches = roster.groups.iter().filter(|row| {
        let displayname = objects::group_displayname(row, user);
        has_all(&objects::group_basic(row, user), &displayname, &wanted)
    });
    found(matches.map(|group| objects::group(group, user)))
}
