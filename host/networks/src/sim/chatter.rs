//! People who talk about this and that: the same seed makes them say the same.

use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::roster::{Keyed, Person, Table};

use super::speech::Say;
use super::world::World;

/// What is said when nothing is meant: small talk, commands, mentions, emoji, links, in two languages.
const SAYINGS: [&str; 24] = [
    "早上好",
    "大家晚上好～",
    "哈哈哈哈",
    "有人在吗？",
    "吃了吗",
    "收到，谢谢🙏",
    "这个问题昨天也有人问过",
    "谁知道怎么编译？一直报错",
    "周末一起去爬山吧 ⛰️",
    "[捂脸]",
    "@全体成员 今晚八点开会",
    "😂😂😂",
    "good morning",
    "lol",
    "does anybody know how to fix this?",
    "thanks, that worked!",
    "see https://example.com/docs for the details",
    "brb",
    "+1",
    "what time is it over there?",
    "ping",
    "/ping",
    "/help",
    "1",
];

impl World {
    /// So many sayings of people in chats, as the world is now.
    pub(super) fn chatter(&mut self, count: usize) -> Vec<Say> {
        let user = self.roster.user.id.as_str();
        let friends = self.roster.friends.iter().map(|who| (ChatKind::Friend, who.key(), None));
        let groups = self.roster.groups.iter().map(|one| (ChatKind::Group, one.key(), Some(&one.members)));
        let discusses =
            self.roster.discusses.iter().map(|one| (ChatKind::Discuss, one.key(), Some(&one.members)));
        let lively = |members: Option<&Table<Person>>| {
            members.is_none_or(|members| members.iter().any(|who| who.id != user))
        };
        let chats: Vec<_> =
            friends.chain(groups).chain(discusses).filter(|(_, _, members)| lively(*members)).collect();
        let mut says = Vec::new();
        for _ in 0..count {
            let Some((kind, id, members)) = self.chance.pick(&chats) else { break };
            let Some(text) = self.chance.pick(&SAYINGS) else { break };
            let sender = members.and_then(|members| {
                let picked = self
                    .chance
                    .pick(&members.iter().collect::<Vec<_>>())
                    .copied()
                    .filter(|who| who.id != user);
                picked.or_else(|| members.iter().find(|who| who.id != user)).map(|who| who.id.clone())
            });
            let chat = ChatRef { kind: *kind, id: (*id).to_owned() };
            says.push(Say {
                chat,
                sender,
                text: (*text).to_owned(),
                segments: None,
                attached: Vec::new(),
                time: None,
            });
        }
        says
    }
}
