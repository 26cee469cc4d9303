//! The rule set: the scripts that are live, and which of them want an event.
//!
//! A rule set never changes; a reload makes a new one. Routing looks only at scripts that could want an
//! event of its kind, and of those that wait for a command only at the ones that have it: a script that does
//! not want an event costs nothing for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mynah_model::address::Address;
use mynah_model::event::{Event, EventBody, EventKind};
use mynah_model::message::Invocation;
use mynah_model::names::ScriptName;
use mynah_model::script::{Command, Filter};

use crate::script::Script;

/// The scripts that are live, in the order in which they see an event.
#[derive(Debug, Default)]
pub struct RuleSet {
    scripts: Vec<Arc<Script>>,
    places: HashMap<ScriptName, usize>,
    /// By kind of event, in the order of [`EventKind::ALL`].
    routes: Vec<Route>,
}

/// The scripts that may want events of one kind: places in the list of scripts.
#[derive(Debug, Default)]
struct Route {
    /// Must be looked at for each event.
    always: Vec<Interest>,
    /// Must be looked at for messages that begin with a command.
    commands: HashMap<String, Vec<Interest>>,
}

/// One filter of one script.
#[derive(Debug, Clone)]
struct Interest {
    script: usize,
    /// Which filter; `None` stands for the one of a script that has none.
    filter: Option<usize>,
}

/// A command of a live script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCommand<'a> {
    /// The script.
    pub script: &'a ScriptName,
    /// The command.
    pub command: &'a Command,
}

/// Several scripts have a command of the same name or alias. All of them are called for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The word.
    pub word: String,
    /// The scripts, in the order in which they are called.
    pub scripts: Vec<ScriptName>,
}

impl RuleSet {
    /// A rule set of these scripts. Of several with one name the last one counts.
    pub fn new(scripts: Vec<Arc<Script>>) -> Self {
        let by_name: HashMap<ScriptName, Arc<Script>> =
            scripts.into_iter().map(|script| (script.name.clone(), script)).collect();
        let mut scripts: Vec<Arc<Script>> = by_name.into_values().collect();
        scripts.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        let places = scripts.iter().enumerate().map(|(place, script)| (script.name.clone(), place)).collect();
        let routes = EventKind::ALL.into_iter().map(|kind| Route::new(kind, &scripts)).collect();
        Self { scripts, places, routes }
    }

    /// All scripts, in the order in which they see an event.
    pub fn scripts(&self) -> &[Arc<Script>] {
        &self.scripts
    }

    /// A script by name.
    pub fn get(&self, name: &ScriptName) -> Option<&Arc<Script>> {
        self.scripts.get(*self.places.get(name)?)
    }

