//! Imports sockets, which no script is given.

use std::net::TcpStream;

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("sockets", "Talks to whom it should not.").on_message(|_, message| TcpStream::connect(
        message.text.trim()
    )
    .is_ok()
    .then(|| reply("connected")))
);
