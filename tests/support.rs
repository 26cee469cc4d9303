//! What the tests share: hosts, commands, guests, and waiting for something to be so.

pub(crate) mod command;
pub(crate) mod guests;
pub(crate) mod host;
pub(crate) mod house;
/// The peer that the driver's own tests are done with; not all of it is used here.
#[path = "../host/networks/tests/networks/peer.rs"]
#[allow(dead_code, reason = "the driver's tests use the rest")]
pub(crate) mod onebot_peer;
pub(crate) mod onebot_way;
#[path = "../host/networks/tests/networks/tls_front.rs"]
#[allow(dead_code, reason = "the driver's tests use the rest")]
pub(crate) mod tls_front;
pub(crate) mod web;

use std::future::Future;
use std::time::Duration;

/// Longer than anything takes that works, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A client for hosts on this machine. It trusts no certificates, so none are looked for.
pub(crate) fn http() -> reqwest::Client {
    mynah_api::remote::install_crypto();
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

/// Waits until something is there; says what was waited for if it does not come.
pub(crate) async fn wait_for<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("did not come: {what}"))
}
