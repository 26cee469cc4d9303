//! start_client, check_client, get_qrcode: several accounts in one host, as the originals' controllers offer them.
//!
//! The originals run a process for each account; here accounts are tasks of one host, so `pid` and `port` are the
//! host's. These work in every state of an account. `stop_client` is with what concerns one account, in `client`.

use std::sync::Arc;

use mynah_model::names::AccountName;
use mynah_networks::sim::LoginMode;
use mynah_runtime::{Account, ApiKind, Host, HostError, NewAccount, Started};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::answer::Answer;
use crate::params::Params;

/// What can be called under the prefix of either API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    StartClient,
    CheckClient,
    GetQrcode,
}

/// Parameters that every call may have, and those that start_client understands.
const KNOWN: [&str; 8] = ["client", "datatype", "callback", "key", "api", "login", "seed", "network"];

/// What the operator alone says of an account's reports: a new account that silently had none of it would be no use.
const OF_THE_OPERATOR: [&str; 8] = [
    "dialect",
    "poll_api",
    "post_api",
    "post_event",
    "post_event_list",
    "post_media_data",
    "post_message_filter",
    "post_stdout",
];

impl Control {
    /// The endpoint of a name, `check_client`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "start_client" => Some(Self::StartClient),
            "check_client" => Some(Self::CheckClient),
            "get_qrcode" => Some(Self::GetQrcode),
            _ => None,
        }
    }

    /// Answers a call; `chosen` is the account that it means, if there is one. To a caller there are no accounts but
    /// those that they may use, and they make no others.
    pub(crate) async fn answer(
        self,
        host: &Host,
        api: ApiKind,
        params: &Params,
        caller: &Caller,
        chosen: Option<Arc<Account>>,
    ) -> Answer {
        match (self, chosen) {
            (Self::StartClient, chosen) => start(host, api, params, caller, chosen).await,
            (Self::CheckClient, _) if params.get("client").is_none() => {
                let mut accounts = host.accounts();
                accounts.retain(|account| caller.may_use(account.name()));
                check(&accounts)
            }
            (_, None) => Answer::error(100, "client not found"),
            (Self::CheckClient, Some(account)) => check(&[account]),
            (Self::GetQrcode, Some(account)) => qrcode(&account),
        }
    }
}

async fn start(
    host: &Host,
    api: ApiKind,
    params: &Params,
    caller: &Caller,
    chosen: Option<Arc<Account>>,
) -> Answer {
    let name = match (&chosen, params.get("client")) {
        (Some(account), _) => account.name().clone(),
        (None, None) => return Answer::error(100, "client not found"),
        (None, Some(name)) => match name.parse::<AccountName>() {
            Ok(name) if caller.may_use(&name) => name,
            Ok(_) => return Answer::error(100, "client not found"),
            Err(error) => return Answer::error(400, error.to_string()),
        },
    };
    let new = match new_account(api, params) {
        Ok(new) => new,
        Err(why) => return Answer::error(400, why),
    };
    if let (None, Some(setting)) = (&chosen, OF_THE_OPERATOR.iter().find(|name| params.get(name).is_some())) {
        let why = format!(
            "`{setting}` is for mynah.toml: write it under `[client]`, for all accounts that callers make, or under `[[account]]` with `name = \"{name}\"`"
        );
        return Answer::error(400, why);
    }
    // The documents' own example gives `log_level`: what has no meaning here is named, not refused.
    let exists = chosen.is_some();
    let ignored: Vec<&str> = params
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !KNOWN.contains(name) || exists && matches!(*name, "api" | "login" | "seed"))
        .collect();
    match host.start_account(&name, Some(new)).await {
        Ok((account, started)) => {
            let status = match started {
                Started::Now => "success",
                Started::Already => "client already exists",
            };
            let mut answer = brief(&account);
            put(&mut answer, "code", 0.into());
            put(&mut answer, "status", status.into());
            if !ignored.is_empty() {
                put(&mut answer, "ignored", ignored.into());
            }
            Answer::Json(answer)
        }
        Err(error) => not_started(&name, &error),
    }
}

