//! What `[[account]]` says about reports: `post_*`, `poll_*` and `webhook_secret`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mynah_api::{Remote, ReportSettings, WebhookSecret};

use super::problem::Problem;
use super::read_span;
use super::secret::SecretSource;
use super::section::{Section, Value, nearest};

/// The shortest time between two calls of `poll_api`: a server that answers at once is not asked a thousand times a
/// second.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Reads the keys of an account that concern its reports;
/// the secret of its webhook is apart, because it may lie elsewhere.
pub(super) fn read(
    section: &mut Section<'_>,
    folder: &Path,
) -> Result<(ReportSettings, Option<SecretSource>), Problem> {
    let default = ReportSettings::default();
    let event_list = |value: Value<'_>| value.list("a list of events", |item| read_event(&item));
    let secret = |value: Value<'_>| SecretSource::read(&value, folder, WebhookSecret::new);
    let secret = section.read("webhook_secret", secret)?;
    let reports = ReportSettings {
        post_api: section.read("post_api", |value| read_remote(&value))?,
        post_event: section.read("post_event", |value| read_switch(&value))?.unwrap_or(default.post_event),
        post_event_list: section.read("post_event_list", event_list)?,
        post_media_data: section
            .read("post_media_data", |value| read_switch(&value))?
            .unwrap_or(default.post_media_data),
        post_message_filter: section
            .read("post_message_filter", |value| read_filter(&value))?
            .unwrap_or(default.post_message_filter),
        post_stdout: section.read("post_stdout", |value| read_switch(&value))?.unwrap_or(default.post_stdout),
        poll_api: section.read("poll_api", |value| read_remote(&value))?,
        poll_interval: section
            .read("poll_interval", |value| read_interval(&value))?
            .unwrap_or(default.poll_interval),
        webhook_secret: None,
    };
    Ok((reports, secret))
}

fn read_remote(value: &Value<'_>) -> Result<Remote, Problem> {
    value.parsed("an address, such as \"http://127.0.0.1:8080/hook\"")
}

/// `true` or `false`; the original's documents write 1 and 0.
fn read_switch(value: &Value<'_>) -> Result<bool, Problem> {
    if value.is_integer() { Ok(value.integer(0..=1)? == 1) } else { value.boolean() }
}

fn read_event(value: &Value<'_>) -> Result<String, Problem> {
    let name = value.text("the name of an event")?;
    if ReportSettings::EVENTS.contains(&name) {
        return Ok(name.to_owned());
    }
    let problem = value.problem(format!("is no event that is reported: `{name}`"));
    Err(match nearest(name, ReportSettings::EVENTS.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("there are: {}", ReportSettings::EVENTS.join(", "))),
    })
}

/// Fields of a message and the values that they must have, as text.
fn read_filter(value: &Value<'_>) -> Result<BTreeMap<String, String>, Problem> {
    const RIGHT: &str = "a table of fields and values, such as { type = \"group_message\" }";
    let entries = value.entries(RIGHT)?.into_iter().map(|(key, value)| {
        let wanted = if value.is_integer() {
            value.integer(i64::MIN..=i64::MAX)?.to_string()
        } else {
            value.text("a text or a whole number")?.to_owned()
        };
        Ok((key.name.to_owned(), wanted))
    });
    entries.collect()
}

