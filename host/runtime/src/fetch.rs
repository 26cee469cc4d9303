//! Fetching something from an address that a caller, a webhook or a script gave, without lending them the host's place
//! in its network.
//!
//! The host resolves the name itself, leaves out every address that is not public, and connects to what is left and to
//! nothing else: a name that points elsewhere a moment later changes nothing. Each redirect passes the same checks.
//! What is behind exceptions of the operator ([`AllowedPlace`]) is reached by whoever names it, but not by a
//! redirect from elsewhere.
//!
//! A script reaches the places that its operator granted ([`FetchGrants`]), by itself and by redirects, and no others. A
//! place that is granted by name leads to public addresses only, unless the operator says otherwise.
//!
//! # Layout
//! - `place`: which URLs are fetched at all, and the operator's exceptions
//! - [`origin`](Origin), `request`, `secret`: what a script may fetch, and what it asks for
//! - `address`: which addresses are public
//! - `resolver`: from names to addresses
//! - `error`: why something was not fetched

mod address;
mod error;
mod origin;
mod place;
mod request;
mod resolver;
mod secret;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, LOCATION};
use reqwest::{Client, Response, redirect};
use tokio::sync::Semaphore;
use url::Host;

pub use error::FetchError;
pub use origin::{GrantedOrigin, Origin, OriginError};
pub use place::AllowedPlace;
pub use request::FetchGrants;
pub(crate) use request::{Request, check_place, shown};
pub use resolver::{Resolver, SystemResolver};
pub use secret::{FetchSecret, SecretUse};

use crate::limits;
use place::{Place, Reach};
use resolver::Nothing;

/// How much a fetch may take.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// The most bytes of a body.
    pub bytes: usize,
    /// From the question to the last byte, all redirects included.
    pub time: Duration,
    /// For one connection to stand, encryption included.
    pub connect_time: Duration,
    /// How many redirects are followed.
    pub redirects: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            bytes: limits::FETCH_BYTES,
            time: limits::FETCH_TIME,
            connect_time: limits::FETCH_CONNECT_TIME,
            redirects: limits::FETCH_REDIRECTS,
        }
    }
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The status of the answer, whatever it is.
    pub status: u16,
    /// Where it came from in the end, after redirects.
    pub url: String,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

/// What a script is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower case names and values, in the order received.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Fetches, within limits. Cheap to clone; clones share their room for fetches that are under way.
#[derive(Clone)]
pub struct Fetcher {
    resolver: Arc<dyn Resolver>,
    allow: Arc<[AllowedPlace]>,
    limits: FetchLimits,
    room: Arc<Semaphore>,
}

impl Fetcher {
    /// One that asks the system for addresses.
    pub fn new(allow: Vec<AllowedPlace>, limits: FetchLimits) -> Self {
        Self::with_resolver(allow, limits, Arc::new(SystemResolver))
    }

    /// One that asks this resolver.
    pub fn with_resolver(allow: Vec<AllowedPlace>, limits: FetchLimits, resolver: Arc<dyn Resolver>) -> Self {
        crate::crypto::install();
        let room = Arc::new(Semaphore::new(limits::FETCHES));
        Self { resolver, allow: allow.into(), limits, room }
    }