fn not_started(name: &AccountName, error: &HostError) -> Answer {
    let (code, status) = match error {
        HostError::AlmostTheSame { .. } => return Answer::error(400, error.to_string()),
        HostError::Store(_) | HostError::Stopping => return Answer::Busy(error.to_string()),
        HostError::TooManyClients { .. } | HostError::TooManyAccounts => (2, "too many clients"),
        _ => (3, "failure"),
    };
    tracing::warn!(account = %name, %error, "an account was not started");
    Answer::Json(
        json!({ "code": code, "status": status, "client": name.as_str(), "info": error.to_string() }),
    )
}

/// What a caller may say of an account that there is not yet. Where its people come from is not for callers to say:
/// that would have the host read a file of their choice.
fn new_account(api: ApiKind, params: &Params) -> Result<NewAccount, String> {
    let choice = |name: &str, words: &[&str]| match params.get(name) {
        None => Ok(None),
        Some(given) => match words.iter().position(|word| *word == given) {
            Some(place) => Ok(Some(place)),
            None => {
                let given: String = given.chars().take(64).collect();
                Err(format!("`{name}` is `{given}`: give {}", words.join(" or ")))
            }
        },
    };
    if params.get("roster").is_some() {
        return Err("`roster` is for mynah.toml only: a caller gives `api`, `login` and `seed`".to_owned());
    }
    choice("network", &["sim"])?;
    let api = match choice("api", &["openqq", "openwx"])? {
        Some(0) => ApiKind::Openqq,
        Some(_) => ApiKind::Openwx,
        None => api,
    };
    let login = match choice("login", &["immediate", "qrcode"])? {
        Some(0) | None => LoginMode::Immediate,
        Some(_) => LoginMode::QrCode,
    };
    let seed = match params.get("seed") {
        None => 1,
        Some(given) => given
            .parse::<u64>()
            .ok()
            .filter(|seed| i64::try_from(*seed).is_ok())
            .ok_or_else(|| format!("`seed` is not a whole number from 0 to {}", i64::MAX))?,
    };
    Ok(NewAccount { api, login, seed })
}

fn check(accounts: &[Arc<Account>]) -> Answer {
    let clients: Result<Vec<Value>, _> =
        accounts.iter().map(|account| serde_json::to_value(account.client_state())).collect();
    match clients {
        Ok(clients) => Answer::Json(json!({ "code": 0, "status": "success", "client": clients })),
        Err(error) => Answer::Busy(error.to_string()),
    }
}

fn qrcode(account: &Account) -> Answer {
    match account.login_code() {
        Some(code) => Answer::Picture(code.picture().to_vec()),
        None => {
            let state = account.state().as_str();
            Answer::Json(json!({
                "code": 100,
                "status": format!("qrcode not found: client is {state}, and shows one while it is scaning"),
                "account": account.name().as_str(),
                "state": state,
            }))
        }
    }
}

/// An account as the originals' controllers answer with it.
pub(crate) fn brief(account: &Account) -> Value {
    let state = account.client_state();
    json!({
        "client": state.account,
        "account": state.account,
        "pid": state.pid,
        "port": state.port,
        "state": state.state,
    })
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(query: &str) -> Result<NewAccount, String> {
        new_account(ApiKind::Openqq, &Params::of_query(query).unwrap())
    }

    #[test]
    fn a_caller_says_api_login_and_seed_and_nothing_that_names_a_file() {
        let default = NewAccount { api: ApiKind::Openqq, login: LoginMode::Immediate, seed: 1 };
        assert_eq!(new("client=a&log_level=debug"), Ok(default));
        let all = NewAccount { api: ApiKind::Openwx, login: LoginMode::QrCode, seed: 7 };
        assert_eq!(new("api=openwx&login=qrcode&seed=7&network=sim"), Ok(all));
        for (query, named) in [
            ("roster=/etc/passwd", "`roster`"),
            ("api=wx", "openqq or openwx"),
            ("login=no", "immediate or qrcode"),
            ("network=onebot", "sim"),
            ("seed=-1", "`seed`"),
            ("seed=1.5", "`seed`"),
            ("seed=9223372036854775808", "`seed`"),
        ] {
            assert!(new(query).unwrap_err().contains(named), "{query}");
        }
    }
}
