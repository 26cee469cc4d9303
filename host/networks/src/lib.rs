//! Drivers that speak chat protocols. The runtime runs one for each account, behind the [`Network`] trait.
//!
//! A driver turns acts into what its protocol wants and what its protocol says into happenings. It knows no
//! script, no journal and no HTTP API.
//!
//! # Layout
//! - [`network`]: the trait, what a driver is given and what it reports
//! - [`sim`]: the embedded network: people who can be made to talk, and no connection to anywhere
//! - [`onebot`]: QQ through an implementation of OneBot v11
//! - [`waiting`]: waiting by the host's clock; [`crypto`]: what TLS reckons with
//! - [`roster_file`]: a roster as a JSON file in the HTTP API's own shape

pub mod crypto;
pub mod network;
pub mod onebot;
pub mod roster_file;
pub mod sim;
pub mod waiting;

pub use network::{
    AvatarOf, Boxed, Closed, Connection, Consequence, Gap, Happening, Network, NetworkError, Receipt,
    Redelivery, Sink, StopSender, StopSignal,
};
pub use waiting::Waiting;
