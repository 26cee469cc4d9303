//! The keys of an account on OneBot: where the implementation is, what it asks for, how fast the account acts.

use std::path::Path;
use std::time::Duration;

use mynah_networks::onebot::{Pace, SocketUrl, Token};
use mynah_runtime::grants::Rate;

use super::problem::Problem;
use super::section::{Section, Value};

/// The keys of accounts on OneBot alone.
pub(super) const KEYS: [&str; 3] = ["url", "access_token", "pace"];

/// An account on OneBot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneBotAccount {
    /// Where the implementation listens for WebSockets.
    pub url: SocketUrl,
    /// What it asks for.
    pub token: Token,
    /// How fast the account acts.
    pub pace: Pace,
}

/// Reads the keys of an account on OneBot.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Result<OneBotAccount, Problem> {
    let url = section.read("url", |value| value.parsed("the address of a OneBot implementation"))?;
    let token = section.read("access_token", |value| read_token(&value, folder))?;
    let pace = section.read("pace", |value| read_pace(&value))?;
    let url = url.ok_or_else(|| {
        section
            .problem("`url` is missing, for example `url = \"ws://127.0.0.1:3001\"`")
            .hint("it is where NapCat, LLBot or another implementation listens for WebSockets")
    })?;
    Ok(OneBotAccount { url, token: token.unwrap_or_default(), pace: pace.unwrap_or_default() })
}

/// A secret: as it stands, from a file or from the environment.
fn read_token(value: &Value<'_>, folder: &Path) -> Result<Token, Problem> {
    const RIGHT: &str = "the token, `{ file = \"PATH\" }` or `{ env = \"NAME\" }`";
    let text = if value.is_table() {
        let mut section = value.section("`access_token`")?;
        let file = section.read("file", |value| {
            let path = super::read_path(&value, folder)?;
            std::fs::read_to_string(&path)
                .map_err(|error| value.problem(format!("cannot be read from {}: {error}", path.display())))
        })?;
        let env = section.read("env", |value| {
            let name = value.text("the name of an environment variable")?;
            std::env::var(name)
                .map_err(|_| value.problem(format!("names `{name}`, which is not in the environment")))
        })?;
        section.finish()?;
        match (file, env) {
            (Some(text), None) | (None, Some(text)) => text,
            _ => return Err(value.problem(format!("must be {RIGHT}"))),
        }
    } else {
        // An error must not show what was written.
        let text = if value.is_text() {
            value.text(RIGHT)?
        } else {
            return Err(value.problem(format!("must be {RIGHT}")));
        };
        text.to_owned()
    };
    // Files end with a line break.
    Token::new(text.trim()).map_err(|error| value.problem(format!("is no token: {error}")))
}

fn read_pace(value: &Value<'_>) -> Result<Pace, Problem> {
    let rate: Rate = value.parsed("a rate, such as \"2/s\"")?;
    if rate.count == 0 {
        return Err(value.problem("allows nothing: write a rate such as \"2/s\" or \"20/min\""));
    }
    Ok(Pace { count: rate.count, per: Duration::from_millis(rate.per_ms.unsigned_abs()) })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, NetworkConfig};
    use super::*;

    fn parse(keys: &str) -> Result<Config, String> {
        let text = format!("[[account]]\nname = \"qq\"\n{keys}");
        Config::parse(Path::new("etc/mynah.toml"), &text).map_err(|error| error.to_string())
    }

    fn account(keys: &str) -> OneBotAccount {
        let mut config = parse(&format!("network = \"onebot\"\n{keys}")).unwrap();
        match config.accounts.remove(0).network {
            NetworkConfig::OneBot(account) => account,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_is_enough_and_everything_else_has_a_default() {
        let plain = account("url = \"ws://127.0.0.1:3001\"");
        assert_eq!(plain.url.to_string(), "ws://127.0.0.1:3001/");
        assert_eq!((plain.token, plain.pace), (Token::none(), Pace::default()));
        let paced = account("url = \"wss://h\"\npace = \"20/min\"");
        assert_eq!(paced.pace, Pace { count: 20, per: Duration::from_secs(60) });
    }

    #[test]
    fn a_token_stands_in_the_file_beside_it_or_in_the_environment_and_is_never_printed() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        let expected = Token::new("s3cret").unwrap();
        let with = |token: &str| account(&format!("url = \"ws://h\"\naccess_token = {token}"));
        assert_eq!(with("\"s3cret\"").token, expected);
        assert_eq!(with(&format!("{{ file = {path:?} }}")).token, expected);
        // Every process has a PATH.
        assert_ne!(with("{ env = \"PATH\" }").token, Token::none());
        assert!(!format!("{:?}", with("\"s3cret\"")).contains("s3cret"));
    }

    #[test]
    fn what_is_wrong_is_named_and_says_what_is_right() {
        for (keys, message) in [
            ("network = \"onebot\"", "`url` is missing"),
            ("network = \"onebot\"\nurl = \"http://h\"", "write `ws://HOST:PORT`"),
            ("network = \"onebot\"\nurl = \"ws://h/?access_token=x\"", "a secret does not belong into a URL"),
            ("network = \"onebot\"\nurl = \"ws://h\"\npace = \"0/s\"", "`pace` allows nothing"),
            ("network = \"onebot\"\nurl = \"ws://h\"\npace = \"fast\"", "`fast` is not a rate"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nacces_token = \"x\"", "did you mean `access_token`?"),
            (
                "network = \"onebot\"\nurl = \"ws://h\"\naccess_token = { env = \"MYNAH_NO_SUCH\" }",
                "is not in the environment",
            ),
            (
                "network = \"onebot\"\nurl = \"ws://h\"\naccess_token = { file = \"no/such\" }",
                "cannot be read",
            ),
            ("network = \"onebot\"\nurl = \"ws://h\"\naccess_token = {}", "`{ file = \"PATH\" }`"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nseed = 7", "`seed` is for accounts on network `sim`"),
            ("url = \"ws://h\"", "`url` is for accounts on network `onebot`"),
            ("network = \"onebt\"", "did you mean `onebot`?"),
        ] {
            let error = parse(keys).unwrap_err();
            // The hint stands apart from the message.
            let hint = Config::parse(Path::new("mynah.toml"), &format!("[[account]]\nname = \"qq\"\n{keys}"));
            let all = format!("{error}\n{}", hint.unwrap_err().hint.unwrap_or_default());
            assert!(all.contains(message), "{keys}: {all}");
        }
    }

    #[test]
    fn an_error_about_a_token_does_not_show_the_line_that_holds_it() {
        let error = parse("network = \"onebot\"\nurl = \"ws://h\"\naccess_token = \"s3 cret\"").unwrap_err();
        assert!(!error.contains("s3 cret"), "{error}");
    }
}