    /// The scripts to be called for an event, in their order.
    ///
    /// What belongs to one script (its timers, fetches and action results) goes to that one, whatever it
    /// wants. Nobody sees a message that they sent themselves, and messages sent go only to scripts that name
    /// them. Everything else goes to the scripts that want it, where they may be called.
    pub fn route<'a>(&'a self, event: &Event) -> impl Iterator<Item = &'a Arc<Script>> + use<'a> {
        let mut places = self.candidates(event);
        let own_message = matches!(event.body, EventBody::MessageSent(_)).then_some(&event.by_script);
        let mut address = None;
        places.retain(|place| {
            self.scripts.get(*place).is_some_and(|script| {
                let covered = script.covers_everything()
                    || script.covers(address.get_or_insert_with(|| event.address()));
                covered && own_message.is_none_or(|by| by.as_ref() != Some(&script.name))
            })
        });
        places.into_iter().filter_map(|place| self.scripts.get(place))
    }

    /// The commands of all scripts, in the order of their scripts.
    pub fn commands(&self) -> impl Iterator<Item = ListedCommand<'_>> {
        self.scripts.iter().flat_map(|script| {
            script.release.info.commands.iter().map(|command| ListedCommand { script: &script.name, command })
        })
    }

    /// Words that more than one script takes as a command.
    pub fn collisions(&self) -> Vec<Collision> {
        let mut words: BTreeMap<String, Vec<ScriptName>> = BTreeMap::new();
        for listed in self.commands() {
            for word in words_of(listed.command) {
                let scripts = words.entry(word).or_default();
                if scripts.last() != Some(listed.script) {
                    scripts.push(listed.script.clone());
                }
            }
        }
        let several = words.into_iter().filter(|(_, scripts)| scripts.len() > 1);
        several.map(|(word, scripts)| Collision { word, scripts }).collect()
    }

    /// Places of the scripts that want the event, in order, each once.
    fn candidates(&self, event: &Event) -> Vec<usize> {
        if let Some(owner) = event.body.owner() {
            return self.places.get(owner).copied().into_iter().collect();
        }
        let Some(route) = self.routes.get(event.body.kind() as usize) else { return Vec::new() };
        let called = event.body.message().filter(|_| !route.commands.is_empty());
        let called = called
            .and_then(|message| Invocation::parse(&message.text))
            .and_then(|call| route.commands.get(&call.name.to_lowercase()));
        let interests = route.always.iter().chain(called.into_iter().flatten());
        let mut places: Vec<usize> = interests
            .filter(|interest| self.matches(interest, event))
            .map(|interest| interest.script)
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// What a filter asks beyond the kind of event and the command.
    fn matches(&self, interest: &Interest, event: &Event) -> bool {
        let Some(script) = self.scripts.get(interest.script) else { return false };
        let Some(filter) = interest.filter.and_then(|place| script.release.info.wants.get(place)) else {
            return interest.filter.is_none();
        };
        let in_chat = filter.chats.is_empty()
            || event.chat.as_ref().is_some_and(|chat| filter.chats.contains(&chat.kind));
        in_chat && (filter.pattern_sets.is_empty() || says_one_of(script, &filter.pattern_sets, event))
    }
}

pub(crate) fn says_one_of(script: &Script, sets: &[String], event: &Event) -> bool {
    let Some(message) = event.body.message() else { return false };
    let address: Address = event.address();
    sets.iter().any(|set| script.settings.matches_any(&address, set, &message.text))
}

impl Route {
    fn new(kind: EventKind, scripts: &[Arc<Script>]) -> Self {
        let mut route = Self::default();
        for (place, script) in scripts.iter().enumerate() {
            let info = &script.release.info;
            if info.wants.is_empty() && kind != EventKind::MessageSent {
                route.always.push(Interest { script: place, filter: None });
            }
            for (number, filter) in info.wants.iter().enumerate().filter(|(_, filter)| names(filter, kind)) {
                let interest = Interest { script: place, filter: Some(number) };
                if filter.commands.is_empty() {
                    route.always.push(interest);
                } else if matches!(kind, EventKind::MessageReceived | EventKind::MessageSent) {
                    for word in words_wanted(filter, &info.commands) {
                        route.commands.entry(word).or_default().push(interest.clone());
                    }
                }
            }
        }
        route
    }
}

/// Whether a filter lets a kind of event through; messages sent must be named.
pub(crate) fn names(filter: &Filter, kind: EventKind) -> bool {
    if filter.events.is_empty() { kind != EventKind::MessageSent } else { filter.events.contains(&kind) }
}

/// The words that begin a message which the filter wants: a command stands for its aliases too.
pub(crate) fn words_wanted(filter: &Filter, commands: &[Command]) -> Vec<String> {
    let mut words: Vec<String> = filter.commands.iter().map(|word| word.to_lowercase()).collect();
    for command in commands {
        let own = words_of(command);
        if own.iter().any(|word| words.contains(word)) {
            words.extend(own);
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}

fn words_of(command: &Command) -> Vec<String> {
    std::iter::once(&command.name).chain(&command.aliases).map(|word| word.to_lowercase()).collect()
}
