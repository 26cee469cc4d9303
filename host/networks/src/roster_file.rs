//! A roster as a JSON file in the HTTP API's own shape: `user`, `friends`, `groups` with `member`, `discusses`
//! with `member`.
//!
//! What the API answers can be saved and used as a roster. Ids may be numbers or texts. Of a person `id`, `uid`,
//! `name`, `markname`, `card`, `role` and `shutup_until` are understood, of a group `id`, `uid`, `name`,
//! `markname`, `owner_id`, `role` and `member`, of a discuss `id`, `name`, `owner_id` and `member`; everything
//! else is kept as it stands. A null is the same as nothing, and so is an empty `uid`, `markname` or `card`.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::roster::{Discuss, Group, Keyed, Person, Role, Roster, Table};
use serde_json::{Map, Value};

/// Bytes. A member is some 300 bytes, so this is room for 200,000 of them.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of an id: those of the web WeChat protocol, the longest known, have 66.
const MAX_ID_BYTES: usize = 256;

/// Why a roster file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The file cannot be read.
    #[error("roster `{file}` cannot be read")]
    Unreadable {
        /// The file, as it was given.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than a roster can be.
    #[error("roster `{file}` is too large: at most {MAX_FILE_BYTES} bytes")]
    TooLarge {
        /// The file, as it was given.
        file: String,
    },
    /// The file is not JSON.
    #[error("roster `{file}` is not JSON: {problem}")]
    NotJson {
        /// The file, as it was given.
        file: String,
        /// What was found, with line and column.
        problem: String,
    },
    /// Something in it is not as it should be.
    #[error("roster `{file}`: {place}: {problem}")]
    Wrong {
        /// The file, as it was given.
        file: String,
        /// Where, for example `groups[0].member[3].id`.
        place: String,
        /// What is there and what would be right.
        problem: String,
    },
}

/// Reads a roster from a file of at most [`MAX_FILE_BYTES`].
pub fn load(path: &Path) -> Result<Roster, RosterError> {
    let file = path.display().to_string();
    let unreadable = |source| RosterError::Unreadable { file: file.clone(), source };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(unreadable)?;
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(RosterError::TooLarge { file });
    }
    parse(&bytes, &file)
}

/// Reads a roster from the bytes of a file; `file` is how errors call it.
pub fn parse(bytes: &[u8], file: &str) -> Result<Roster, RosterError> {
    // Editors on Windows put a byte order mark before UTF-8.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| RosterError::NotJson { file: file.to_owned(), problem: error.to_string() })?;
    roster(value).map_err(|Wrong { place, problem }| RosterError::Wrong {
        file: file.to_owned(),
        place,
        problem,
    })
}

/// Something that is not as it should be, before it is known in which file.
struct Wrong {
    place: String,
    problem: String,
}

