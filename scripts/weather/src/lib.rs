//! `/weather PLACE` tells the weather, as a web service has it. The operator grants the service's host:
//!
//! ```toml
//! [script.weather]
//! allow = ["reply"]
//! fetch = ["https://wttr.in"]
//! settings = { place = "Beijing" }                    # if none is named
//!
//! # Another service, which answers JSON and wants a key that the rule never sees:
//! # fetch = ["https://api.example.com"]
//! # secrets = { key = { file = "weather.key", header = "x-api-key", hosts = ["https://api.example.com"] } }
//! # settings = { url = "https://api.example.com/now?q={place}", pointer = "/now/summary", secret = "key" }
//! ```

use mynah_sdk::prelude::*;

const URL: &str = "https://wttr.in/{place}?format=3";

/// Characters of a place's name: the longest has 85.
const PLACE_CHARS: usize = 100;

/// Characters of an answer that are said.
const ANSWER_CHARS: usize = 300;

mynah_sdk::rule!(
    Rule::new("weather", "Tells the weather of a place. 查询天气。")
        .settings_schema(include_str!("../settings.schema.json"))
        .command(
            Command::new("weather").alias("天气").usage("<place>").help("the weather of a place 查询天气"),
            ask
        )
        .on_fetched(tell)
        .asks("reply", "to say what the weather is")
        .asks("fetch", "to look it up, at https://wttr.in unless the settings name another service")
);

fn ask(call: &CommandCall) -> Result<Action> {
    let default: Option<String> = setting("place")?;
    let place = if call.rest.is_empty() { default.unwrap_or_default() } else { call.rest.to_owned() };
    if place.is_empty() || place.chars().count() > PLACE_CHARS {
        return Err(Error::say("/weather Beijing, /天气 北京"));
    }
    let url: String = setting("url")?.unwrap_or_else(|| URL.into());
    let look =
        fetch("weather", url.replace("{place}", &encoded(&place))).header("accept-language", "zh, en;q=0.8");
    Ok(match setting::<String>("secret")? {
        Some(secret) => look.with_secret(&secret),
        None => look.into(),
    })
}

fn tell(_: &Event, fetched: &FetchFinished) -> Result<Reply> {
    let answer = fetched.success()?;
    let said: String = match setting::<String>("pointer")? {
        Some(pointer) => answer.json_at(&pointer)?,
        None => answer.text().into_owned(),
    };
    // One line, so that a service cannot flood the chat.
    let line: String =
        said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(ANSWER_CHARS).collect();
    if line.is_empty() {
        return Err(Error::say("the answer is empty"));
    }
    Ok(reply(line))
}

/// A text as one part of a path or of a query: whoever asks cannot ask for something else.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use mynah_sdk::testing::{Sim, json};

    use super::rule;

    #[test]
    fn the_weather_of_a_place_is_looked_up_and_said() {
        let mut sim = Sim::group(rule());
        sim.say("alice", "/天气 北京").expect_fetch("weather", "https://wttr.in/%E5%8C%97%E4%BA%AC?format=3");
        sim.answer_fetch("weather", 200, "北京: ☀️ +21°C\n").expect_reply("北京: ☀️ +21°C");
    }

    #[test]
    fn whoever_asks_cannot_ask_for_something_else() {
        let mut sim = Sim::group(rule());
        sim.say("mallory", "/weather ../admin?x=1#y@evil.test/")
            .expect_fetch("weather", "https://wttr.in/..%2Fadmin%3Fx%3D1%23y%40evil.test%2F?format=3");
        sim.say("mallory", &format!("/weather {}", "x".repeat(101))).expect_reply_with("/weather Beijing");
        sim.say("mallory", "/weather").expect_reply_with("/weather Beijing");
    }

    #[test]
    fn another_service_may_answer_json_and_want_a_secret() {
        let mut sim = Sim::group(rule()).settings(json!({
            "url": "https://api.example.com/now?q={place}", "pointer": "/now/summary", "secret": "key", "place": "Bonn"
        }));
        sim.say("alice", "/weather").expect_fetch("weather", "https://api.example.com/now?q=Bonn");
        sim.expect("the name of the secret", |action| {
            action.attrs.iter().any(|attr| attr.name == "secret" && attr.value == "\"key\"")
        });
        sim.answer_fetch("weather", 200, r#"{ "now": { "summary": "rain" } }"#).expect_reply("rain");
        sim.say("alice", "/weather")
            .answer_fetch("weather", 200, "{}")
            .expect_reply_with("nothing at /now/summary");
    }

    #[test]
    fn what_went_wrong_is_said() {
        let mut sim = Sim::group(rule());
        sim.say("alice", "/weather Bonn").answer_fetch("weather", 503, "").expect_reply_with("status 503");
        sim.say("alice", "/weather Bonn")
            .fail_fetch("weather", "grant.fetch: script `weather` may not fetch from `https://wttr.in`")
            .expect_reply_with("may not fetch from");
    }
}