/// A length of time; a bare number is seconds, as in the original.
fn read_interval(value: &Value<'_>) -> Result<Duration, Problem> {
    let interval = if value.is_integer() {
        Duration::from_secs(value.integer(0..=86_400)?)
    } else {
        read_span(value, "a length of time, such as \"5s\"")?
    };
    if interval < POLL_INTERVAL_MIN {
        return Err(
            value.problem(format!("is too short: give at least {} ms", POLL_INTERVAL_MIN.as_millis()))
        );
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Config;
    use super::*;

    fn account(keys: &str) -> Result<ReportSettings, String> {
        let text = format!("[[account]]\nname = \"qq\"\n{keys}\n");
        let config = Config::parse(&PathBuf::from("mynah.toml"), &text)
            .map_err(|error| error.to_string() + &error.hint.unwrap_or_default())?;
        Ok(config.api.reports.values().next().unwrap().clone())
    }

    #[test]
    fn without_keys_nothing_is_posted_and_the_rest_is_as_in_the_documents() {
        assert_eq!(account("").unwrap(), ReportSettings::default());
    }

    #[test]
    fn every_key_is_read() {
        let settings = account(
            r#"
            post_api = "https://bot.example/hook?token=1"
            post_event = 0
            post_event_list = ["login", "group_property_change"]
            post_media_data = false
            post_message_filter = { type = "group_message", group_uid = 552603 }
            post_stdout = true
            poll_api = "http://127.0.0.1:9/poll"
            poll_interval = 7
            "#,
        )
        .unwrap();
        assert_eq!(settings.post_api, Some("https://bot.example/hook?token=1".parse().unwrap()));
        assert!(!settings.post_event && !settings.post_media_data && settings.post_stdout);
        assert_eq!(settings.post_event_list.as_deref().map(<[_]>::len), Some(2));
        assert_eq!(settings.post_message_filter["group_uid"], "552603");
        assert_eq!(settings.poll_interval, Duration::from_secs(7));
        assert_eq!(settings.poll_api, Some("http://127.0.0.1:9/poll".parse().unwrap()));
        assert_eq!(account("poll_interval = \"250ms\"").unwrap().poll_interval, Duration::from_millis(250));
    }

    #[test]
    fn accounts_that_callers_make_have_settings_of_their_own() {
        let text = "[client]\ndialect = \"v1\"\npost_api = \"http://127.0.0.1:8080/hook\"\nwebhook_secret = \"hunter2\"";
        let config = Config::parse(&PathBuf::from("mynah.toml"), text).unwrap();
        assert_eq!(config.api.made_dialect, mynah_api::openqq::Dialect::V1);
        assert!(config.api.made_reports.post_api.is_some() && config.made_webhook_secret.is_some());
        let error = Config::parse(&PathBuf::from("mynah.toml"), "[client]\nroster = \"x\"").unwrap_err();
        assert!(error.to_string().contains("`roster`"), "{error}");
    }

    #[test]
    fn what_the_documentation_shows_is_what_holds_without_it() {
        let page = include_str!("../../../../docs/webhooks.md");
        let shown = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(&folder.path().join("mynah.toml"), shown).unwrap();
        let shown = config.api.reports.values().next().unwrap().clone();
        let default = ReportSettings::default();
        assert!(shown.post_api.is_some() && config.accounts[0].webhook_secret.is_some());
        assert_eq!(
            (shown.post_event, shown.post_media_data, shown.post_stdout, shown.poll_interval),
            (default.post_event, default.post_media_data, default.post_stdout, default.poll_interval)
        );
        for key in ["post_event_list", "poll_api"] {
            assert!(page.contains(&format!("# {key} = ")), "{key}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (keys, expected) in [
            ("post_event_list = [\"new_freind\"]", "did you mean `new_friend`?"),
            ("post_event_list = [\"xyzzy\"]", "there are: login, stop"),
            ("post_event_list = \"login\"", "must be a list of events"),
            ("post_api = \"bot.example/hook\"", "is not an address"),
            ("post_api = \"ftp://bot.example/\"", "neither http nor https"),
            ("poll_interval = 0", "at least 100 ms"),
            ("post_message_filter = { type = [\"a\"] }", "must be a text or a whole number"),
            ("post_stdot = true", "did you mean `post_stdout`?"),
            ("post_event = 2", "must be a whole number from 0 to 1"),
        ] {
            let error = account(keys).unwrap_err();
            assert!(error.contains(expected), "{keys}: {error}");
        }
    }
}
