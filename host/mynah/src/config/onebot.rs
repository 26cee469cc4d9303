//! The keys of an account on OneBot: who dials whom, what whoever dials has to show, how fast the account acts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mynah_networks::onebot::{HttpUrl, Pace, SocketUrl, Token, Way};
use mynah_runtime::grants::Rate;

use super::problem::Problem;
use super::secret::SecretSource;
use super::section::{Section, Value};

/// The keys of accounts on OneBot alone.
pub(super) const KEYS: [&str; 7] = ["url", "sockets", "listen", "access_token", "certificate", "pace", "qq"];

/// The largest QQ number. They have 5 to 10 digits; one more does not make a typing error right.
const QQ_MAX: i64 = 99_999_999_999;

/// What the host itself serves: an account listens nowhere below.
const TAKEN: [&str; 5] = ["/openqq", "/openwx", "/api", "/healthz", "/readyz"];

/// An account on OneBot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneBotAccount {
    /// Who dials whom.
    pub way: Way,
    /// The path of our own listeners where the implementation comes in or posts its events.
    pub listen: Option<String>,
    /// Where what whoever dials has to show is; `None`: nothing.
    pub token: Option<SecretSource>,
    /// Certificates that count for this account beside those that the machine trusts: a PEM file.
    pub certificate: Option<PathBuf>,
    /// How fast the account acts.
    pub pace: Pace,
    /// Whose account it is; `None`: that of whoever is logged in first.
    pub qq: Option<i64>,
}

/// Reads the keys of an account on OneBot.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Result<OneBotAccount, Problem> {
    let url = section.read("url", |value| read_url(&value))?;
    let sockets = section.read("sockets", |value| value.integer(1..=2_u8))?;
    let listen = section.read("listen", |value| read_path(&value))?;
    let token = section.read("access_token", |value| SecretSource::read(&value, folder, Token::new))?;
    let pace = section.read("pace", |value| read_pace(&value))?.unwrap_or_default();
    let qq = section.read("qq", |value| value.integer(10_000..=QQ_MAX))?;
    let certificate =
        section.read("certificate", |value| Ok(folder.join(value.text("the path of a PEM file")?)))?;
    let secure = url.as_ref().is_some_and(Address::is_secure);
    let way = match (url, &listen) {
        (Some(Address::Socket(url)), None) if sockets == Some(2) => Way::ForwardPair(url),
        (Some(Address::Socket(url)), None) => Way::Forward(url),
        _ if sockets.is_some() => {
            return Err(section.problem("`sockets` is for accounts with `url = \"ws://...\"`"));
        }
        (Some(Address::Http(url)), Some(_)) => Way::Http(url),
        (None, Some(_)) => Way::Reverse,
        (Some(Address::Socket(_)), Some(_)) => {
            return Err(
                section.problem("either we dial (`url`) or we are dialled (`listen`): leave one away")
            );
        }
        (Some(Address::Http(_)), None) => {
            return Err(section.problem("over HTTP events are posted: `listen` is missing").hint(
                "write `listen = \"/onebot/v11/http\"`, and set this host and path as the implementation's webhook; or use `ws://`",
            ));
        }
        (None, None) => {
            return Err(section.problem("`url` is missing, for example `url = \"ws://127.0.0.1:3001\"`").hint(
                "it is where NapCat, LLBot or another implementation listens for WebSockets; `listen = \"/onebot/v11/ws\"` is where it dials us",
            ));
        }
    };
    if listen.is_some() && token.is_none() {
        return Err(section
            .problem("`access_token` is missing: whoever reached `listen` could speak as the network")
            .hint("write a long random one here and in the implementation"));
    }
    if certificate.is_some() && !secure {
        return Err(
            section.problem("`certificate` is for accounts with `url = \"wss://...\"` or `\"https://...\"`")
        );
    }
    Ok(OneBotAccount { way, listen, token, certificate, pace, qq })
}

enum Address {
    Socket(SocketUrl),
    Http(HttpUrl),
}

impl Address {
    fn is_secure(&self) -> bool {
        let text = match self {
            Self::Socket(url) => url.to_string(),
            Self::Http(url) => url.to_string(),
        };
        text.starts_with("wss:") || text.starts_with("https:")
    }
}

fn read_url(value: &Value<'_>) -> Result<Address, Problem> {
    const RIGHT: &str = "the address of a OneBot implementation";
    let text = value.text(RIGHT)?;
    match text.starts_with("http:") || text.starts_with("https:") {
        true => value.parsed(RIGHT).map(Address::Http),
        false => value.parsed(RIGHT).map(Address::Socket),
    }
}

