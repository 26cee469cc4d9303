//! `[journal]`: how long the host keeps what happened.

use mynah_runtime::JournalConfig;

use super::problem::Problem;
use super::section::Value;

/// The shortest time that is kept: `mynah why` and the audit are of no use without it.
const MIN_KEEP_MS: i64 = 3_600_000;

/// The least room: an empty database and some hours of a lively group.
const MIN_TOTAL_BYTES: u64 = 16 << 20;

/// Reads the table.
pub(super) fn read(value: &Value<'_>) -> Result<JournalConfig, Problem> {
    let mut journal = JournalConfig::default();
    let mut section = value.section("`[journal]`")?;
    if let Some(value) = section.take("keep") {
        let keep = super::read_span(&value, "a length of time, such as \"30day\"")?;
        journal.keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        if journal.keep_ms < MIN_KEEP_MS {
            return Err(value.problem("is too short: the journal is kept for at least \"1h\""));
        }
    }
    if let Some(value) = section.take("total") {
        journal.total_bytes = super::read_size(&value, "a size, such as \"1GiB\"")?;
        if journal.total_bytes < MIN_TOTAL_BYTES {
            return Err(value.problem("is too little: the database needs at least \"16MiB\""));
        }
    }
    section.finish()?;
    Ok(journal)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<JournalConfig, String> {
        let config = Config::parse(Path::new("mynah.toml"), text);
        config.map(|config| config.journal).map_err(|error| error.to_string())
    }

    #[test]
    fn the_journal_is_kept_for_as_long_as_the_operator_says() {
        assert_eq!(parse(""), Ok(JournalConfig::default()));
        let journal = parse("[journal]\nkeep = \"7day\"\ntotal = \"64MiB\"").unwrap();
        assert_eq!(journal, JournalConfig { keep_ms: 7 * 86_400_000, total_bytes: 64 << 20 });
        for (wrong, part) in [
            ("keep = \"59min\"", "at least \"1h\""),
            ("keep = 30", "a length of time"),
            ("total = \"1MiB\"", "at least \"16MiB\""),
            ("kep = \"1day\"", "unknown key `kep`"),
        ] {
            let error = parse(&format!("[journal]\n{wrong}")).unwrap_err();
            assert!(error.contains(part), "{wrong}: {error}");
        }
    }
}
