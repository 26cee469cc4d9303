//! Moderation safety, for scripts, webhooks and API callers alike: whom this host never acts on.
//!
//! The network would refuse most of this too; refusing it here is what keeps a hostile or broken rule from trying,
//! on networks that are less careful, and what gives one answer on all of them.
//!
//! What is never done, whoever asks: acting on the owner of a group, on the account itself, or on an admin (scripts may
//! with `may_target`, where the account is the owner); acting without a role; mutes of less than a minute or more than
//! thirty days; more than [`limits::KICKS`]. Every act that is done has a number, the seq of the event that it was decided
//! on (an API caller's has none), and a reason.

use mynah_model::action::{Act, ActionBody, Actor};
use mynah_model::address::ChatKind;
use mynah_model::clock::UnixMs;
use mynah_model::refusal::{Code, Refusal};
use mynah_model::roster::{Group, Role, Roster};

use crate::budget::Budgets;
use crate::gate::people;
use crate::limits;

/// The actions that are done to people.
const DONE_TO_PEOPLE: [&str; 5] = ["shutup", "unshutup", "shutup-all", "kick", "recall"];

/// The reason that is kept with an act. What is done to people has one in any case, and be it that nobody gave any.
pub(crate) fn reason(given: Option<String>, action: &str, by: &Actor) -> Option<String> {
    let given = given.filter(|reason| !reason.trim().is_empty());
    given.or_else(|| DONE_TO_PEOPLE.contains(&action).then(|| format!("{} gave no reason", by.without_key())))
}

/// Counts the members that an act kicks against what all who act for its account have together.
pub(crate) fn take_kicks(budgets: &Budgets, act: &Act, now: UnixMs) -> Result<(), Refusal> {
    if !matches!(act.body, ActionBody::Kick { .. }) {
        return Ok(());
    }
    let wanted = [(act.account.clone(), limits::KICKS)];
    budgets.kicks.take(&wanted, people(&act.body), now).map_err(|_| {
        let most = String::from(limits::KICKS);
        Refusal::new(
            Code::ModerationRate,
            format!("account `{}` kicks {most} at most, whoever asks for it", act.account),
        )
        .hint("go on in a minute: nothing raises this")
    })
}

/// Whether an action may be done in the chat, as far as roles and targets go. Actions that moderate nobody pass.
pub fn check(
    roster: &Roster,
    chat: Option<(ChatKind, &str)>,
    body: &ActionBody,
    may_target_admins: bool,
) -> Result<(), Refusal> {
    let members = match body {
        ActionBody::Shutup { members, seconds } => {
            if !limits::SHUTUP_SECONDS.contains(seconds) {
                return Err(Refusal::new(
                    Code::ActionInvalid,
                    format!("`seconds` of a shutup is 60 to 2592000, not {seconds}"),
                ));
            }
            members.as_slice()
        }
        ActionBody::Unshutup { members } | ActionBody::Kick { members, .. } => members.as_slice(),
        ActionBody::ShutupAll { .. } => &[],
        _ => return Ok(()),
    };
    let name = body.name();
    let Some((ChatKind::Group, id)) = chat else {
        return Err(Refusal::new(Code::ActionInvalid, format!("`{name}` works in groups only")));
    };
    if !matches!(body, ActionBody::ShutupAll { .. }) && members.is_empty() {
        return Err(Refusal::new(Code::ActionInvalid, format!("`members` of a {name} is empty")));
    }
    if members.len() > limits::MODERATED_AT_ONCE {
        let most = limits::MODERATED_AT_ONCE;
        return Err(Refusal::new(Code::ActionInvalid, format!("a {name} names at most {most} members")));
    }
    let Some(group) = roster.groups.get(id) else {
        return Err(Refusal::new(Code::ChatUnknown, format!("the account is in no group `{id}`")));
    };
    let own = own_role(roster, group);
    if own.is_some_and(|role| role < Role::Admin) {
        return Err(Refusal::new(
            Code::ModerationRole,
            "the account is neither owner nor admin of the group",
        ));
    }
    members.iter().try_for_each(|member| check_target(roster, group, own, member, may_target_admins))
}

/// The account's role in a group; `None` if it is not known.
fn own_role(roster: &Roster, group: &Group) -> Option<Role> {
    group.members.get(&roster.user.id).and_then(|own| own.role).or(group.role)
}

