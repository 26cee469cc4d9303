//! Sets timers and asks to be told what became of what it did.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("later", "Answers later.")
        .command(Command::new("later").usage("<seconds>"), later)
        .command(Command::new("every-minute"), |_| schedule("minutely", cron("* * * * *")).payload("tick"))
        .command(Command::new("enough"), |_| cancel("minutely"))
        .command(Command::new("kick").usage("<id>"), |call| kick(call.rest).tag("the kick").tell_result())
        .command(Command::new("fetch"), |_| fetch("page", "https://example.org/").tell_result())
        .on_timer(|_, timer| reply(format!("{} {}", timer.tag, timer.payload.as_deref().unwrap_or("-"))))
        .on_result(|_, result| {
            let tag = result.tag.as_deref().unwrap_or("-");
            reply(format!("{} {tag}: {:?} {}", result.action, result.outcome, result.code))
        })
);

fn later(call: &CommandCall) -> Result<Actions> {
    schedule("later", seconds(call.arg(0)?)).payload("is now").into_actions()
}
