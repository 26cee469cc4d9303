//! What an account knows: its user, friends, groups with their members, and discusses.
//!
//! A [`Roster`] is a value: it is read through an `Arc` without a lock and replaced as a whole. Everything in
//! it is shared, so that changing one member of one group copies neither the other members nor the other groups.

use std::hash::RandomState;
use std::sync::Arc;

use rpds::{HashTrieMapSync, VectorSync};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Attrs;

/// What a member may do in a group, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An ordinary member.
    Member,
    /// May mute and kick members.
    Admin,
    /// Owns the group: at most one.
    Owner,
}

impl Role {
    /// As it stands in the API: `member`, `admin` or `owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// A person as one account sees them: a friend, a member, a stranger, or the account itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The id that actions take.
    pub id: String,
    /// The number that people see and type, if the network has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The name that this person chose.
    pub name: String,
    /// The name that the account gave this friend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markname: Option<String>,
    /// The name used in one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// The role in one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Muted in one group until this time, unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutup_until: Option<i64>,
    /// What has no field of its own: `sex`, `city`, `vip_level` ... as the roster gave it.
    #[serde(skip_serializing_if = "Attrs::is_empty")]
    pub attrs: Attrs,
}

impl Person {
    /// The name to call this person by: card, else mark name, else name. Empty ones do not count.
    pub fn display_name(&self) -> &str {
        [self.card.as_deref(), self.markname.as_deref()]
            .into_iter()
            .flatten()
            .find(|name| !name.is_empty())
            .unwrap_or(&self.name)
    }
}

/// A group and its members.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// The id that actions take. Ids may change from login to login.
    pub id: String,
    /// The number that people see.
    pub uid: Option<String>,
    /// Its name.
    pub name: String,
    /// The name that the account gave it.
    pub markname: Option<String>,
    /// The owner's id.
    pub owner_id: Option<String>,
    /// What the account is in it.
    pub role: Option<Role>,
    /// Who is in it, the account itself included.
    pub members: Table<Person>,
    /// What has no field of its own.
    pub attrs: Attrs,
}

/// A discussion: members and an owner, no roles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Discuss {
    /// The id that actions take.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The owner's id.
    pub owner_id: Option<String>,
    /// Who is in it, the account itself included.
    pub members: Table<Person>,
    /// What has no field of its own.
    pub attrs: Attrs,
}

/// What an account knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Roster {
    /// Counts the changes of this roster since the account was made.
    pub version: u64,
    /// The account itself.
    pub user: Arc<Person>,
    /// Its friends.
    pub friends: Table<Person>,
    /// Its groups.
    pub groups: Table<Group>,
    /// Its discusses.
    pub discusses: Table<Discuss>,
}

impl Roster {
    /// A member of a group.
    pub fn member(&self, group: &str, id: &str) -> Option<&Arc<Person>> {
        self.groups.get(group)?.members.get(id)
    }
}

/// Something that has an id.
pub trait Keyed {
    /// The id, unique within its table.
    fn key(&self) -> &str;
}

impl Keyed for Person {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Keyed for Group {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Keyed for Discuss {
    fn key(&self) -> &str {
        &self.id
    }
}

/// How far the index branches. A row that is new copies the nodes above it, and a few more of these cost less than nodes
/// that are four times as wide (the default).
const INDEX_DEGREE: u8 = 16;

/// Things with ids, in the order they came, found by id. A clone shares everything, and a change of one row costs the same
/// in a table of ten thousand as in one of ten: what did not change is still shared.
#[derive(Debug, Clone)]
pub struct Table<T> {
    rows: VectorSync<Arc<T>>,
    index: HashTrieMapSync<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        let hasher = RandomState::new();
        let index = HashTrieMapSync::new_with_hasher_and_degree_and_ptr_kind(hasher, INDEX_DEGREE);
        Self { rows: VectorSync::new_sync(), index }
    }
}

impl<T: PartialEq> PartialEq for Table<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl<T> Table<T> {
    /// The rows in order.
    pub fn iter(&self) -> Rows<'_, T> {
        self.rows.iter()
    }

    /// The row at a place, counted from 0.
    pub fn at(&self, place: usize) -> Option<&Arc<T>> {
        self.rows.get(place)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The rows of a table in order.
pub type Rows<'a, T> = <&'a VectorSync<Arc<T>> as IntoIterator>::IntoIter;

impl<T: Keyed> Table<T> {
    /// The row with this id.
    pub fn get(&self, key: &str) -> Option<&Arc<T>> {
        self.rows.get(*self.index.get(key)?)
    }

    /// Puts a row in the place of the one with the same id, or at the end.
    pub fn put(&mut self, row: T) {
        match self.index.get(row.key()) {
            Some(place) => {
                self.rows.set_mut(*place, Arc::new(row));
            }
            None => {
                self.index.insert_mut(row.key().to_owned(), self.rows.len());
                self.rows.push_back_mut(Arc::new(row));
            }
        }
    }

    /// Takes the row with this id out. Those behind it move up: this costs as much as the table is long.
    pub fn remove(&mut self, key: &str) -> Option<Arc<T>> {
        let place = *self.index.get(key)?;
        let Self { mut rows, mut index } = Self::default();
        let mut removed = None;
        for (at, row) in self.rows.iter().enumerate() {
            if at == place {
                removed = Some(row.clone());
            } else {
                index.insert_mut(row.key().to_owned(), rows.len());
                rows.push_back_mut(row.clone());
            }
        }
        (self.rows, self.index) = (rows, index);
        removed
    }
}

impl<T: Keyed> FromIterator<T> for Table<T> {
    /// Of several rows with one id the last stays, in the place of the first.
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        let mut table = Self::default();
        rows.into_iter().for_each(|row| table.put(row));
        table
    }
}

impl<'a, T> IntoIterator for &'a Table<T> {
    type Item = &'a Arc<T>;
    type IntoIter = Rows<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

impl<T: Serialize> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter())
    }
}

impl<'de, T: Keyed + Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<T>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str, name: &str) -> Person {
        Person { id: id.into(), name: name.into(), ..Person::default() }
    }

    #[test]
    fn a_table_keeps_order_and_finds_by_id_after_removals() {
        let mut table: Table<Person> = ["a", "b", "c"].into_iter().map(|id| person(id, id)).collect();
        assert!(table.remove("a").is_some());
        assert!(table.remove("a").is_none());
        table.put(person("c", "sea"));
        table.put(person("d", "d"));
        let names: Vec<_> = table.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["b", "sea", "d"]);
        assert_eq!(table.get("c").map(|row| row.name.as_str()), Some("sea"));
    }

    #[test]
    fn changing_a_clone_leaves_the_original_as_it_was() {
        let original: Table<Person> = [person("a", "a")].into_iter().collect();
        let mut copy = original.clone();
        copy.put(person("b", "b"));
        copy.put(person("a", "other"));
        assert_eq!(original.len(), 1);
        assert_eq!(original.get("a").map(|row| row.name.as_str()), Some("a"));
        assert!(original.get("b").is_none());
    }

    #[test]
    fn empty_cards_and_mark_names_do_not_count_as_names() {
        let mut someone = person("1", "小灰");
        someone.card = Some(String::new());
        someone.markname = Some("灰灰".into());
        assert_eq!(someone.display_name(), "灰灰");
    }
}
