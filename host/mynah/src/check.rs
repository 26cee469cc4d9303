//! `mynah check`: whether a component can be loaded, what it asks for and has, and what to write to grant the rest; or
//! whether a host could start with a configuration, and which scripts would be live.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use mynah_engine::{Engine, EngineConfig, ImportGrants, Limits};
use mynah_model::names::ScriptName;
use mynah_model::refusal::Refusal;
use mynah_model::script::{Ask, Filter, ScriptInfo};
use mynah_runtime::script_detail::{AskStatus, asks, lines};
use mynah_runtime::{ScriptSetup, Update};
use mynah_store::Reader;
use serde::Serialize;

use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::run::{self, DATABASE};
use crate::{output, rules};

/// Checks a component, or a configuration.
pub(crate) fn main(args: &ConfigArgs, file: Option<&Path>) -> Result<(), Failure> {
    let is_config = |file: &Path| file.extension().is_some_and(|extension| extension == "toml");
    match file {
        Some(file) if is_config(file) => {
            if args.file().is_some() {
                let failure = Failure::usage("two configurations are named");
                return Err(failure.hint("`mynah check FILE.toml` needs no `--config`"));
            }
            configuration(&Config::load(Some(file))?)
        }
        Some(file) => component(&args.load()?, file),
        None => configuration(&args.load()?),
    }
}

/// Does everything that a start does before anything is started, and loads every script.
fn configuration(config: &Config) -> Result<(), Failure> {
    run::verify(config)?;
    let engine = engine()?;
    let mut found: BTreeMap<String, Result<Vec<u8>, String>> =
        rules::embedded().into_iter().map(|(name, bytes)| (name.to_string(), Ok(bytes.to_vec()))).collect();
    for file in std::fs::read_dir(&config.scripts_dir).into_iter().flatten().flatten() {
        let path = file.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.starts_with('.'));
        let stem = stem.filter(|_| path.extension().is_some_and(|it| it.eq_ignore_ascii_case("wasm")));
        if let Some(stem) = stem {
            found.insert(stem.to_owned(), read(&path, Limits::default().component));
        }
    }
    let mut text = match &config.file {
        Some(file) => format!("{} can be used\n\n", file.display()),
        None => "there is no mynah.toml here: a host starts with the defaults\n\n".to_owned(),
    };
    let width = found.keys().map(String::len).max().unwrap_or_default();
    let mut wrong = 0;
    for (stem, bytes) in &found {
        let setup = config.scripts.get(stem.as_str()).cloned().unwrap_or_default();
        let says = match try_out(&engine, stem, bytes, &setup) {
            Ok(info) => verdict(&info, &setup),
            Err(why) => {
                wrong += 1;
                why
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{stem:width$}  {says}");
    }
    for name in config.scripts.keys().filter(|name| !found.contains_key(name.as_str())) {
        let _ =
            writeln!(text, "{name:width$}  there is no such script: neither a file nor one of those inside");
    }
    output::print(&text)?;
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure {
            exit: Exit::Refused,
            error: anyhow::anyhow!("{wrong} of {} scripts would not be live", found.len()),
            hint: Some("`mynah check FILE` says more of one".into()),
        }),
    }
}

fn try_out(
    engine: &Engine,
    stem: &str,
    bytes: &Result<Vec<u8>, String>,
    setup: &ScriptSetup,
) -> Result<ScriptInfo, String> {
    let name: ScriptName = stem.parse().map_err(|error| format!("{error}"))?;
    let bytes = bytes.as_ref().map_err(Clone::clone)?;
    let told = |refusal: Refusal| match refusal.hint.clone() {
        Some(hint) => format!("{refusal} (hint: {hint})"),
        None => refusal.to_string(),
    };
    setup.try_out(engine, &name, bytes).map(|release| release.info.clone()).map_err(told)
}

/// What would become of a script that can be loaded.
fn verdict(info: &ScriptInfo, setup: &ScriptSetup) -> String {
    let mode = if setup.grants.listed { setup.grants.mode.as_str() } else { "not listed: live on sim only" };
    let missing: Vec<_> = asks(info, setup).into_iter().filter(|ask| !ask.granted).collect();
    // What a shipped rule asks for is its own on the embedded network, so nothing is missing there.
    if missing.is_empty() || !setup.grants.listed {
        return mode.to_owned();
    }
    let missing: Vec<_> = missing.iter().map(|ask| ask.name.as_str()).collect();
    format!("{mode}; asks for and may not: {}", missing.join(", "))
}

fn engine() -> Result<Engine, Failure> {
    Ok(Engine::new(EngineConfig::default()).map_err(anyhow::Error::from)?)
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > most as u64 {
        return Err(format!("limit.size: the component has {size} bytes; it may have {most}"));
    }
    std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}

