//! The chat prompt of `mynah dev`: type as a person on the embedded network, see the answers. Lines from a pipe work the
//! same.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mynah_model::address::{ChatKind, ChatRef};
use mynah_model::event::{AccountState, Event};
use mynah_model::roster::{Person, Role};
use mynah_networks::sim::Say;
use mynah_runtime::record::Handled;
use mynah_runtime::{Account, Host};
use tokio::sync::{broadcast, mpsc};

use crate::exit::Failure;
use crate::prompt_line::{HELP, Line};
use crate::run::Running;
use crate::transcript::Transcript;
use crate::{output, people};

/// Answers that are longer in coming are shown when they come; the next line is not held up for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// After this long without anything new an answer is taken to be complete.
const QUIET: Duration = Duration::from_millis(40);

/// Lines that may wait to be read.
const LINES: usize = 16;

/// Why the prompt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The person wants to stop.
    Quit,
    /// Nothing more can be typed, and nobody asked to stop.
    InputOver,
}

/// Talks with whoever types, on the first account of the embedded network.
pub(crate) async fn run(running: &Running) -> Result<Ended, Failure> {
    let host = &running.host;
    let Some(account) = host.accounts().into_iter().find(|account| account.sim().is_some()) else {
        tracing::info!("there is no prompt: no account is on the embedded network");
        return Ok(Ended::InputOver);
    };
    let terminal = std::io::stdin().is_terminal();
    let mut lines = read_lines()?;
    let Some(mut prompt) = Prompt::new(host.clone(), account).await else {
        return Ok(Ended::InputOver);
    };
    if terminal {
        output::print(&format!("\n{HELP}\nAPI and status: {}/api/v1/scripts\n\n", running.url()))?;
    }
    loop {
        if terminal {
            let operator =
                if prompt.account.operators().contains(&prompt.who.id) { " (operator)" } else { "" };
            output::print(&format!("{}{operator} @ {}> ", prompt.who.display_name(), prompt.group_name))?;
        }
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => {
                    if let Some(ended) = prompt.obey(&line).await? {
                        return Ok(ended);
                    }
                }
                // Ctrl-D.
                None if terminal => return Ok(Ended::Quit),
                None => {
                    prompt.listen_for_ever().await?;
                    return Ok(Ended::InputOver);
                }
            },
            news = prompt.news.next() => {
                if terminal {
                    output::print("\r\x1b[K")?;
                }
                prompt.show(news)?;
            }
        }
    }
}

/// Lines of stdin, from a thread of its own: a read that waits cannot be called off.
fn read_lines() -> Result<mpsc::Receiver<String>, Failure> {
    let (tell, lines) = mpsc::channel(LINES);
    let read = move || {
        let mut stdin = std::io::stdin().lock();
        let mut bytes = Vec::new();
        while stdin.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            if tell.blocking_send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                return;
            }
            bytes.clear();
        }
    };
    std::thread::Builder::new().name("mynah-stdin".into()).spawn(read).context("stdin cannot be read")?;
    Ok(lines)
}

/// What happens in the host.
struct News {
    events: broadcast::Receiver<Arc<Event>>,
    handled: broadcast::Receiver<Arc<Handled>>,
}

enum Item {
    Event(Arc<Event>),
    Handled(Arc<Handled>),
    /// More happened than a person could read.
    Missed(u64),
    Over,
}

impl News {
    async fn next(&mut self) -> Item {
        let lost = |error| match error {
            broadcast::error::RecvError::Lagged(missed) => Item::Missed(missed),
            broadcast::error::RecvError::Closed => Item::Over,
        };
        // A call is remembered before what it said is shown.
        tokio::select! {
            biased;
            handled = self.handled.recv() => handled.map_or_else(lost, Item::Handled),
            event = self.events.recv() => event.map_or_else(lost, Item::Event),
        }
    }
}

struct Prompt {
    host: Host,
    account: Arc<Account>,
    who: Person,
    group: String,
    group_name: String,
    news: News,
    transcript: Transcript,
}

impl Prompt {
    /// Waits for the account to be logged in; `None` if it stops.
    async fn new(host: Host, account: Arc<Account>) -> Option<Self> {
        let news = News { events: host.subscribe(), handled: host.subscribe_handled() };
        let mut state = account.watch_state();
        let settled = |state: &AccountState| matches!(state, AccountState::Running | AccountState::Stop);
        let waits = |state: &AccountState| settled(state) || *state == AccountState::Scaning;
        if state.wait_for(waits).await.is_ok_and(|state| *state == AccountState::Scaning) {
            let path = format!("/api/v1/accounts/{}/sim/scan", account.name());
            tracing::info!("there will be a prompt when the QR code is scanned: POST {path}");
        }
        if state.wait_for(settled).await.is_ok_and(|state| *state == AccountState::Stop) {
            tracing::info!(account = %account.name(), "there is no prompt: the account was stopped");
            return None;
        }
        let mut prompt = Self {
            host,
            account,
            who: Person::default(),
            group: String::new(),
            group_name: String::new(),
            news,
            transcript: Transcript::default(),
        };
        let roster = prompt.account.roster();
        if let Some(group) = roster.groups.iter().next() {
            prompt.enter(&group.id, &group.name);
        }
        Some(prompt)
    }

