//! The two bots that mynah is compared with. Each answers `ping` in a group with `pong` and does nothing else.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use kovi::config::kovi_conf::KoviConf;
use kovi::event::id::ID;
use kovi::plugin::Plugin;
use kovi::{Bot, PluginBuilder};
use kovi_onebot::{GroupMsgEvent, Host, OneBotDriver, OneBotDriverConfig, Server};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// A plugin on kovi, as its guide writes one, on the runtime that `#[tokio::main]` makes. Nobody takes its logs.
pub fn kovi(port: u16) {
    let host = Host::IpAddr(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let server = Server::new(host, port, String::new(), false, String::new(), false);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let driver = OneBotDriver::new(OneBotDriverConfig { server });
        let mut bot = Bot::build(KoviConf::new(ID::new(1_i64), None, false), driver);
        let plugin = Plugin::new(
            "ping",
            "0.1.0",
            Arc::new(|| {
                Box::pin(async {
                    PluginBuilder::on(|event: Arc<GroupMsgEvent>| async move {
                        if event.borrow_text() == Some("ping") {
                            event.reply("pong");
                        }
                    });
                })
            }),
        );
        bot.mount_plugin(plugin);
        bot.run().await;
    });
}

/// A loop over a WebSocket: read, parse, compare, write. It keeps nothing and waits for no answer.
pub fn bare(port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("ws://127.0.0.1:{port}/");
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            let event: Value = serde_json::from_str(&text).unwrap();
            if event["message_type"] != "group" || event["raw_message"] != "ping" {
                continue;
            }
            let call = json!({
                "action": "send_group_msg",
                "params": {
                    "group_id": event["group_id"],
                    "message": [{ "type": "text", "data": { "text": "pong" } }],
                },
                "echo": event["message_id"],
            });
            socket.send(Message::text(call.to_string())).await.unwrap();
        }
    });
}