impl Wrong {
    fn at(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

fn roster(value: Value) -> Result<Roster, Wrong> {
    let mut fields = Fields::new(String::new(), value)?;
    let user = match fields.take("user") {
        Some(user) => person(Fields::new("user".into(), user)?)?,
        None => {
            let problem = "missing; the account itself, for example {\"id\": 10000, \"name\": \"小灰\"}";
            return Err(Wrong::at("user", problem));
        }
    };
    let friends = table(fields.list("friends")?, person)?;
    let groups = table(fields.list("groups")?, |fields| group(fields, &user.id))?;
    let discusses = table(fields.list("discusses")?, discuss)?;
    if let Some(name) = fields.rest().into_keys().next() {
        return Err(Wrong::at(name, "unknown; a roster has user, friends, groups and discusses"));
    }
    Ok(Roster { version: 0, user: Arc::new(user), friends, groups, discusses })
}

fn person(mut fields: Fields) -> Result<Person, Wrong> {
    Ok(Person {
        id: fields.id()?,
        uid: fields.optional_id("uid")?,
        name: fields.text("name")?.unwrap_or_default(),
        markname: fields.filled_text("markname")?,
        card: fields.filled_text("card")?,
        role: fields.role(&MEMBER_ROLES)?,
        shutup_until: fields.seconds("shutup_until")?,
        attrs: fields.rest(),
    })
}

fn group(mut fields: Fields, user: &str) -> Result<Group, Wrong> {
    let place = fields.place.clone();
    let members = fields.members()?;
    let owner_id = fields.optional_id("owner_id")?;
    let own = members.get(user).and_then(|member| member.role);
    let stated = fields.role(&GROUP_ROLES)?;
    if let (Some(stated), Some(own)) = (stated, own)
        && stated != own
    {
        let problem = format!(
            "says that the account is {} of the group, but as a member it is {}; make them agree",
            stated.as_str(),
            own.as_str()
        );
        return Err(Wrong::at(format!("{place}.role"), problem));
    }
    let mut owners = members.iter().filter(|member| member.role == Some(Role::Owner));
    if let (Some(first), Some(second)) = (owners.next(), owners.next()) {
        let problem = format!("two owners, `{}` and `{}`; a group has one", first.id, second.id);
        return Err(Wrong::at(format!("{place}.member"), problem));
    }
    let role = stated.or(own).or_else(|| (owner_id.as_deref() == Some(user)).then_some(Role::Owner));
    Ok(Group {
        id: fields.id()?,
        uid: fields.optional_id("uid")?,
        name: fields.text("name")?.unwrap_or_default(),
        markname: fields.filled_text("markname")?,
        owner_id,
        role,
        members,
        attrs: fields.rest(),
    })
}

fn discuss(mut fields: Fields) -> Result<Discuss, Wrong> {
    Ok(Discuss {
        id: fields.id()?,
        name: fields.text("name")?.unwrap_or_default(),
        owner_id: fields.optional_id("owner_id")?,
        members: fields.members()?,
        attrs: fields.rest(),
    })
}

/// Rows in order; two with one id are an error, since a roster could keep only one of them.
fn table<T: Keyed>(
    list: Vec<Fields>,
    mut row: impl FnMut(Fields) -> Result<T, Wrong>,
) -> Result<Table<T>, Wrong> {
    let mut places: HashMap<String, String> = HashMap::with_capacity(list.len());
    let mut rows = Vec::with_capacity(list.len());
    for fields in list {
        let place = fields.place.clone();
        let row = row(fields)?;
        if let Some(first) = places.insert(row.key().to_owned(), place.clone()) {
            let problem = format!("`{}` is already the id of {first}; each has its own", row.key());
            return Err(Wrong::at(format!("{place}.id"), problem));
        }
        rows.push(row);
    }
    Ok(rows.into_iter().collect())
}

/// A role's words, the first of each kind being the one that the API uses.
type RoleWords = [(&'static str, Role); 6];

const MEMBER_ROLES: RoleWords = [
    ("owner", Role::Owner),
    ("admin", Role::Admin),
    ("member", Role::Member),
    ("create", Role::Owner),
    ("manage", Role::Admin),
    ("attend", Role::Member),
];

const GROUP_ROLES: RoleWords = [
    ("create", Role::Owner),
    ("manage", Role::Admin),
    ("attend", Role::Member),
    ("owner", Role::Owner),
    ("admin", Role::Admin),
    ("member", Role::Member),
];

/// The fields of one object that nobody has taken yet, and where in the file it stands.
struct Fields {
    place: String,
    map: Map<String, Value>,
}

impl Fields {
    fn new(place: String, value: Value) -> Result<Self, Wrong> {
        match value {
            Value::Object(map) => Ok(Self { place, map }),
            other => {
                let place = if place.is_empty() { "the file".to_owned() } else { place };
                Err(Wrong::at(place, format!("is {}, not an object {{...}}", kind(&other))))
            }
        }
    }

    fn at(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// Takes a field out; a null counts as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    fn list(&mut self, name: &str) -> Result<Vec<Fields>, Wrong> {
        let place = self.at(name);
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(number, item)| Fields::new(format!("{place}[{number}]"), item))
                .collect(),
            Some(other) => Err(Wrong::at(place, format!("is {}, not a list [...]", kind(&other)))),
        }
    }

    fn members(&mut self) -> Result<Table<Person>, Wrong> {
        if self.map.contains_key("members") {
            return Err(Wrong::at(self.at("members"), "unknown; the list is called `member`, as in the API"));
        }
        table(self.list("member")?, person)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Wrong::at(self.at(name), format!("is {}, not a text", kind(&other)))),
        }
    }

    fn filled_text(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    fn id(&mut self) -> Result<String, Wrong> {
        let place = self.at("id");
        self.optional_id("id")?.ok_or_else(|| Wrong::at(place, "missing; a number or a text, not empty"))
    }

    fn optional_id(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        let place = self.at(name);
        let id = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
            Some(other) => {
                let problem = format!("is {}, not a whole number or a text", kind(&other));
                return Err(Wrong::at(place, problem));
            }
        };
        if id.len() > MAX_ID_BYTES || id.contains(char::is_control) {
            let problem = format!("is not an id: at most {MAX_ID_BYTES} bytes, without control characters");
            return Err(Wrong::at(place, problem));
        }
        Ok(Some(id).filter(|id| !id.is_empty()))
    }

    fn role(&mut self, words: &RoleWords) -> Result<Option<Role>, Wrong> {
        let Some(text) = self.filled_text("role")? else { return Ok(None) };
        let role = words.iter().find(|(word, _)| *word == text).map(|(_, role)| *role);
        role.map(Some).ok_or_else(|| {
            let known = words.iter().take(3).map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            let given: String = text.chars().take(80).collect();
            Wrong::at(self.at("role"), format!("is `{given}`, not one of {known}"))
        })
    }

    /// Unix seconds, as a number or a text.
    fn seconds(&mut self, name: &str) -> Result<Option<i64>, Wrong> {
        let seconds = match self.take(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        seconds.map(Some).ok_or_else(|| Wrong::at(self.at(name), "is not a time in unix seconds"))
    }

    /// What is left: kept as it stands, nulls left out.
    fn rest(self) -> Attrs {
        self.map.into_iter().filter(|(_, value)| !value.is_null()).collect()
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a fraction or too large a number",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
