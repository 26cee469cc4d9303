//! Whose members are to be fetched: group by group, those first in which something happens.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use mynah_model::roster::Group;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use super::OneBot;
use super::actions::Call;
use super::{limits, people};
use crate::network::Sink;

#[derive(Default)]
struct Wanted {
    /// In which something happened; the last one comes first.
    hurried: Vec<i64>,
    others: VecDeque<i64>,
    /// In `hurried`, fetched since the connection was made, or tried to.
    seen: HashSet<i64>,
}

/// The groups of one account whose members are wanted.
#[derive(Default)]
pub(super) struct Members {
    wanted: Mutex<Wanted>,
    more: Notify,
}

impl Members {
    /// Begins anew: all of these are wanted.
    pub(super) fn begin(&self, groups: impl Iterator<Item = i64>) {
        *self.wanted.lock() = Wanted { others: groups.collect(), ..Wanted::default() };
        self.more.notify_one();
    }

    /// Something happens in a group: it comes first, if it was not fetched yet.
    pub(super) fn hurry(&self, group: i64) {
        let mut wanted = self.wanted.lock();
        // A peer that makes up groups without end is asked about some of them.
        if wanted.seen.len() < limits::GROUPS_SEEN && wanted.seen.insert(group) {
            wanted.hurried.push(group);
            self.more.notify_one();
        }
    }

    /// What was fetched of a group is no longer so.
    pub(super) fn outdated(&self, group: i64) {
        let mut wanted = self.wanted.lock();
        if !wanted.hurried.contains(&group) {
            wanted.seen.remove(&group);
        }
        drop(wanted);
        self.hurry(group);
    }

    async fn next(&self) -> i64 {
        loop {
            let more = self.more.notified();
            {
                let mut wanted = self.wanted.lock();
                if let Some(group) = wanted.hurried.pop() {
                    return group;
                }
                while let Some(group) = wanted.others.pop_front() {
                    if wanted.seen.insert(group) {
                        return group;
                    }
                }
            }
            more.await;
        }
    }
}

impl OneBot {
    /// Fetches the members of all groups, one list at a time, for as long as the connection lasts.
    pub(super) async fn fetch_members(&self, sink: &Arc<dyn Sink>) -> std::convert::Infallible {
        loop {
            let group = self.members.next().await;
            if let Err(error) = self.fetch_group(sink, group).await {
                tracing::debug!(account = %self.account, group, %error, "the members of a group stay unknown");
            }
            tokio::time::sleep(limits::MEMBERS_PAUSE).await;
        }
    }

    async fn fetch_group(&self, sink: &Arc<dyn Sink>, id: i64) -> Result<(), crate::NetworkError> {
        let call = Call::new("get_group_member_list", json!({ "group_id": id }));
        let data = self.call(&call, limits::LIST).await?;
        let now = self.clock.now().div_euclid(1_000);
        let Some(members) = people::members(data.as_deref(), now, &self.oddities) else { return Ok(()) };
        let key = id.to_string();
        let named = |group: &&Arc<Group>| !group.name.is_empty();
        let group = match sink.known().groups.get(&key).filter(named) {
            Some(group) => group.as_ref().clone(),
            None => {
                let call = Call::new("get_group_info", json!({ "group_id": id, "no_cache": true }));
                let data = self.call(&call, limits::CALL).await?;
                people::group(data.as_deref())
                    .filter(|group| group.id == key)
                    .unwrap_or(Group { id: key, ..Group::default() })
            }
        };
        // A group that was learnt from an event has no number of its own yet.
        let group = Group { uid: Some(group.id.clone()), ..group };
        sink.group(people::with_members(group, members, &sink.known().user.id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn groups_in_which_something_happens_come_first_and_each_comes_once() {
        let members = Members::default();
        members.begin([1, 2, 3].into_iter());
        for group in [2, 3, 2, 4, 2] {
            members.hurry(group);
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(members.next().await);
        }
        assert_eq!(order, [4, 3, 2, 1]);
        members.hurry(2);
        members.outdated(3);
        assert_eq!(members.next().await, 3, "only what is no longer so is fetched again");
        assert!(members.wanted.lock().hurried.is_empty());
    }

    #[tokio::test]
    async fn groups_that_a_peer_makes_up_are_not_asked_for_without_end() {
        let members = Members::default();
        for group in 1..=i64::try_from(limits::GROUPS_SEEN).unwrap() + 1_000 {
            members.hurry(group);
            members.hurry(group);
        }
        assert_eq!(members.wanted.lock().hurried.len(), limits::GROUPS_SEEN);
        members.begin([1].into_iter());
        members.hurry(7);
        assert_eq!(members.next().await, 7, "the next connection begins anew");
    }
}
