//! `[api]` and `hosts`: how the HTTP API behaves.

use mynah_api::{ApiSettings, TimeUnit};

use super::problem::Problem;
use super::read_size;
use super::section::Value;

pub(super) fn read(value: &Value<'_>) -> Result<ApiSettings, Problem> {
    let mut api = ApiSettings::default();
    let mut section = value.section("`[api]`")?;
    if let Some(value) = section.take("jsonp") {
        api.jsonp = value.boolean()?;
    }
    if let Some(value) = section.take("cors") {
        api.cors = value.list("a list of origins", |item| read_origin(&item))?;
    }
    if let Some(value) = section.take("shutup_time_unit") {
        api.shutup_time_unit = value.choice(&[("second", TimeUnit::Second), ("minute", TimeUnit::Minute)])?;
    }
    if let Some(value) = section.take("check_event_list_max_size") {
        api.check_event_list_max_size = value.integer(1..=100_000)?;
    }
    if let Some(value) = section.take("body_limit") {
        let bytes = read_size(&value, "a size, such as \"1MiB\"")?;
        api.body_limit =
            usize::try_from(bytes).map_err(|_| value.problem("is more than this machine can hold"))?;
    }
    if let Some(value) = section.take("connections") {
        api.connections = value.integer(1..=100_000)?;
    }
    section.finish()?;
    Ok(api)
}

fn read_origin(value: &Value<'_>) -> Result<String, Problem> {
    const RIGHT: &str = "an origin without a path, such as \"https://example.net\", or \"*\"";
    let origin = value.text(RIGHT)?;
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match origin == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains('/')) {
        true => Ok(origin.to_owned()),
        false => Err(value.problem(format!("must be {RIGHT}"))),
    }
}

pub(super) fn read_host(value: &Value<'_>) -> Result<String, Problem> {
    let name = value.text("a host name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(
            value.problem("must be a host name alone, such as \"bot.example.net\": no scheme, port or `*`")
        );
    }
    Ok(name.to_ascii_lowercase())
}
