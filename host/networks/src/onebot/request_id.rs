//! What an answer to a request names: the protocol's flag, which of its actions takes it, and who asked. All in one text,
//! so that a request can be answered after a restart.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestId {
    /// To be a friend.
    Friend,
    /// To come into a group.
    Join,
    /// To come into somebody else's group.
    Invite,
}

impl RequestId {
    fn word(self) -> &'static str {
        match self {
            Self::Friend => "friend",
            Self::Join => "add",
            Self::Invite => "invite",
        }
    }

    /// The id of somebody's request with a flag.
    pub(super) fn with(self, user: i64, flag: &str) -> String {
        format!("{}:{user}:{flag}", self.word())
    }

    /// What an id asks for, who asked, and its flag.
    pub(super) fn parse(id: &str) -> Option<(Self, &str, &str)> {
        let mut parts = id.splitn(3, ':');
        let (word, user, flag) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = [Self::Friend, Self::Join, Self::Invite].into_iter().find(|kind| kind.word() == word)?;
        (!flag.is_empty()).then_some((kind, user, flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_survives_whatever_it_holds() {
        for kind in [RequestId::Friend, RequestId::Join, RequestId::Invite] {
            for flag in ["1", "a:b:c", "flag|with/all sorts"] {
                assert_eq!(RequestId::parse(&kind.with(7, flag)), Some((kind, "7", flag)));
            }
        }
        for bad in ["", "1234", "friend:", "friend:7", "friend:7:", "kick:7:1"] {
            assert_eq!(RequestId::parse(bad), None, "{bad}");
        }
    }
}