/// Admits the component as a host would, with every import granted, and shows what that says.
fn component(config: &Config, file: &Path) -> Result<(), Failure> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // As cargo leaves it in its target folder, before `mynah build` or anybody else gave it its name.
    let name: ScriptName = stem
        .replace('_', "-")
        .parse()
        .map_err(|error| Failure::usage(error).hint("the file's name is the script's name: `NAME.wasm`"))?;
    let bytes =
        std::fs::read(file).with_context(|| format!("the component cannot be read: {}", file.display()))?;
    let setup = config.scripts.get(&name).cloned().unwrap_or_default();
    let release = engine()?.admit(&name, &bytes, &ImportGrants::ALL, &setup.limits)?;
    let mut text = describe(&name, &release.info);
    let _ = writeln!(text, "release   sha256:{}", release.id.hex());
    if let Some(pin) = setup.pin.filter(|pin| *pin != release.id) {
        let _ = writeln!(text, "          not the one that is pinned: sha256:{}", pin.hex());
    }
    let imports: Vec<_> = release.imports.iter().filter_map(|import| ours(import)).collect();
    let imports = if imports.is_empty() { "none".into() } else { imports.join(", ") };
    let _ = writeln!(text, "imports   {imports}");
    let asks = asks(&release.info, &setup);
    text += &asked(&asks);
    text += &in_force(&setup);
    text += &refused(&config.data_dir.join(DATABASE), &name, &release.info.asks);
    let missing: Vec<_> = asks.iter().filter(|ask| !ask.granted).map(|ask| ask.name.as_str()).collect();
    text += &match missing.as_slice() {
        [] => format!("\n`{name}` may do all that it asks for.\n"),
        missing => format!(
            "\nIt may not: {}. To grant all that it asks for, write in mynah.toml:\n\n{}",
            missing.join(", "),
            lines(&name, &release.info, &setup)
        ),
    };
    output::print(&text)
}

/// What a script asks for, why, and whether it has it.
fn asked(asks: &[AskStatus]) -> String {
    let mut text = String::new();
    for AskStatus { name, reason, granted } in asks {
        let granted = if *granted { "granted" } else { "not granted" };
        let _ = writeln!(text, "asks      {name} ({granted}): {reason}");
    }
    text
}

/// What the operator set, and the limits.
fn in_force(setup: &ScriptSetup) -> String {
    let grants = &setup.grants;
    let mut text = String::new();
    let mode =
        if grants.listed { grants.mode.as_str() } else { "not listed: live on sim, dry-run elsewhere" };
    let _ = writeln!(text, "mode      {mode}");
    let chats: Vec<_> = grants.chats.iter().map(ToString::to_string).collect();
    let chats =
        if chats.is_empty() { "every chat; acts in the event's own".into() } else { chats.join(", ") };
    let _ = writeln!(text, "chats     {chats}");
    let budget: Vec<_> =
        grants.budgets().map(|(what, rate)| format!("{what} {}", String::from(rate))).collect();
    let _ = writeln!(text, "budget    {}", budget.join(", "));
    let update = match setup.update {
        Update::Auto => "auto: one that asks for more waits",
        Update::Hold => "hold: every new one waits",
    };
    let _ = writeln!(text, "update    {update}");
    let _ = writeln!(text, "on-fault  {}", grants.on_fault.as_str());
    for row in setup.limits.rows() {
        let key = row.key.map(|key| format!("; `{key}` changes it")).unwrap_or_default();
        let code = row.code.map(|code| format!(" ({code}{key})")).unwrap_or_default();
        let _ = writeln!(text, "limit     {}: {}{code}", row.limit, row.allows);
    }
    text
}

/// What a script of this name was refused in this data folder so far.
fn refused(database: &Path, name: &ScriptName, asks: &[Ask]) -> String {
    if !database.exists() {
        return String::new();
    }
    match Reader::beside(database).and_then(|reader| reader.refused(name)) {
        Ok(counts) => {
            let reason = |action: &str| match asks.iter().find(|ask| ask.name == action) {
                Some(ask) => format!(" ({})", ask.reason),
                None => " (which it does not ask for)".to_owned(),
            };
            let line = |(action, code, count): (String, String, u64)| {
                format!("refused   {action}: {code}, {count} times{}\n", reason(&action))
            };
            counts.into_iter().map(line).collect()
        }
        Err(error) => format!("refused   unknown: {error}\n"),
    }
}

/// An import by the word that a grant has for it: `mynah:script/kv-shared@0.1.0` is `kv-shared`. Those that carry types
/// and nothing else, and what every component imports of the system, are left out.
fn ours(import: &str) -> Option<&str> {
    let (name, _) = import.strip_prefix("mynah:script/")?.split_once('@')?;
    (!name.ends_with("types")).then_some(name)
}

/// What the script says of itself.
fn describe(name: &ScriptName, info: &ScriptInfo) -> String {
    let mut text = format!("{name}");
    // Writing to a string cannot fail.
    if !info.version.is_empty() {
        let _ = write!(text, " {}", info.version);
    }
    let _ = writeln!(text, "\n  {}\n", info.summary);
    for command in &info.commands {
        let usage = format!("/{} {}", command.name, command.usage);
        let _ = writeln!(text, "command   {}  {}", usage.trim_end(), command.help);
    }
    let wants: Vec<_> = info.wants.iter().map(filter).collect();
    let wants = if wants.is_empty() { "every event but message-sent".into() } else { wants.join("; or ") };
    let _ = writeln!(text, "wants     {wants}");
    text
}

/// The names of cases, as they stand in the contract.
fn words<T: Serialize>(cases: &[T]) -> String {
    let json = cases.iter().filter_map(|case| serde_json::to_value(case).ok());
    json.filter_map(|case| case.as_str().map(str::to_owned)).collect::<Vec<_>>().join(" or ")
}

fn filter(filter: &Filter) -> String {
    let mut parts = Vec::new();
    if !filter.events.is_empty() {
        parts.push(words(&filter.events));
    }
    if !filter.chats.is_empty() {
        parts.push(format!("in {}", words(&filter.chats)));
    }
    if !filter.commands.is_empty() {
        parts.push(format!("with /{}", filter.commands.join(" or /")));
    }
    if !filter.pattern_sets.is_empty() {
        parts.push(format!("with a match in {}", filter.pattern_sets.join(" or ")));
    }
    if parts.is_empty() { "everything".into() } else { parts.join(" ") }
}