    /// Goes into a group, as whoever it is or else as an ordinary member.
    fn enter(&mut self, id: &str, name: &str) {
        self.group = id.to_owned();
        self.group_name = name.to_owned();
        let roster = self.account.roster();
        let Some(group) = roster.groups.get(id) else { return };
        let here = group.members.get(&self.who.id);
        let ordinary = || {
            let others = group.members.iter().filter(|member| member.id != roster.user.id);
            others.min_by_key(|member| member.role.unwrap_or(Role::Member))
        };
        if let Some(member) = here.or_else(ordinary) {
            self.who = Person::clone(member);
        }
    }

    /// Does what a line says.
    async fn obey(&mut self, line: &str) -> Result<Option<Ended>, Failure> {
        match Line::parse(line) {
            Line::Empty => {}
            Line::Help => output::print(HELP)?,
            Line::Quit => return Ok(Some(Ended::Quit)),
            Line::As(name) => self.become_person(name)?,
            Line::In(group) => {
                let roster = self.account.roster();
                match people::group(&roster, group) {
                    Ok(group) => self.enter(&group.id, &group.name),
                    Err(why) => output::print(&format!("! {why}\n"))?,
                }
            }
            Line::Say(text) => {
                let said = match self.account.sim() {
                    Some(sim) => {
                        sim.say(Say::group(&self.group, &self.who.id, text)).await.map(|said| said.seq)
                    }
                    None => return Ok(Some(Ended::InputOver)),
                };
                self.answer(said).await?;
            }
            Line::Join | Line::Leave => {
                let chat = ChatRef { kind: ChatKind::Group, id: self.group.clone() };
                let done = match self.account.sim() {
                    Some(sim) if Line::parse(line) == Line::Join => {
                        sim.join(&chat, &self.who.id, Some(&self.who.name)).await
                    }
                    Some(sim) => sim.leave(&chat, &self.who.id, None).await,
                    None => return Ok(Some(Ended::InputOver)),
                };
                self.answer(done).await?;
            }
        }
        Ok(None)
    }

    /// Somebody in the group, or anybody whom the account knows, or somebody new.
    fn become_person(&mut self, name: &str) -> Result<(), Failure> {
        let roster = self.account.roster();
        let here = roster.groups.get(&self.group).map(|group| people::person(&group.members, name));
        let elsewhere = || {
            let members = roster.groups.iter().map(|group| &group.members);
            std::iter::once(&roster.friends)
                .chain(members)
                .find_map(|people| people::person(people, name).ok())
        };
        match here {
            Some(Ok(member)) => self.who = Person::clone(member),
            // Several fit: which one is for the person to say.
            Some(Err(why)) if why.starts_with('`') => output::print(&format!("! {why}\n"))?,
            _ => match elsewhere() {
                Some(person) => self.who = Person::clone(person),
                None => {
                    self.who = Person { id: new_id(name), name: name.to_owned(), ..Person::default() };
                    output::print(&format!(
                        "! nobody is called {name} yet: /join brings them into the group\n"
                    ))?;
                }
            },
        }
        Ok(())
    }

    /// Shows what comes of something, until there is no more or it takes too long.
    async fn answer<E: std::fmt::Display>(&mut self, done: Result<impl Sized, E>) -> Result<(), Failure> {
        if let Err(error) = done {
            return output::print(&format!("! {error}\n"));
        }
        let host = self.host.clone();
        let patience = tokio::time::sleep(PATIENCE);
        let settled = host.settled();
        tokio::pin!(patience, settled);
        let mut over = false;
        loop {
            tokio::select! {
                news = self.news.next() => self.show(news)?,
                _ = &mut settled, if !over => over = true,
                () = tokio::time::sleep(QUIET), if over => return Ok(()),
                () = &mut patience => return Ok(()),
            }
        }
    }

    async fn listen_for_ever(&mut self) -> Result<(), Failure> {
        loop {
            match self.news.next().await {
                Item::Over => return Ok(()),
                news => self.show(news)?,
            }
        }
    }

    fn show(&mut self, news: Item) -> Result<(), Failure> {
        let ours = |event: &Event| event.account == *self.account.name();
        let text = match news {
            Item::Event(event) if ours(&event) => self.transcript.event(&event),
            Item::Handled(handled) if ours(&handled.event) => self.transcript.handled(&handled),
            Item::Missed(missed) => format!("! {missed} events were too many to show\n"),
            Item::Event(_) | Item::Handled(_) | Item::Over => String::new(),
        };
        output::print(&text)
    }
}

/// An id for somebody new, out of the name: the network takes any without white space.
fn new_id(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("-")
}
