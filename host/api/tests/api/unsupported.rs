//! A network that can do nothing: every call that acts says so, in both APIs.

use std::sync::Arc;

use mynah_api::ApiSettings;
use mynah_model::action::Act;
use mynah_model::clock::SystemClock;
use mynah_model::event::AccountState;
use mynah_networks::sim::{Sim, SimConfig};
use mynah_networks::{Boxed, Network, NetworkError, Receipt, Redelivery, Sink, StopSignal};
use mynah_runtime::{ApiKind, MediaConfig};
use serde_json::json;

use crate::stage::{Stage, roster};

/// The embedded network with its mouth shut: people talk, and the account does nothing.
struct Silent(Arc<Sim>);

impl Network for Silent {
    fn kind(&self) -> &'static str {
        "silent"
    }

    fn run(
        self: Arc<Self>,
        sink: Arc<dyn Sink>,
        stop: StopSignal,
    ) -> Boxed<'static, Result<(), NetworkError>> {
        self.0.clone().run(sink, stop)
    }

    fn perform<'a>(&'a self, act: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
        let error = NetworkError::Unsupported { network: "silent", action: act.body.name().to_owned() };
        Box::pin(async { Err(error) })
    }

    fn redelivery(&self) -> Redelivery {
        Redelivery::Safe
    }
}

async fn stage(api: ApiKind, people: &str) -> Stage {
    let sim = SimConfig { roster: roster(people), ..SimConfig::default() };
    let network = Arc::new(Silent(Sim::new(sim, Arc::new(SystemClock))));
    let stage = Stage::on(api, network, ApiSettings::default(), MediaConfig::default());
    stage.until(AccountState::Running).await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_network_cannot_do_is_code_minus_8_with_the_action_and_the_network() {
    let openqq: &[(&str, &str)] = &[
        ("send_friend_message?uid=123456&content=x", "send"),
        ("send_group_message?uid=552603&content=x", "send"),
        ("send_sess_message?group_uid=552603&uid=456789&content=x", "send"),
        ("shutup_group_member?group_uid=552603&member_uid=456789&time=60", "shutup"),
        ("kick_group_member?group_uid=552603&member_uid=456789", "kick"),
    ];
    let group = "@@dadadadada0000000000000000000001";
    let openwx = [
        ("send_friend_message?id=filehelper&content=x".to_owned(), "send"),
        (format!("send_group_message?id={group}&content=x"), "send"),
        ("consult?id=filehelper&content=x".to_owned(), "send"),
        ("revoke_message?id=1:filehelper".to_owned(), "recall"),
        ("create_group?friends=filehelper".to_owned(), "create-group"),
        (format!("invite_friend?id={group}&friends=filehelper"), "invite"),
        (format!("set_group_displayname?id={group}&new_displayname=x"), "set-group-name"),
        ("set_friend_markname?id=filehelper&new_markname=x".to_owned(), "set-markname"),
        ("stick?id=filehelper".to_owned(), "stick"),
        ("make_friend?id=@adadada00000000000000000000000a1".to_owned(), "make-friend"),
        ("accept_friend_request?id=@x&ticket=x".to_owned(), "answer-request"),
        ("get_avatar?id=filehelper".to_owned(), "get_avatar"),
    ];
    let openwx: Vec<(&str, &str)> = openwx.iter().map(|(call, action)| (call.as_str(), *action)).collect();
    for (api, prefix, people, calls) in [
        (ApiKind::Openqq, "openqq", "roster_qq.json", openqq),
        (ApiKind::Openwx, "openwx", "roster_wx.json", &openwx),
    ] {
        let stage = stage(api, people).await;
        for (call, action) in calls {
            let answer = stage.get(&format!("/{prefix}/{call}")).await.json();
            let (code, status) = (&answer["code"], answer["status"].as_str().unwrap_or_default());
            assert_eq!(*code, json!(-8), "{call}: {answer}");
            assert_eq!(status, format!("not supported by network silent: {action}"), "{call}");
        }
        stage.end().await;
    }
}
