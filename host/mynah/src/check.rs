//! `mynah check`: whether a component can be loaded, what it asks for, and what to write to grant it.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use mynah_engine::{Engine, EngineConfig, ImportGrants};
use mynah_model::action::ActionBody;
use mynah_model::names::ScriptName;
use mynah_model::script::{Filter, ScriptInfo};
use mynah_runtime::ScriptSetup;
use serde::Serialize;

use crate::config::{Config, IMPORTS};
use crate::exit::Failure;
use crate::output;

/// Admits the component as a host would, with every import granted, and shows what that says.
pub(crate) fn main(config: &Config, file: &Path) -> Result<(), Failure> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // As cargo leaves it in its target folder, before `mynah build` or anybody else gave it its name.
    let name: ScriptName = stem
        .replace('_', "-")
        .parse()
        .map_err(|error| Failure::usage(error).hint("the file's name is the script's name: `NAME.wasm`"))?;
    let bytes =
        std::fs::read(file).with_context(|| format!("the component cannot be read: {}", file.display()))?;
    let setup = config.scripts.get(&name).cloned().unwrap_or_default();
    let engine = Engine::new(EngineConfig::default()).map_err(anyhow::Error::from)?;
    let all = ImportGrants { kv: true, kv_shared: true, roster: true };
    let release = engine.admit(&name, &bytes, &all, &setup.limits)?;
    let missing = missing(&release.info, &setup);
    let mut text = describe(&name, &release.info);
    let _ = writeln!(text, "release   sha256:{}", release.id.hex());
    let imports: Vec<_> = release.imports.iter().filter_map(|import| ours(import)).collect();
    let imports = if imports.is_empty() { "none".into() } else { imports.join(", ") };
    let _ = writeln!(text, "imports   {imports}");
    text += &grants(&name, &release.info, &missing);
    output::print(&text)
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
    for ask in &info.asks {
        let _ = writeln!(text, "asks      {}: {}", ask.name, ask.reason);
    }
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

/// What the script asks for and does not have.
fn missing<'a>(info: &'a ScriptInfo, setup: &ScriptSetup) -> Vec<&'a str> {
    let has = |ask: &str| match ask {
        "kv" => setup.imports.kv,
        "kv-shared" => setup.imports.kv_shared,
        "roster" => setup.imports.roster,
        "fetch" => !setup.grants.fetch.origins.is_empty(),
        action => action == "stop" || setup.grants.allow.contains(action),
    };
    info.asks.iter().map(|ask| ask.name.as_str()).filter(|ask| !has(ask)).collect()
}

/// The lines of `mynah.toml` that grant everything that is asked for.
fn grants(name: &ScriptName, info: &ScriptInfo, missing: &[&str]) -> String {
    if missing.is_empty() {
        return format!("\n`{name}` may do all that it asks for.\n");
    }
    let asked = |known: &[&str]| {
        let asks = info.asks.iter().map(|ask| ask.name.as_str()).filter(|ask| known.contains(ask));
        asks.map(|ask| format!("\"{ask}\"")).collect::<Vec<_>>().join(", ")
    };
    let mut lines = format!(
        "\nIt may not: {}. To grant all that it asks for, write in mynah.toml:\n\n[script.{name}]\nallow = [{}]\n",
        missing.join(", "),
        asked(&ActionBody::NAMES.into_iter().filter(|action| *action != "fetch").collect::<Vec<_>>())
    );
    if info.asks.iter().any(|ask| ask.name == "fetch") {
        lines += "fetch = [\"https://HOST\"]  # each place that it may fetch from\n";
    }
    let imports = asked(&IMPORTS);
    if !imports.is_empty() {
        let _ = writeln!(lines, "imports = [{imports}]");
    }
    lines
}
