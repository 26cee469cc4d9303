//! Fetches what it is told to, and says what came of it.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("fetcher", "Fetches what it is told to.")
        .command(Command::new("get"), |call| fetch("get", call.rest))
        .command(Command::new("post"), |call| fetch("post", call.rest).post("hello"))
        .command(Command::new("key"), |call| fetch("key", call.rest).with_secret("key"))
        .command(Command::new("chase"), |call| fetch(chase(call.rest), call.rest))
        .command(Command::new("flood"), flood)
        .command(Command::new("multiply"), |call| multiply(call.rest))
        .command(Command::new("hello"), |_| reply("hello yourself"))
        .on_fetched(tell)
);

fn chase(url: &str) -> String {
    format!("chase {url}")
}

fn flood(call: &CommandCall) -> Result<Vec<Action>> {
    let (count, url): (usize, String) = (call.arg(0)?, call.arg(1)?);
    Ok((0..count).map(|number| fetch(format!("flood {number}"), &url).into()).collect())
}

fn multiply(url: &str) -> Vec<Action> {
    (0..64).map(|_| fetch(format!("multiply {url}"), url).into()).collect()
}

fn tell(_: &Event, fetched: &FetchFinished) -> Vec<Action> {
    let tag = &fetched.tag;
    if let Some(url) = tag.strip_prefix("multiply ") {
        return multiply(url);
    }
    vec![match &fetched.response {
        _ if tag.starts_with("chase ") => fetch(tag, &tag["chase ".len()..]).into(),
        Ok(answer) => reply(format!("{tag}: {} {}", answer.status, answer.text())).into(),
        Err(why) => reply(format!("{tag}: {why}")).into(),
    }]
}
