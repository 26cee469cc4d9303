//! `mynah why`: one event of a running host explained.

use clap::Args;
use serde_json::Value as Json;

use crate::client::HostUrl;
use crate::exit::Failure;
use crate::{output, run};

/// Which event.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The number of the event; `mynah say` prints it, and `mynah journal` after `on`.
    seq: u64,
    /// Print it as a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostUrl,
}

/// Prints the explanation.
pub(crate) fn main(args: WhyArgs) -> Result<(), Failure> {
    let path = format!("/api/v1/events/{}/why", args.seq);
    let answer = run::tokio_runtime()?.block_on(async { args.host.client()?.get(&path, &[]).await })?;
    if args.json {
        return output::print(&format!("{}\n", answer.get("why").unwrap_or(&answer)));
    }
    let lines = answer.get("lines").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    output::print(&lines.iter().filter_map(Json::as_str).map(|line| format!("{line}\n")).collect::<String>())
}
