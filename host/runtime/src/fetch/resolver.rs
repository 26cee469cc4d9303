//! From names to addresses.

use std::future::ready;
use std::io;
use std::net::IpAddr;

use mynah_networks::Boxed;
use reqwest::dns::{Name, Resolve, Resolving};

/// Finds the addresses of a name.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, as found; what they may be used for is decided elsewhere.
    fn resolve<'a>(&'a self, name: &'a str) -> Boxed<'a, io::Result<Vec<IpAddr>>>;
}

/// Asks the system, as every program on it does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Boxed<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What a client asks for names that it was given no addresses for: there are none, so nothing is resolved twice.
pub(super) struct Nothing;

impl Resolve for Nothing {
    fn resolve(&self, name: Name) -> Resolving {
        let error = io::Error::other(format!("`{}` is not the host that was checked", name.as_str()));
        Box::pin(ready(Err(error.into())))
    }
}
