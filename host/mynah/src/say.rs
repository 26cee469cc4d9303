//! `mynah say`: a person on the embedded network of a running host says something.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use mynah_model::roster::{Person, Roster};
use mynah_networks::roster_file;
use serde_json::{Value as Json, json};

use crate::client::{Client, HostUrl};
use crate::exit::Failure;
use crate::{output, people, run};

/// What is said, where, by whom, and on which host.
#[derive(Debug, Args)]
pub(crate) struct SayArgs {
    /// In this group: id, number or name.
    #[arg(long, value_name = "ID", group = "chat")]
    group: Option<String>,
    /// In this discuss: id or name.
    #[arg(long, value_name = "ID", group = "chat")]
    discuss: Option<String>,
    /// By this friend, to the account: id, number or name.
    #[arg(long, value_name = "ID", group = "chat")]
    friend: Option<String>,
    /// Who says it: id, number, card or name. In a group or discuss.
    #[arg(long = "as", value_name = "NAME")]
    sender: Option<String>,
    /// The account, if the host has several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    host: HostUrl,
    /// What is said; several words need no quotes.
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
}

/// Says it, and prints the number of its event.
pub(crate) fn main(args: SayArgs) -> Result<(), Failure> {
    let seq = run::tokio_runtime()?.block_on(say(args))?;
    output::print(&format!("{seq}\n"))
}

async fn say(args: SayArgs) -> Result<Json, Failure> {
    let host = args.host.client()?;
    let account = host.account(args.account.as_deref()).await?;
    let body = match (&args.group, &args.discuss, &args.friend) {
        (Some(group), None, None) => {
            let roster = host.roster(&account, "groups", "get_group_info").await?;
            let group = people::group(&roster, group).map_err(Failure::usage)?;
            let sender = sender(&args.sender, |given| people::person(&group.members, given))?;
            json!({ "group": group.id, "sender": sender, "text": args.text.join(" ") })
        }
        (None, Some(discuss), None) => {
            let roster = host.roster(&account, "discusses", "get_discuss_info").await?;
            let discuss = people::discuss(&roster, discuss).map_err(Failure::usage)?;
            let sender = sender(&args.sender, |given| people::person(&discuss.members, given))?;
            json!({ "discuss": discuss.id, "sender": sender, "text": args.text.join(" ") })
        }
        (None, None, Some(friend)) => {
            let roster = host.roster(&account, "friends", "get_friend_info").await?;
            let friend = people::person(&roster.friends, friend).map_err(Failure::usage)?;
            json!({ "friend": friend.id, "text": args.text.join(" ") })
        }
        _ => return Err(Failure::usage("say where: `--group ID`, `--discuss ID` or `--friend ID`")),
    };
    let answer = host.call(&format!("/api/v1/accounts/{account}/sim/say"), Some(&body)).await?;
    answer.get("seq").cloned().ok_or_else(|| Failure::failed("the host's answer has no `seq`"))
}

/// The id of who says it.
fn sender<'a>(
    given: &Option<String>,
    find: impl Fn(&str) -> Result<&'a Arc<Person>, String>,
) -> Result<&'a str, Failure> {
    let given = given.as_deref().ok_or_else(|| Failure::usage("who says it? Add `--as NAME`"))?;
    Ok(&find(given).map_err(Failure::usage)?.id)
}

impl Client {
    /// The account that is meant, or the first one on the embedded network. It must be at work.
    async fn account(&self, wanted: Option<&str>) -> Result<String, Failure> {
        let accounts = self.call("/api/v1/accounts", None).await?;
        let field = |account: &Json, name: &str| account.get(name).and_then(Json::as_str).map(str::to_owned);
        let is_meant = |account: &&Json| match wanted {
            Some(name) => field(account, "name").as_deref() == Some(name),
            None => field(account, "network").as_deref() == Some("sim"),
        };
        let Some(account) = accounts.as_array().and_then(|accounts| accounts.iter().find(is_meant)) else {
            return Err(match wanted {
                Some(name) => Failure::usage(format!("the host has no account `{name}`")),
                None => Failure::failed("the host has no account on the embedded network"),
            });
        };
        let name =
            field(account, "name").ok_or_else(|| Failure::failed("an account of the host has no name"))?;
        match field(account, "state").as_deref() {
            Some("running") => Ok(name),
            state => {
                let failure =
                    Failure::failed(format!("account `{name}` is {}, not running", state.unwrap_or("away")));
                Err(failure.hint(format!("{}/readyz says when the host is at work", self.url)))
            }
        }
    }

    /// A part of what an account knows.
    async fn roster(&self, account: &str, part: &str, endpoint: &str) -> Result<Roster, Failure> {
        let user = self.call(&format!("/openqq/get_user_info?client={account}&v=2"), None).await?;
        let rows = self.call(&format!("/openqq/{endpoint}?client={account}&v=2"), None).await?;
        let roster = json!({ "user": user, part: rows });
        Ok(roster_file::parse(roster.to_string().as_bytes(), endpoint)
            .context("the host's answer is no roster")?)
    }
}
