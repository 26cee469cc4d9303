//! What a line typed at the prompt means.

/// The prompt's own words. Every other command goes to the chat: it is for the scripts.
pub(crate) const HELP: &str = "\
Type to speak; a command such as /ping goes to the scripts like everything else. The prompt's own words:
  /as NAME    speak as this person (name, card, number or id)
  /in GROUP   speak in this group (name, number or id)
  /join       the person joins the group
  /leave      the person leaves the group
  /help       this
  /quit       stop the host
Whoever is an operator (`operators` in mynah.toml; here the prompt says so) may use the host's own commands:
/scripts, /why, /undo ACT, /pause and /resume. To everybody else they are ordinary words.
Double the slash (//help) to say one of these words in the chat.
";

/// A line, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Nothing was typed.
    Empty,
    /// Say this.
    Say(&'a str),
    /// Speak as this person from now on.
    As(&'a str),
    /// Speak in this group from now on.
    In(&'a str),
    /// The person joins the group.
    Join,
    /// The person leaves the group.
    Leave,
    /// What can be typed.
    Help,
    /// Stop the host.
    Quit,
}

impl<'a> Line<'a> {
    /// Understands a line.
    pub(crate) fn parse(line: &'a str) -> Self {
        let line = line.trim();
        let (word, rest) =
            line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        match (word, rest) {
            ("", _) => Self::Empty,
            ("/as", name) if !name.is_empty() => Self::As(name),
            ("/in", group) if !group.is_empty() => Self::In(group),
            ("/as" | "/in" | "/help", "") => Self::Help,
            ("/join", "") => Self::Join,
            ("/leave", "") => Self::Leave,
            ("/quit", "") => Self::Quit,
            _ if word.starts_with("//") => Self::Say(line.get(1..).unwrap_or(line)),
            _ => Self::Say(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_keeps_few_words_for_itself() {
        for (line, expected) in [
            ("  ", Line::Empty),
            ("hello", Line::Say("hello")),
            ("/ping", Line::Say("/ping")),
            ("/roll 2d6", Line::Say("/roll 2d6")),
            ("/as 灰灰", Line::As("灰灰")),
            ("/as  Old Wang ", Line::As("Old Wang")),
            ("/in 552603", Line::In("552603")),
            ("/in", Line::Help),
            ("/join", Line::Join),
            ("/join me", Line::Say("/join me")),
            ("/leave", Line::Leave),
            ("/quit", Line::Quit),
            ("//help", Line::Say("/help")),
            ("/", Line::Say("/")),
            ("/quitting", Line::Say("/quitting")),
        ] {
            assert_eq!(Line::parse(line), expected, "{line:?}");
        }
    }
}