    /// Asks for a URL, follows where it leads and reads the answer to its end. Nothing is asked of a place that is not
    /// public, unless it is one of the exceptions.
    pub async fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        self.in_time(async {
            let _room = self.room.acquire().await;
            let response = self.follow(Request::get(url)?, &|place| Ok(self.reach(place))).await?;
            let (status, url) = (response.status().as_u16(), response.url().to_string());
            Ok(Fetched { status, url, body: self.read(response).await? })
        })
        .await
    }

    /// Makes a request of a script, follows where it leads within its grants and reads the answer to its end. The caller
    /// sees to it that not too many are under way.
    pub(crate) async fn fetch(&self, request: Request, grants: &FetchGrants) -> Result<Answer, FetchError> {
        self.in_time(async {
            let response = self.follow(request, &|place| grants.reach(place)).await?;
            let status = response.status().as_u16();
            let headers = read_headers(response.headers())?;
            Ok(Answer { status, headers, body: self.read(response).await? })
        })
        .await
    }

    async fn in_time<T>(&self, fetch: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let time = self.limits.time;
        let fetched = tokio::time::timeout(time, fetch).await;
        fetched.unwrap_or(Err(FetchError::TooSlow { seconds: time.as_secs() }))
    }

    async fn follow(
        &self,
        mut request: Request,
        reach: &(dyn Fn(&Place) -> Result<Reach, FetchError> + Sync),
    ) -> Result<Response, FetchError> {
        // Whoever may name a place may have it; a page elsewhere may not lead there.
        let mut furthest = Reach::Private;
        for _ in 0..=self.limits.redirects {
            furthest = furthest.min(reach(&request.place)?);
            let response = self.ask(&request, furthest).await?;
            let Some(next) = led_to(&response) else { return Ok(response) };
            request = request.led_to(response.status().as_u16(), &next)?;
        }
        Err(FetchError::TooManyRedirects { most: self.limits.redirects })
    }

    fn reach(&self, place: &Place) -> Reach {
        if self.allow.iter().any(|allowed| allowed.is(place)) { Reach::Private } else { Reach::Public }
    }

    async fn ask(&self, request: &Request, reach: Reach) -> Result<Response, FetchError> {
        let Request { place, method, headers, body } = request;
        if reach == Reach::Public {
            place.check_port()?;
        }
        let addresses = self.addresses(place, reach).await?;
        let mut client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(self.limits.connect_time)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("mynah/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Nothing));
        if let Host::Domain(name) = place.host() {
            client = client.resolve_to_addrs(name, &addresses);
        }
        if !place.is_encrypted() {
            // Loading the system's certificates takes longer than the rest, and a redirect has a client of its own.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(FetchError::client)?;
        let request = client.request(method.clone(), place.url().clone()).headers(headers.clone());
        let request = request.header(ACCEPT_ENCODING, "identity");
        let request = match body {
            Some(body) => request.body(body.clone()),
            None => request,
        };
        request.send().await.map_err(FetchError::request)
    }

    /// Where to connect to: the addresses of the host that are public.
    async fn addresses(&self, place: &Place, reach: Reach) -> Result<Vec<SocketAddr>, FetchError> {
        let found =
            match place.host() {
                Host::Ipv4(address) => vec![IpAddr::V4(*address)],
                Host::Ipv6(address) => vec![IpAddr::V6(*address)],
                Host::Domain(name) => self.resolver.resolve(name).await.map_err(|error| {
                    FetchError::NoAddress { host: name.clone(), error: error.to_string() }
                })?,
            };
        let mut refused = None;
        let mut usable = Vec::new();
        for address in found {
            match address::not_public(address).filter(|_| reach < Reach::Private) {
                Some(why) => refused = Some((address, why)),
                None => usable.push(SocketAddr::new(address, place.port())),
            }
        }
        usable.truncate(limits::FETCH_ADDRESSES);
        match (usable.is_empty(), refused) {
            (false, _) => Ok(usable),
            (true, Some((address, why))) => {
                Err(FetchError::NotPublic { place: place.to_string(), address, why })
            }
            (true, None) => Err(FetchError::NoAddress {
                host: place.host().to_string(),
                error: "the name has no address".to_owned(),
            }),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let too_large = || FetchError::TooLarge { most: self.limits.bytes };
        if response.content_length().is_some_and(|length| length > self.limits.bytes as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(FetchError::request)? {
            if body.len() + piece.len() > self.limits.bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

fn read_headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, FetchError> {
    let most = limits::FETCH_HEADER_BYTES;
    if headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > most {
        return Err(FetchError::LongHeaders { most });
    }
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ok(headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect())
}

/// Where an answer leads to, if it is a redirect that says so.
fn led_to(response: &Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    // What is not text leads nowhere that could be checked; joining it is refused.
    response.headers().get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
