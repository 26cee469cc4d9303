//! `[media]`: how pictures and files are kept, and where they may come from.

use std::path::Path;

use mynah_runtime::MediaConfig;

use super::problem::Problem;
use super::section::Value;

/// The shortest time that media are kept: what is sent has to be there until it is delivered.
const MIN_KEEP_MS: i64 = 3_600_000;

/// The least room for media: a few files of the largest size.
const MIN_TOTAL_BYTES: u64 = 64 << 20;

/// Reads the table. Where media are kept is not said here but by `data_dir`.
pub(super) fn read(value: &Value<'_>, folder: &Path) -> Result<MediaConfig, Problem> {
    let mut media = MediaConfig::default();
    let mut section = value.section("`[media]`")?;
    if let Some(value) = section.take("folders") {
        media.folders = value.list("a list of folders", |item| super::read_path(&item, folder))?;
    }
    if let Some(value) = section.take("allow") {
        media.allow = value.list("a list of places", |item| item.parsed("a place to fetch from"))?;
    }
    if let Some(value) = section.take("keep") {
        let keep = super::read_span(&value, "a length of time, such as \"7day\"")?;
        media.keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        if media.keep_ms < MIN_KEEP_MS {
            return Err(value.problem("is too short: media are kept for at least \"1h\""));
        }
    }
    if let Some(value) = section.take("total") {
        media.total_bytes = super::read_size(&value, "a size, such as \"1GiB\"")?;
        if media.total_bytes < MIN_TOTAL_BYTES {
            return Err(value.problem("is too little: a few files need at least \"64MiB\""));
        }
    }
    section.finish()?;
    Ok(media)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("etc/mynah.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn media_may_come_from_where_the_operator_says() {
        let config = parse(
            r#"
            [media]
            folders = ["pictures", "/srv/pictures"]
            allow = ["127.0.0.1:8080", "[::1]:80", "pictures.lan:80"]
            keep = "1day"
            total = "2GiB"
            "#,
        );
        let media = config.unwrap().media;
        assert_eq!(media.folders, [PathBuf::from("etc/pictures"), PathBuf::from("/srv/pictures")]);
        assert_eq!(media.allow.len(), 3);
        assert_eq!((media.keep_ms, media.total_bytes), (86_400_000, 2 << 30));
    }

    #[test]
    fn by_default_nothing_of_this_machine_and_its_network_is_sent() {
        let media = parse("").unwrap().media;
        assert!(media.folders.is_empty() && media.allow.is_empty());
        assert_eq!((media.keep_ms, media.total_bytes), (7 * 86_400_000, 1 << 30));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, expected) in [
            ("folder = [\"/srv\"]", "unknown key `folder` in `[media]`"),
            ("folders = \"/srv\"", "must be a list of folders"),
            ("folders = [\"\"]", "is empty: give a path"),
            ("allow = [\"127.0.0.1\"]", "write a host and a port"),
            ("allow = [\"http://127.0.0.1:80\"]", "write a host and a port"),
            ("keep = \"10s\"", "at least \"1h\""),
            ("total = \"1MiB\"", "at least \"64MiB\""),
        ] {
            let error = parse(&format!("[media]\n{text}")).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
