//! The roster that a sim account has when the configuration names none: enough of everything to try a rule
//! on, Chinese and English, always the same. Ids are the numbers that people see, so that one number does.

mod wechat;

use std::sync::Arc;

use mynah_model::Attrs;
use mynah_model::roster::{Discuss, Group, Person, Role, Roster, Table};
use serde_json::Value;

pub use wechat::wechat_roster;

/// The account's own id.
const USER: &str = "1234567";

/// How many members the large group has, the account included.
const LARGE_GROUP_MEMBERS: usize = 2_000;

/// 2014-05-13T16:53:20Z, when the first people joined.
const FIRST_JOIN: i64 = 1_400_000_000;

/// Id, name, sex, city, province, country, state.
type Someone = [&'static str; 7];

/// The number of the one who is an operator, if nobody else is said to be: a friend, and an ordinary member of the first group.
pub const OPERATOR: &str = "456789";

const ACCOUNT: Someone = [USER, "小灰", "male", "北京", "北京", "中国", "online"];
const HUIHUI: Someone = [OPERATOR, "灰灰😀🐺", "female", "大连", "辽宁", "中国", "online"];
const ALICE: Someone = ["10001", "Alice", "female", "Bristol", "England", "United Kingdom", "online"];
const BOB: Someone = ["10002", "Bob Chen", "male", "Oakland", "California", "United States", "offline"];
const LI: Someone = ["10003", "李小花🌸", "female", "成都", "四川", "中国", "online"];
const WANG: Someone = ["10004", "老王", "male", "上海", "上海", "中国", "offline"];
const ZOE: Someone = ["10005", "Zoë 🎧", "female", "Brest", "Bretagne", "France", "online"];
const DOUZI: Someone = ["10006", "豆子", "unknown", "", "", "", "online"];
const PANDA: Someone = ["10007", "🐼 \"熊猫\"", "female", "成都", "四川", "中国", "offline"];
const KRABS: Someone = ["10008", "蟹老板", "male", "深圳", "广东", "中国", "online"];
const MINA: Someone = ["10009", "Mina", "female", "Seoul", "", "Korea", "offline"];
const TOM: Someone = ["10010", "Tom O'Neil", "male", "Cork", "", "Ireland", "online"];
const MOTHER: Someone = ["10011", "妈妈", "female", "保定", "河北", "中国", "offline"];

/// Who, the name that the account gave them, the category they are filed under.
const FRIENDS: [(Someone, &str, &str); 6] = [
    (HUIHUI, "灰灰", "我的好友"),
    (ALICE, "", "Colleagues"),
    (BOB, "Bob (hiking)", "我的好友"),
    (LI, "小花", "我的同学"),
    (WANG, "", "我的网友"),
    (MOTHER, "老妈", "我的家人"),
];

/// Who, their card, their role.
type Seat = (Someone, &'static str, Role);

const PERL: &[Seat] = &[
    (ACCOUNT, "", Role::Owner),
    (HUIHUI, "灰灰的名片", Role::Member),
    (LI, "管理员小花", Role::Admin),
    (ALICE, "Alice @ Perl", Role::Member),
    (BOB, "", Role::Member),
    (WANG, "", Role::Member),
    (DOUZI, "豆子（潜水）", Role::Member),
    (PANDA, "", Role::Member),
    (TOM, "", Role::Member),
];

const RUST: &[Seat] = &[
    (KRABS, "", Role::Owner),
    (ACCOUNT, "小灰🦀", Role::Admin),
    (ALICE, "", Role::Admin),
    (DOUZI, "", Role::Member),
    (ZOE, "", Role::Member),
    (PANDA, "熊猫写 Rust", Role::Member),
    (MINA, "", Role::Member),
];

const HIKERS: &[Seat] = &[
    (BOB, "Bob, trip leader", Role::Owner),
    (ZOE, "", Role::Admin),
    (ACCOUNT, "", Role::Member),
    (ALICE, "", Role::Member),
    (TOM, "Tom (brings tea ☕)", Role::Member),
    (MINA, "", Role::Member),
];

const FAMILY: &[Seat] =
    &[(MOTHER, "", Role::Owner), (ACCOUNT, "儿子", Role::Member), (LI, "二姐", Role::Member)];

const FAMILY_NAMES: [&str; 20] = [
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "陈", "林", "Lee", "Park", "Ada", "Max", "Ivy", "Ravi",
    "Noor", "Kai", "Lena", "Omar",
];

const GIVEN_NAMES: [&str; 20] = [
    "小雨", "大海", "一鸣", "晓东", "思远", "阿强", "佳佳", "子墨", "🐱", "⭐", "Stone", "Fox", "Ng",
    "Rivers", "Fan", "Moon", "Patel", "Woods", "Kim", "2000",
];

const PLACES: [[&str; 3]; 8] = [
    ["北京", "北京", "中国"],
    ["杭州", "浙江", "中国"],
    ["广州", "广东", "中国"],
    ["西安", "陕西", "中国"],
    ["Leeds", "England", "United Kingdom"],
    ["Austin", "Texas", "United States"],
    ["大阪", "", "日本"],
    ["", "", ""],
];

/// The built-in roster.
pub fn roster() -> Roster {
    let groups = [
        group("552603", "PERL学习交流", "新人请先看群公告 / newcomers: read the notice first", members(PERL)),
        group("778899", "Rust中文社区🦀", "提问请贴代码", members(RUST)),
        group("314159", "Weekend Hikers ⛰️", "Saturday 9:00 at the station", members(HIKERS)),
        group("100200", "开源吹水大群", "两千人的大群，少发红包多发代码", large_group()),
        group("60011", "相亲相爱一家人❤️", "", members(FAMILY)),
    ];
    let discusses = [
        discuss("4118239384", "周末去哪儿", &[ACCOUNT, HUIHUI, LI, WANG]),
        discuss("4118239385", "Release 🎉 planning", &[ALICE, ACCOUNT, BOB]),
    ];
    Roster {
        version: 0,
        user: Arc::new(user()),
        friends: FRIENDS.iter().enumerate().map(friend).collect(),
        groups: groups.into_iter().collect(),
        discusses: discusses.into_iter().collect(),
    }
}

fn attrs<const N: usize>(pairs: [(&str, &str); N]) -> Attrs {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn person(id: &str, name: &str) -> Person {
    Person { id: id.to_owned(), uid: Some(id.to_owned()), name: name.to_owned(), ..Person::default() }
}

fn user() -> Person {
    let [id, name, sex, city, province, country, state] = ACCOUNT;
    let attrs = attrs([
        ("account", id),
        ("birthday", "1990-1-1"),
        ("blood", "3"),
        ("city", city),
        ("client_type", "web"),
        ("college", ""),
        ("country", country),
        ("email", ""),
        ("face", "0"),
        ("homepage", ""),
        ("mobile", "188********"),
        ("occupation", "计算机/互联网/IT"),
        ("personal", "听别人说话，也回几句"),
        ("phone", ""),
        ("province", province),
        ("sex", sex),
        ("signature", "聪明的鹩哥会说话"),
        ("state", state),
    ]);
    Person { attrs, ..person(id, name) }
}

fn friend((number, (someone, markname, category)): (usize, &(Someone, &str, &str))) -> Person {
    let [id, name, _, _, _, _, state] = *someone;
    let level = number.to_string();
    let attrs = attrs([
        ("category", category),
        ("client_type", if state == "online" { "pc" } else { "unknown" }),
        ("face", &(number * 21).to_string()),
        ("flag", "0"),
        ("is_vip", if number % 2 == 1 { "1" } else { "0" }),
        ("state", state),
        ("vip_level", if number % 2 == 1 { &level } else { "0" }),
    ]);
    Person { markname: filled(markname), attrs, ..person(id, name) }
}

fn members(seats: &[Seat]) -> Table<Person> {
    seats
        .iter()
        .enumerate()
        .map(|(number, (someone, card, role))| member(number, *someone, card, *role))
        .collect()
}

fn member(number: usize, someone: Someone, card: &str, role: Role) -> Person {
    let [id, name, sex, city, province, country, state] = someone;
    let join_time = FIRST_JOIN + i64::try_from(number).unwrap_or_default() * 7_919;
    let attrs = attrs([
        ("city", city),
        ("client_type", if state == "online" { "pc" } else { "unknown" }),
        ("country", country),
        ("join_time", &join_time.to_string()),
        ("last_speak_time", &(join_time + 50_000_000).to_string()),
        ("province", province),
        ("sex", sex),
        ("state", state),
    ]);
    Person { card: filled(card), role: Some(role), attrs, ..person(id, name) }
}

/// The account is an admin of it, so that moderation can be tried among many.
fn large_group() -> Table<Person> {
    let known = [(KRABS, "群主", Role::Owner), (ACCOUNT, "", Role::Admin), (ALICE, "", Role::Member)];
    let crowd = (known.len()..LARGE_GROUP_MEMBERS).map(|number| {
        // Steps without a common factor with the lengths, so that neighbours differ in everything.
        let pick = |step: usize, length: usize| (number * step) % length;
        let family = FAMILY_NAMES.get(pick(7, FAMILY_NAMES.len())).copied().unwrap_or_default();
        let given =
            GIVEN_NAMES.get(pick(11, GIVEN_NAMES.len()) ^ (number / 20 % 4)).copied().unwrap_or("小雨");
        let [city, province, country] = PLACES.get(pick(3, PLACES.len())).copied().unwrap_or_default();
        let sex = ["male", "female", "unknown"].get(pick(2, 3)).copied().unwrap_or_default();
        let state = if number % 3 == 0 { "online" } else { "offline" };
        let id = (20_000 + number).to_string();
        let card = if number % 10 == 0 { format!("{city}-{family}{given}") } else { String::new() };
        let role = if number % 400 == 0 { Role::Admin } else { Role::Member };
        let mut member = member(number, ["", "", sex, city, province, country, state], &card, role);
        member.name = format!("{family}{given}");
        member.uid = Some(id.clone());
        member.id = id;
        member
    });
    known
        .iter()
        .enumerate()
        .map(|(number, (someone, card, role))| member(number, *someone, card, *role))
        .chain(crowd)
        .collect()
}

fn group(id: &str, name: &str, memo: &str, members: Table<Person>) -> Group {
    let owner = members.iter().find(|member| member.role == Some(Role::Owner)).map(|owner| owner.id.clone());
    let mut attrs = attrs([("code", id), ("createtime", "1399900000"), ("level", "4"), ("memo", memo)]);
    if let Some(owner) = &owner {
        attrs.insert("owner_uid".to_owned(), owner.clone().into());
    }
    Group {
        id: id.to_owned(),
        uid: Some(id.to_owned()),
        name: name.to_owned(),
        role: members.get(USER).and_then(|own| own.role),
        owner_id: owner,
        members,
        attrs,
        ..Group::default()
    }
}

fn discuss(id: &str, name: &str, people: &[Someone]) -> Discuss {
    let members = people.iter().map(|[id, name, _, _, _, _, state]| Person {
        attrs: attrs([("client_type", "pc"), ("state", state)]),
        ..person(id, name)
    });
    Discuss {
        id: id.to_owned(),
        name: name.to_owned(),
        owner_id: people.first().map(|[id, ..]| (*id).to_owned()),
        members: members.collect(),
        attrs: Attrs::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_something_of_everything() {
        let roster = roster();
        assert_eq!(roster.friends.len(), 6);
        assert_eq!(roster.discusses.len(), 2);
        let first = roster.groups.iter().next().unwrap();
        assert_eq!((first.id.as_str(), first.role), ("552603", Some(Role::Owner)));
        let roles: Vec<_> = roster.groups.iter().map(|group| group.role.unwrap()).collect();
        assert_eq!(roles, [Role::Owner, Role::Admin, Role::Member, Role::Admin, Role::Member]);
        for group in &roster.groups {
            assert_eq!(group.members.iter().filter(|who| who.role == Some(Role::Owner)).count(), 1);
            assert!(group.members.iter().any(|who| who.role == Some(Role::Member)));
            assert_eq!(group.members.get(USER).unwrap().role, group.role);
        }
        let large = roster.groups.get("100200").unwrap();
        assert_eq!(large.members.len(), LARGE_GROUP_MEMBERS);
        assert!(large.members.iter().all(|who| !who.name.is_empty() && who.attrs.contains_key("sex")));
    }

    #[test]
    fn it_is_the_same_every_time() {
        assert_eq!(roster(), roster());
    }
}
