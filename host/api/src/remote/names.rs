//! From names of remotes to addresses.
//!
//! The system looks a name up on a thread of those that the whole host shares, and gives the thread back when the name
//! servers have answered or it gives them up, whoever still waits. So a name that nobody answers for is asked for by one
//! thread, however many calls wait for it and however often they try again.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mynah_networks::Boxed;
use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::watch;

/// What was found, or why nothing.
type Found = Result<Vec<SocketAddr>, Arc<io::Error>>;

/// Looks a name up.
type LookUp = dyn Fn(String) -> Boxed<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Addresses by name; of one name one look-up is under way at a time, and all who ask meanwhile get what it finds.
pub(super) struct Names {
    look_up: Box<LookUp>,
    under_way: Arc<Mutex<HashMap<String, watch::Receiver<Option<Found>>>>>,
}

impl Names {
    /// As the system knows them.
    pub(super) fn of_system() -> Self {
        Self::of(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
    }

    fn of(
        look_up: impl Fn(String) -> Boxed<'static, io::Result<Vec<SocketAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { look_up: Box::new(look_up), under_way: Arc::default() }
    }

    /// The look-up of a name that is under way, or a new one.
    fn ask(&self, name: &str) -> watch::Receiver<Option<Found>> {
        let mut under_way = self.under_way.lock();
        if let Some(answer) = under_way.get(name).filter(|answer| answer.has_changed().is_ok()) {
            return answer.clone();
        }
        let (tell, answer) = watch::channel(None);
        under_way.insert(name.to_owned(), answer.clone());
        let (looked_up, all, name) =
            ((self.look_up)(name.to_owned()), self.under_way.clone(), name.to_owned());
        tokio::spawn(async move {
            let found = looked_up.await.map_err(Arc::new);
            all.lock().remove(&name);
            tell.send_replace(Some(found));
        });
        answer
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let mut answer = self.ask(name.as_str());
        Box::pin(async move {
            let found = answer.wait_for(Option::is_some).await?.clone();
            let found = found.unwrap_or_else(|| Ok(Vec::new()))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    fn resolve(names: &Names, name: &str) -> Resolving {
        names.resolve(name.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_nobody_answers_for_takes_one_thread_however_often_it_is_asked_for() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let names = Names::of(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                match name.as_str() {
                    "hangs.example" => pending().await,
                    _ => Ok(vec![([192, 0, 2, 1], 0).into()]),
                }
            })
        });
        for _ in 0..3 {
            let calls = (0..128)
                .map(|_| tokio::time::timeout(Duration::from_secs(5), resolve(&names, "hangs.example")));
            assert!(join_all(calls).await.iter().all(Result::is_err));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let found: Vec<_> = resolve(&names, "answers.example").await.unwrap().collect();
        assert_eq!(found, [SocketAddr::from(([192, 0, 2, 1], 0))]);
    }

    #[tokio::test]
    async fn what_was_found_is_not_kept() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let names = Names::of(move |_| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move {
                if first {
                    Err(io::Error::other("no such name"))
                } else {
                    Ok(vec![([192, 0, 2, 1], 0).into()])
                }
            })
        });
        let error = resolve(&names, "moves.example").await.err().unwrap();
        assert_eq!(error.to_string(), "no such name");
        assert_eq!(resolve(&names, "moves.example").await.unwrap().count(), 1);
    }
}
