//! A running host, as a command talks to it: over its HTTP API.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::{Response, StatusCode};
use serde_json::Value as Json;

use crate::config::DEFAULT_LISTEN;
use crate::exit::{Exit, Failure};

/// The variable of the environment that holds the secret of a key.
const KEY: &str = "MYNAH_KEY";

/// How long reaching the host may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Which host.
#[derive(Debug, Args)]
pub(crate) struct HostUrl {
    /// The running host. If it has keys: the variable MYNAH_KEY holds the secret of one for `openqq` and `admin`.
    #[arg(long, value_name = "URL", default_value_t = format!("http://{DEFAULT_LISTEN}"))]
    host: String,
}

impl HostUrl {
    /// A client of it.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client {
            url: self.host.trim_end_matches('/').to_owned(),
            http: mynah_api::remote::client(CONNECT).context("no HTTP client can be made")?,
            // Not an option: what stands on a command line is seen by everybody on the machine.
            key: std::env::var(KEY).ok().filter(|key| !key.is_empty()),
        })
    }
}

/// A client of a running host.
pub(crate) struct Client {
    /// Where it is, without a slash at the end.
    pub(crate) url: String,
    http: reqwest::Client,
    key: Option<String>,
}

impl Client {
    /// Gets, or posts a body.
    pub(crate) async fn call(&self, path: &str, body: Option<&Json>) -> Result<Json, Failure> {
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.http.post(&url).json(body),
            None => self.http.get(&url),
        };
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Json, Failure> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = request.send().await.map_err(|error| {
            let failure = Failure::failed(format!("no host answers at {}", self.url));
            let failure = Failure { error: failure.error.context(error.to_string()), ..failure };
            failure.hint("`mynah run` or `mynah dev` starts one; `--host URL` names another")
        })?;
        understand(answer).await
    }

    /// Gets a path with a query.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Json, Failure> {
        self.send(self.http.get(format!("{}{path}", self.url)).query(query)).await
    }
}

/// The answer's JSON, or the host's own words for why not.
async fn understand(answer: Response) -> Result<Json, Failure> {
    let status = answer.status();
    let text = answer.text().await.context("the host's answer was cut short")?;
    if status.is_success() {
        return Ok(serde_json::from_str(&text).context("the host's answer is not JSON: is it a mynah?")?);
    }
    let said: Json = serde_json::from_str(&text).unwrap_or_default();
    let said = said.get("error").unwrap_or(&said);
    let field = |name: &str| said.get(name).and_then(Json::as_str);
    let why = match (field("code"), field("text")) {
        (Some(code), Some(text)) => format!("{code}: {text}"),
        _ => format!("{status}: {}", text.trim()),
    };
    let failure = Failure { exit: Exit::Refused, ..Failure::failed(why) };
    Err(match field("hint") {
        _ if status == StatusCode::UNAUTHORIZED => {
            failure.hint(format!("put the secret of a key for `openqq` and `admin` into the variable {KEY}"))
        }
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}
