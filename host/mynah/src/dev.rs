//! `mynah dev`: the host of whoever writes scripts. Builds their sources, runs them, builds again what is changed, and
//! is a chat prompt meanwhile.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mynah_model::clock::SystemClock;

use crate::config::Config;
use crate::exit::Failure;
use crate::output;
use crate::prompt::{self, Ended};
use crate::run::{self, Running};
use crate::watch::Watch;

/// Runs until it is told to stop.
pub(crate) fn main(mut config: Config) -> Result<(), Failure> {
    output::log_to_stderr("info");
    if let Some(account) = config.accounts.iter().find(|account| account.reports.post_stdout) {
        let text =
            format!("account `{}` has `post_stdout`, and stdout is the prompt of `mynah dev`", account.name);
        return Err(Failure::usage(text).hint("use `mynah run`, or take `post_stdout` away"));
    }
    // Whoever saves the source of a script knows what it asks for.
    config.own_builds = true;
    let mut watch = Watch::new(Path::new("."), &config.scripts_dir, &config.data_dir)?;
    watch.build();
    run::tokio_runtime()?.block_on(async {
        let running = Running::start(config, Arc::new(SystemClock)).await?;
        // The thread ends with the process: a build that is under way is of no use to anybody then.
        std::thread::Builder::new()
            .name("mynah-sources".into())
            .spawn(move || watch.run())
            .context("the sources cannot be watched")?;
        let talk = async {
            match prompt::run(&running).await? {
                Ended::Quit => Ok::<_, Failure>(()),
                // Nobody types any more; the API goes on.
                Ended::InputOver => std::future::pending().await,
            }
        };
        tokio::select! {
            result = talk => result?,
            result = run::signal() => result?,
            () = running.over() => {}
        }
        tracing::info!("stopping");
        running.stop().await;
        Ok(())
    })
}
