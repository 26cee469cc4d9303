//! The command line: what can be typed, and which part does it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config};
use crate::exit::{self, Failure};
use crate::{build, check, dev, explain, journal, new, pause, run, say, why};

/// Scripts chat accounts with sandboxed WebAssembly rules.
#[derive(Debug, Parser)]
#[command(name = "mynah", version, after_help = exit::HELP, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host until it is told to stop (Ctrl-C, SIGTERM).
    Run(HostArgs),
    /// Build the scripts' sources, run the host with them, and build again what is changed. In a terminal: a chat prompt.
    Dev(HostArgs),
    /// Build the scripts' sources into the scripts folder.
    Build {
        /// Scripts to build; all of this folder if none is named.
        names: Vec<String>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Begin a script: a crate that builds, tests and answers, in a new folder.
    New {
        /// The script's name: lower case letters, digits and `-`.
        name: String,
    },
    /// Say whether a component can be loaded, what it asks for and why, what it has, and what to write to grant the rest. Of
    /// `mynah.toml`: whether a host could start with it, and which scripts would be live.
    Check {
        /// The component, or a configuration (`*.toml`); without it, the configuration.
        file: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Say something as a person on the embedded network of a running host.
    Say(say::SayArgs),
    /// List what was asked of a running host, by whom, and what became of it.
    Journal(journal::JournalArgs),
    /// Explain an event of a running host: who was called for it, what was decided, granted and delivered, and why not.
    Why(why::WhyArgs),
    /// Have a running host note down and not do what it is asked for: all of it, or of one script or chat. At once.
    Pause(pause::PauseArgs),
    /// End pauses: all of them, or of one script or chat.
    Resume(pause::PauseArgs),
    /// Explain a code, such as `budget.exhausted`; all of them if none is named.
    Explain {
        /// The code.
        code: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration; without it `mynah.toml` in this folder, and without that the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.config.as_deref())?)
    }

    /// The file that is named, if one is.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Listen here instead of where the configuration says; port 0 is any free one. May be repeated.
    #[arg(long, value_name = "ADDR", value_parser = config::parse_listen)]
    listen: Vec<SocketAddr>,
    /// Keep everything in this folder instead of where the configuration says.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl HostArgs {
    /// The configuration with what the command line says over it.
    fn load(self) -> Result<Config, Failure> {
        let mut config = self.config.load()?;
        if !self.listen.is_empty() {
            config.listen = self.listen.into_iter().map(Into::into).collect();
        }
        if let Some(data_dir) = self.data_dir {
            config.data_dir = data_dir;
        }
        config.check_exposure()?;
        Ok(config)
    }
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    mynah_runtime::crypto::install();
    let outcome = match Cli::parse().command {
        Command::Run(args) => args.load().and_then(run::main),
        Command::Dev(args) => args.load().and_then(dev::main),
        Command::Build { names, config } => config.load().and_then(|config| build::main(&config, &names)),
        Command::New { name } => new::main(&name),
        Command::Check { file, config } => check::main(&config, file.as_deref()),
        Command::Say(args) => say::main(args),
        Command::Journal(args) => journal::main(args),
        Command::Why(args) => why::main(args),
        Command::Pause(args) => pause::pause(args),
        Command::Resume(args) => pause::resume(args),
        Command::Explain { code } => explain::main(code.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
