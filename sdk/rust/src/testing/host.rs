//! The imported functions of the contract, natively: the same names and types as the generated ones, over
//! the [`World`] of the [`Sim`](super::Sim) that is handling an event on this thread. Outside of one they
//! see an empty world.

use std::cell::RefCell;

use super::world::World;
use crate::types::Event;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::default());
}

/// Runs something in a world, and gives both back. The clock and the chance are the event's.
pub(super) fn inside<T>(mut world: World, event: &Event, run: impl FnOnce() -> T) -> (T, World) {
    world.random = event.seq;
    let outer = std::mem::replace(&mut world.time, event.time);
    WORLD.with(|cell| cell.replace(world));
    let result = run();
    let mut world = WORLD.with(|cell| cell.take());
    world.time = outer;
    (result, world)
}

fn world<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|cell| look(&mut cell.borrow_mut()))
}

pub(crate) mod log {
    use super::world;
    use crate::types::Level;

    pub(crate) fn log(level: Level, text: &str) {
        let level = format!("{level:?}");
        let level = level.rsplit("::").next().unwrap_or_default().to_lowercase();
        world(|world| world.log.push(format!("{level}: {text}")));
    }
}

pub(crate) mod config {
    use super::world;

    pub(crate) fn get(path: &str) -> Option<String> {
        world(|world| {
            let mut keys = path.split('.').filter(|key| !key.is_empty());
            let found = keys.try_fold(&world.settings, |value, key| value.get(key));
            found.map(ToString::to_string)
        })
    }
}

/// The functions of a store, over the one of the world.
macro_rules! store {
    ($store:ident) => {
        pub(crate) mod $store {
            use super::world;
            use crate::bindings::mynah::script::kv_types::Page;
            use crate::types::KvError;

            pub(crate) fn get(key: &str) -> Option<String> {
                world(|world| world.$store().get(key))
            }

            pub(crate) fn set(key: &str, value: &str, ttl_ms: Option<u64>) -> Result<(), KvError> {
                world(|world| world.$store().set(key, value, ttl_ms));
                Ok(())
            }

            pub(crate) fn delete(key: &str) -> bool {
                world(|world| world.$store().delete(key))
            }

            pub(crate) fn increment(key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64, KvError> {
                world(|world| world.$store().increment(key, by, ttl_ms))
            }

            pub(crate) fn compare_and_swap(
                key: &str,
                expected: Option<&str>,
                new: Option<&str>,
                ttl_ms: Option<u64>,
            ) -> Result<bool, KvError> {
                Ok(world(|world| world.$store().compare_and_swap(key, expected, new, ttl_ms)))
            }

            pub(crate) fn list(prefix: &str, limit: u32, cursor: Option<&str>) -> Page {
                world(|world| world.$store().list(prefix, limit, cursor))
            }
        }
    };
}
store!(kv);
store!(kv_shared);

pub(crate) mod patterns {
    use super::world;
    use crate::testing::tables;
    use crate::types::Match;

    pub(crate) fn find(set: &str, text: &str) -> Result<Vec<Match>, String> {
        let table =
            world(|world| set.split('.').try_fold(&world.settings, |value, key| value.get(key)).cloned());
        let table = table.ok_or_else(|| format!("the settings have no table `{set}`"))?;
        tables::find(&table, text).map_err(|error| format!("`{set}`: {error}"))
    }
}

/// Look-ups in the people of the world.
pub(crate) mod roster {
    use super::world;
    use crate::testing::ACCOUNT;
    use crate::types::{GroupInfo, MemberPage, Person, Role};

    /// The account itself.
    pub fn me() -> Person {
        world(|world| world.person(ACCOUNT).clone())
    }

    /// A friend, by id.
    pub fn friend(id: &str) -> Option<Person> {
        world(|world| world.friends.iter().find(|person| person.id == id).cloned())
    }

    /// A group, by id.
    pub fn group(id: &str) -> Option<GroupInfo> {
        world(|world| {
            let chat = world.chat.clone().filter(|_| world.is_in_group(id))?;
            let owner = world.people.iter().find(|person| person.role == Some(Role::Owner));
            Some(GroupInfo {
                uid: None,
                markname: None,
                owner_id: owner.map(|person| person.id.clone()),
                role: world.people.iter().find(|person| person.id == ACCOUNT).and_then(|person| person.role),
                member_count: u32::try_from(world.people.len()).unwrap_or(u32::MAX),
                id: chat.id,
                name: chat.name,
                attrs: chat.attrs,
            })
        })
    }

    /// Members of a group, at most `limit` (1 to 500) of them, from `offset` on.
    pub fn members(group_id: &str, offset: u32, limit: u32) -> MemberPage {
        world(|world| {
            let limit = limit.clamp(1, 500);
            let all = if world.is_in_group(group_id) { world.people.as_slice() } else { &[] };
            let members: Vec<_> = all.iter().skip(offset as usize).take(limit as usize).cloned().collect();
            let end = offset.saturating_add(limit);
            MemberPage { members, next: ((end as usize) < all.len()).then_some(end) }
        })
    }

    /// One member of a group, by id.
    pub fn member(group_id: &str, id: &str) -> Option<Person> {
        world(|world| {
            let person = world.people.iter().find(|person| person.id == id)?;
            world.is_in_group(group_id).then(|| person.clone())
        })
    }
}

/// The time of the event.
pub(crate) mod clock {
    use super::world;

    /// The event's time.
    pub fn now() -> i64 {
        world(|world| world.time)
    }
}

/// Chance, the same for the same event.
pub(crate) mod random {
    use super::world;

    /// The next 64 random bits.
    pub fn next() -> u64 {
        // SplitMix64: one addition, and a mixing of its sum.
        world(|world| {
            world.random = world.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = world.random;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        })
    }

    /// So many random bytes, at most 65,536.
    pub fn bytes(len: u32) -> Vec<u8> {
        std::iter::repeat_with(|| next().to_le_bytes()).flatten().take(len.min(65_536) as usize).collect()
    }
}
