//! OneBot over TLS: which certificates do, and which do not.

use mynah_model::event::AccountState;
use mynah_networks::Network;
use mynah_networks::onebot::{Token, Trust, Way};
use tempfile::TempDir;

use crate::onebot::Qq;
use crate::peer::{ANN, GROUP, Peer, Played, eventually};
use crate::tls_front::{Authority, Front, Identity};

/// A peer behind a front that shows a certificate, and the ways to reach it over WebSocket and HTTP.
async fn behind(shows: &Identity) -> (Peer, [Front; 2], [Way; 2]) {
    let mut peer = Peer::start_with(Played::NapCat, Some("s3cret")).await;
    let http = peer.serve_http().await.trim_start_matches("http://").parse().unwrap();
    let fronts = [Front::before(peer.address, shows).await, Front::before(http, shows).await];
    let ways = [
        Way::Forward(format!("wss://localhost:{}", fronts[0].port).parse().unwrap()),
        Way::Http(format!("https://localhost:{}", fronts[1].port).parse().unwrap()),
    ];
    (peer, fronts, ways)
}

async fn comes_in(way: Way, trust: Trust, peer: &Peer) {
    let socket = matches!(way, Way::Forward(_));
    let qq = Qq::reach(way, Token::new("s3cret").unwrap(), trust);
    qq.account.wait_for(AccountState::Running).await;
    if socket {
        peer.say(GROUP, ANN, "through a tunnel");
        qq.hear_text("through a tunnel").await;
    }
    qq.end().await;
}

async fn stays_out(way: Way, trust: Trust, why: &str) {
    let qq = Qq::reach(way, Token::new("s3cret").unwrap(), trust);
    let trouble = eventually("no connection", || qq.onebot.trouble()).await;
    assert!(trouble.contains("certificate"), "{why}: {trouble}");
    assert_eq!(qq.account.happenings(), [], "{why}");
    qq.end().await;
}

fn named(write: impl FnOnce(&std::path::Path)) -> Trust {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("peer.pem");
    write(&path);
    Trust::load(&path).unwrap()
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_named_does_and_others_do_not() {
    let (authority, other) = (Authority::new(), Authority::new());
    let trusted = || named(|path| authority.write(path));
    let (peer, _fronts, ways) = behind(&authority.issue("localhost", 2099)).await;
    for way in ways {
        comes_in(way.clone(), trusted(), &peer).await;
        stays_out(way.clone(), Trust::default(), "an authority that nobody named").await;
        stays_out(way, named(|path| other.write(path)), "another authority is named").await;
    }
    for (shown, why) in [
        (authority.issue("elsewhere.example", 2099), "a certificate for another name"),
        (authority.issue("localhost", 2020), "a certificate that ended"),
    ] {
        let (_peer, _fronts, ways) = behind(&shown).await;
        for way in ways {
            stays_out(way, trusted(), why).await;
        }
    }
}

#[tokio::test]
async fn a_certificate_that_signed_itself_does_where_it_is_the_one_that_is_named() {
    let shown = Identity::self_signed("napcat");
    let (peer, _fronts, ways) = behind(&shown).await;
    for way in ways {
        comes_in(way.clone(), named(|path| shown.write(path)), &peer).await;
        stays_out(way.clone(), Trust::default(), "nobody named it").await;
        let same_name = Identity::self_signed("napcat");
        stays_out(way, named(|path| same_name.write(path)), "only its name is the same").await;
    }
}