fn check_target(
    roster: &Roster,
    group: &Group,
    own: Option<Role>,
    member: &str,
    may_target_admins: bool,
) -> Result<(), Refusal> {
    if member == roster.user.id {
        return Err(Refusal::new(Code::ModerationTarget, "the target is the account itself"));
    }
    let Some(target) = group.members.get(member) else {
        return Err(Refusal::new(Code::ModerationAbsent, format!("`{member}` is not a member of the group")));
    };
    // Some networks say whose a group is, and not what its members are.
    let owns = group.owner_id.as_deref() == Some(member);
    match if owns { Role::Owner } else { target.role.unwrap_or(Role::Member) } {
        Role::Owner => Err(Refusal::new(Code::ModerationTarget, "the target owns the group")),
        Role::Admin if !(may_target_admins && own == Some(Role::Owner)) => {
            Err(Refusal::new(Code::ModerationTarget, "the target is an admin of the group").hint(
                "`may_target = [\"admin\"]` under `[script.NAME]` allows it where the account is the owner",
            ))
        }
        Role::Admin | Role::Member => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::roster::Person;
    use std::sync::Arc;

    use super::*;

    fn person(id: &str, role: Role) -> Person {
        Person { id: id.into(), role: Some(role), ..Person::default() }
    }

    fn roster(own: Role) -> Roster {
        let members = [
            person("me", own),
            person("owner", Role::Owner),
            person("admin", Role::Admin),
            person("m", Role::Member),
        ];
        let group = Group { id: "g".into(), members: members.into_iter().collect(), ..Group::default() };
        Roster {
            user: Arc::new(person("me", own)),
            groups: [group].into_iter().collect(),
            ..Roster::default()
        }
    }

    fn kick(members: &[&str]) -> ActionBody {
        ActionBody::Kick { members: members.iter().map(|id| (*id).to_owned()).collect(), reject_again: false }
    }

    fn code(own: Role, body: &ActionBody, may_target_admins: bool) -> Option<Code> {
        check(&roster(own), Some((ChatKind::Group, "g")), body, may_target_admins)
            .err()
            .map(|refusal| refusal.code)
    }

    #[test]
    fn nobody_moderates_the_owner_an_admin_or_the_account_itself() {
        assert_eq!(code(Role::Admin, &kick(&["m"]), false), None);
        for target in ["owner", "admin", "me"] {
            assert_eq!(
                code(Role::Admin, &kick(&["m", target]), true),
                Some(Code::ModerationTarget),
                "{target}"
            );
        }
        assert_eq!(code(Role::Owner, &kick(&["admin"]), false), Some(Code::ModerationTarget));
        assert_eq!(code(Role::Owner, &kick(&["admin"]), true), None);
    }

    #[test]
    fn nobody_moderates_the_owner_of_a_group_whose_roles_are_not_known() {
        let mut roster = roster(Role::Admin);
        let mut group = Group::clone(roster.groups.get("g").unwrap());
        let owner = Person { id: "o".into(), ..Person::default() };
        group.members = group.members.iter().map(|member| Person::clone(member)).chain([owner]).collect();
        group.owner_id = Some("o".into());
        roster.groups = [group].into_iter().collect();
        let refusal = check(&roster, Some((ChatKind::Group, "g")), &kick(&["o"]), true).unwrap_err();
        assert_eq!(refusal.code, Code::ModerationTarget);
    }

    #[test]
    fn without_a_role_nothing_is_tried() {
        assert_eq!(code(Role::Member, &kick(&["m"]), false), Some(Code::ModerationRole));
        assert_eq!(
            code(Role::Member, &ActionBody::ShutupAll { on: true }, false),
            Some(Code::ModerationRole)
        );
        assert_eq!(code(Role::Admin, &kick(&["stranger"]), false), Some(Code::ModerationAbsent));
        assert_eq!(code(Role::Admin, &kick(&[]), false), Some(Code::ActionInvalid));
    }

    #[test]
    fn what_is_done_to_people_has_a_reason_and_what_is_said_needs_none() {
        let given = |text: &str| Some(text.to_owned());
        assert_eq!(reason(given("flood"), "kick", &Actor::Api).as_deref(), Some("flood"));
        assert_eq!(reason(given("  "), "kick", &Actor::Webhook).as_deref(), Some("webhook gave no reason"));
        let key = Actor::ApiKey { key: "nightly".parse().unwrap() };
        assert_eq!(reason(None, "shutup", &key).as_deref(), Some("api gave no reason"));
        assert_eq!(reason(None, "reply", &Actor::Api), None);
    }

    #[test]
    fn a_mute_lasts_a_minute_to_thirty_days() {
        for (seconds, right) in [(0, false), (59, false), (60, true), (2_592_000, true), (2_592_001, false)] {
            let body = ActionBody::Shutup { members: vec!["m".into()], seconds };
            assert_eq!(code(Role::Admin, &body, false).is_none(), right, "{seconds}");
        }
    }
}
