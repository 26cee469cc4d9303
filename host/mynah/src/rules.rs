//! The rules that the binary carries, as the build script built them from `scripts/`.

use include_dir::{Dir, include_dir};
use mynah_model::names::ScriptName;

static RULES: Dir<'_> = include_dir!("$OUT_DIR/rules");

/// Every rule and its component.
pub(crate) fn embedded() -> Vec<(ScriptName, &'static [u8])> {
    let named = |file: &'static include_dir::File<'_>| {
        let name = file.path().file_stem()?.to_str()?.parse().ok()?;
        Some((name, file.contents()))
    };
    RULES.files().filter_map(named).collect()
}
