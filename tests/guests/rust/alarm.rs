//! Sets timers of every kind and keeps keys that vanish, as it is told to.

use std::time::Duration;

use mynah_sdk::prelude::*;
use mynah_sdk::types::When;

mynah_sdk::rule!(
    Rule::new("alarm", "Rings when it is told to.")
        .command(Command::new("after").usage("<tag> <ms>"), after)
        .command(Command::new("at").usage("<tag> <unix-ms>"), at)
        .command(Command::new("cron").usage("<tag> <zone> <pattern>"), recurring)
        .command(Command::new("cancel").usage("<tag>"), |call| cancel(call.rest))
        .command(Command::new("keep").usage("<key> <ms>"), keep)
        .command(Command::new("kept"), kept)
        .on_timer(|_, timer| reply(format!("{} {}", timer.tag, timer.due)))
);

fn after(call: &CommandCall) -> Result<Actions> {
    schedule(call.arg::<String>(0)?, Duration::from_millis(call.arg(1)?)).into_actions()
}

fn at(call: &CommandCall) -> Result<Actions> {
    schedule(call.arg::<String>(0)?, When::At(call.arg(1)?)).into_actions()
}

fn recurring(call: &CommandCall) -> Result<Actions> {
    let (tag, zone, pattern): (String, String, String) = (call.arg(0)?, call.arg(1)?, call.arg(2)?);
    schedule(tag, cron(pattern).in_zone(zone)).tag("cron").into_actions()
}

fn keep(call: &CommandCall) -> Result<()> {
    kv::set_for(call.arg::<String>(0)?.as_str(), &true, Duration::from_millis(call.arg(1)?))
}

/// What is there, by the list and by itself.
fn kept(_: &CommandCall) -> Result<Reply> {
    let mut keys = Vec::new();
    for entry in kv::list::<bool>("")? {
        let (key, _) = entry;
        keys.push(if kv::get::<bool>(&key)?.is_some() { key } else { format!("{key}, listed and gone") });
    }
    Ok(reply(format!("kept: {}", keys.join(" "))))
}
