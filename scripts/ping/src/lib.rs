//! Answers `/ping`, and a plain `ping`, with `pong`: to see that everything works.
//!
//! It has no settings, and needs nothing but to reply.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("ping", "Answers ping with pong. 收到 ping 就回答 pong。")
        .command(Command::new("ping").help("Are you there? 在吗？"), |_| reply("pong"))
        .on_message(pong)
        .asks("reply", "to say pong")
);

/// Says pong to whoever says ping, in any case, and nothing else.
fn pong(_: &Event, message: &Message) -> Option<Reply> {
    message.text.trim().eq_ignore_ascii_case("ping").then(|| reply("pong"))
}

#[cfg(test)]
mod tests {
    use mynah_sdk::testing::Sim;

    use super::rule;

    #[test]
    fn ping_is_answered_as_a_command_and_as_a_word_in_every_kind_of_chat() {
        for mut sim in [Sim::group(rule()), Sim::friend(rule()), Sim::discuss(rule())] {
            for text in ["/ping", "/PING", "ping", " Ping "] {
                sim.say("alice", text).expect_reply("pong");
            }
        }
    }

    #[test]
    fn anything_else_is_left_alone() {
        let mut sim = Sim::group(rule());
        for text in ["pong", "ping pong", "/pingu", "", "乒"] {
            sim.say("alice", text).expect_nothing();
        }
    }
}