fn read_path(value: &Value<'_>) -> Result<String, Problem> {
    let text = value.text("a path, such as \"/onebot/v11/ws\"")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    let is_path = text.len() > 1 && text.len() <= 200 && text.starts_with('/') && text.chars().all(plain);
    if !is_path || text.ends_with('/') || text.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(
            value.problem("must be a path of letters, digits, `-`, `_` and `.`, such as \"/onebot/v11/ws\"")
        );
    }
    let below = |taken: &&'static str| {
        text.strip_prefix(*taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match TAKEN.into_iter().find(below) {
        Some(taken) => Err(value.problem(format!("lies below `{taken}`, which the host itself serves"))),
        None => Ok(text.to_owned()),
    }
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
        assert_eq!((plain.way, plain.listen), (Way::Forward("ws://127.0.0.1:3001".parse().unwrap()), None));
        assert_eq!((plain.token, plain.pace, plain.qq), (None, Pace::default(), None));
        assert_eq!(account("url = \"ws://h\"\nqq = 10001").qq, Some(10_001));
        let paced = account("url = \"wss://h\"\npace = \"20/min\"");
        assert_eq!(paced.pace, Pace { count: 20, per: Duration::from_secs(60) });
        let two = account("url = \"wss://h\"\nsockets = 2\ncertificate = \"napcat.pem\"");
        assert_eq!(two.way, Way::ForwardPair("wss://h".parse().unwrap()));
        assert_eq!(two.certificate, Some("etc/napcat.pem".into()));
        assert_eq!(account("url = \"wss://h\"\nsockets = 1").way, Way::Forward("wss://h".parse().unwrap()));
    }

    #[test]
    fn an_implementation_can_dial_us_or_be_called_over_http() {
        let reverse = account("listen = \"/onebot/v11/ws\"\naccess_token = \"x\"");
        assert_eq!((reverse.way, reverse.listen.as_deref()), (Way::Reverse, Some("/onebot/v11/ws")));
        let http = account("url = \"http://h:3000\"\nlisten = \"/onebot/v11/http\"\naccess_token = \"x\"");
        assert_eq!(http.way, Way::Http("http://h:3000".parse().unwrap()));
    }

    #[test]
    fn a_token_stands_in_the_file_beside_it_or_in_the_environment_and_is_never_printed() {
        let with = |token: &str| account(&format!("url = \"ws://h\"\naccess_token = {token}")).token;
        assert_eq!(with("\"s3cret\""), Some(SecretSource::Text("s3cret".into())));
        assert_eq!(with("{ file = \"token\" }"), Some(SecretSource::File("etc/token".into())));
        assert_eq!(with("{ env = \"TOKEN\" }"), Some(SecretSource::Env("TOKEN".into())));
        assert!(!format!("{:?}", with("\"s3cret\"")).contains("s3cret"));
    }

    #[test]
    fn what_is_wrong_is_named_and_says_what_is_right() {
        for (keys, message) in [
            ("network = \"onebot\"", "`url` is missing"),
            ("network = \"onebot\"\nurl = \"ftp://h\"", "write `ws://HOST:PORT`"),
            ("network = \"onebot\"\nurl = \"http://h\"", "`listen` is missing"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nlisten = \"/ws\"", "leave one away"),
            ("network = \"onebot\"\nlisten = \"/ws\"", "`access_token` is missing"),
            ("network = \"onebot\"\nlisten = \"/openqq/ws\"", "which the host itself serves"),
            ("network = \"onebot\"\nlisten = \"ws\"", "must be a path"),
            ("network = \"onebot\"\nlisten = \"/a/../b\"", "must be a path"),
            ("network = \"onebot\"\nlisten = \"/{any}\"", "must be a path"),
            ("network = \"onebot\"\nurl = \"ws://h/?access_token=x\"", "a secret does not belong into a URL"),
            ("network = \"onebot\"\nurl = \"ws://h\"\npace = \"0/s\"", "`pace` allows nothing"),
            ("network = \"onebot\"\nurl = \"ws://h\"\npace = \"fast\"", "`fast` is not a rate"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nacces_token = \"x\"", "did you mean `access_token`?"),
            ("network = \"onebot\"\nurl = \"ws://h\"\naccess_token = {}", "{ file = \"PATH\" }"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nseed = 7", "`seed` is for accounts on network `sim`"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nsockets = 3", "`sockets`"),
            ("network = \"onebot\"\nurl = \"ws://h\"\nqq = 7", "a whole number from 10000"),
            ("qq = 10001", "`qq` is for accounts on network `onebot`"),
            ("network = \"onebot\"\nlisten = \"/ws\"\naccess_token = \"x\"\nsockets = 2", "`sockets` is for"),
            ("network = \"onebot\"\nurl = \"ws://h\"\ncertificate = \"c.pem\"", "`certificate` is for"),
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
