//! What a component may import, by name, before it is compiled: what every script has, what needs a grant,
//! and what no script ever has, with what to use instead.

use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use serde::Deserialize;

use crate::wasi;

/// The version of the contract that this host speaks.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// The SDK that makes scripts for [`CONTRACT_VERSION`].
const SDK: &str = "mynah-sdk 0.1";

const CONTRACT: &str = "mynah:script/";
const ALWAYS: [&str; 7] = ["types", "log", "config", "kv-types", "patterns", "clock", "random"];

/// The imports that an operator grants, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportGrants {
    /// The state of the script in each chat. Granted unless it is taken away: it is small.
    pub kv: bool,
    /// The state that all chats of the script share.
    pub kv_shared: bool,
    /// Look-ups of friends, groups and members.
    pub roster: bool,
}

impl Default for ImportGrants {
    fn default() -> Self {
        Self { kv: true, kv_shared: false, roster: false }
    }
}

impl ImportGrants {
    /// The names that a grant can have, as the contract spells them.
    pub const NAMES: [&'static str; 3] = ["kv", "kv-shared", "roster"];

    /// Everything.
    pub const ALL: Self = Self { kv: true, kv_shared: true, roster: true };

    /// Whether an interface of the contract is granted; `None` if grants do not speak of it.
    pub fn grants(&self, interface: &str) -> Option<bool> {
        match interface {
            "kv" => Some(self.kv),
            "kv-shared" => Some(self.kv_shared),
            "roster" => Some(self.roster),
            _ => None,
        }
    }
}

/// Says why a component with these imports does not load, if it does not.
pub(crate) fn check(name: &ScriptName, imports: &[String], grants: &ImportGrants) -> Result<(), Refusal> {
    let mut missing: Vec<&str> = Vec::new();
    for import in imports {
        let (interface, version) = import.split_once('@').unwrap_or((import, ""));
        if let Some(interface) = interface.strip_prefix(CONTRACT) {
            check_contract(import, interface, version)?;
            if grants.grants(interface) == Some(false) {
                missing.push(interface);
            }
        } else if interface.starts_with("wasi:") {
            check_wasi(import, interface, version)?;
        } else {
            return Err(unknown(
                import,
                "scripts import `mynah:script` and a part of wasi 0.2, nothing else",
            ));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let granted = ImportGrants::NAMES.iter().filter(|grant| grants.grants(grant) == Some(true));
    let line: Vec<String> = granted.chain(&missing).map(|grant| format!("\"{grant}\"")).collect();
    let names: Vec<String> = missing.iter().map(|grant| format!("`{grant}`")).collect();
    Err(Refusal::new(
        Code::ImportNotGranted,
        format!("the component imports {}, which `{name}` is not granted", names.join(" and ")),
    )
    .hint(format!("add `imports = [{}]` under `[script.{name}]` in mynah.toml", line.join(", "))))
}

fn check_contract(import: &str, interface: &str, version: &str) -> Result<(), Refusal> {
    if version != CONTRACT_VERSION {
        let version = if version.is_empty() { "no version" } else { version };
        return Err(mismatch(format!(
            "the component imports `{import}`: it was built for the contract `mynah:script` {version}, and this host \
             speaks {CONTRACT_VERSION}"
        )));
    }
    if ALWAYS.contains(&interface) || ImportGrants::NAMES.contains(&interface) {
        return Ok(());
    }
    Err(unknown(import, "the contract has no such interface"))
}

fn check_wasi(import: &str, interface: &str, version: &str) -> Result<(), Refusal> {
    let package = interface.split('/').next().unwrap_or_default();
    let instead = match package {
        "wasi:filesystem" => {
            "scripts have no files: keep state with `kv`, and tables in the settings (`config`)"
        }
        "wasi:sockets" => "scripts have no sockets: return a `fetch` action, its answer comes as an event",
        "wasi:http" => "scripts make no HTTP calls: return a `fetch` action, its answer comes as an event",
        _ => {
            if !wasi::INTERFACES.contains(&interface) {
                return Err(unknown(import, "this host has no such interface of wasi"));
            }
            if version.starts_with("0.2.") {
                return Ok(());
            }
            return Err(unknown(import, "this host has wasi 0.2; build for wasm32-wasip2"));
        }
    };
    Err(Refusal::new(Code::ImportRefused, format!("the component imports `{import}`; {instead}")))
}

fn unknown(import: &str, why: &str) -> Refusal {
    Refusal::new(Code::ImportUnknown, format!("the component imports `{import}`; {why}"))
}

/// The component does not fit the contract.
pub(crate) fn mismatch(text: String) -> Refusal {
    Refusal::new(Code::ContractMismatch, text).hint(format!("build it with {SDK}, or against wit/v0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(imports: &[&str]) -> Result<(), Refusal> {
        let imports: Vec<String> = imports.iter().map(|import| (*import).to_owned()).collect();
        super::check(&"dice".parse().unwrap(), &imports, &ImportGrants::default())
    }

    #[test]
    fn what_every_script_has_is_let_through() {
        check(&[
            "mynah:script/types@0.1.0",
            "mynah:script/kv@0.1.0",
            "wasi:cli/stdout@0.2.0",
            "wasi:io/poll@0.2.6",
        ])
        .unwrap();
    }

    #[test]
    fn all_missing_grants_are_named_with_the_line_that_grants_them() {
        let refusal = check(&["mynah:script/roster@0.1.0", "mynah:script/kv-shared@0.1.0"]).unwrap_err();
        assert_eq!(refusal.code, Code::ImportNotGranted);
        assert_eq!(
            refusal.text,
            "the component imports `roster` and `kv-shared`, which `dice` is not granted"
        );
        assert_eq!(
            refusal.hint.unwrap(),
            r#"add `imports = ["kv", "roster", "kv-shared"]` under `[script.dice]` in mynah.toml"#
        );
    }

    #[test]
    fn what_scripts_never_have_is_refused_with_what_to_use_instead() {
        for (import, instead) in [
            ("wasi:filesystem/types@0.2.6", "kv"),
            ("wasi:sockets/tcp@0.2.0", "fetch"),
            ("wasi:http/outgoing-handler@0.2.0", "fetch"),
        ] {
            let refusal = check(&[import]).unwrap_err();
            assert_eq!(refusal.code, Code::ImportRefused, "{import}");
            assert!(refusal.text.contains(import) && refusal.text.contains(instead), "{refusal}");
        }
    }

    #[test]
    fn the_unknown_and_the_future_are_told_apart() {
        for (import, code) in [
            ("mynah:script/kv@0.2.0", Code::ContractMismatch),
            ("mynah:script/kv@0.1.1", Code::ContractMismatch),
            ("mynah:script/kv", Code::ContractMismatch),
            ("mynah:script/telepathy@0.1.0", Code::ImportUnknown),
            ("wasi:keyvalue/store@0.2.0", Code::ImportUnknown),
            ("wasi:io/poll@0.3.0", Code::ImportUnknown),
            ("env", Code::ImportUnknown),
        ] {
            assert_eq!(check(&[import]).unwrap_err().code, code, "{import}");
        }
    }
}
