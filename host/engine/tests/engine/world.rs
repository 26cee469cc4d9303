//! An engine, events, and a store in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use mynah_engine::{
    CallContext, CallReport, Deferred, Engine, EngineConfig, HostServices, ImportGrants, InstancePolicy,
    KvRefusal, KvScope, KvValue, Limits, Release, Script, ServiceError, SettingsLayers,
};
use mynah_model::Attrs;
use mynah_model::address::ChatKind;
use mynah_model::event::{Chat, Event, EventBody};
use mynah_model::message::{Message, MessageClass, MessageSource, Segment};
use mynah_model::names::{ScriptName, Seq};
use mynah_model::refusal::Refusal;
use mynah_model::roster::{Group, Person, Roster};

/// One engine for all tests: it is what one host has, too.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(EngineConfig::default()).unwrap())
}

pub(crate) fn name(name: &str) -> ScriptName {
    name.parse().unwrap()
}

pub(crate) fn admit(component: &[u8]) -> Result<Arc<Release>, Refusal> {
    engine().admit(&name("guest"), component, &ImportGrants::ALL, &Limits::default())
}

/// A script that may be called everywhere.
pub(crate) fn script(component: &[u8]) -> Script {
    let limits = Limits::default();
    scripted(component, "guest", 0, limits)
}

pub(crate) fn scripted(component: &[u8], script: &str, priority: i32, limits: Limits) -> Script {
    let release = admit(component).unwrap();
    let everywhere = vec!["*".parse().unwrap()];
    let settings = SettingsLayers::default();
    Script::new(name(script), release, priority, InstancePolicy::Fresh, limits, everywhere, settings)
}

pub(crate) fn call(script: &Script, event: &Event) -> CallReport {
    call_with(script, event, &Store::default())
}

pub(crate) fn call_with(script: &Script, event: &Event, store: &Store) -> CallReport {
    engine().call(script, event, CallContext { roster: roster(), services: Box::new(store.clone()) })
}

/// What a call is given that needs no state.
pub(crate) fn context() -> CallContext {
    CallContext { roster: roster(), services: Box::new(Store::default()) }
}

/// A message in a group.
pub(crate) fn message(text: &str) -> Event {
    let body = EventBody::MessageReceived(Message {
        id: "m-1".into(),
        sender: person("20001"),
        segments: vec![Segment::text(text)],
        text: text.into(),
        class: MessageClass::Recv,
        source: MessageSource::Person,
        attrs: Attrs::new(),
    });
    event(body, Some((ChatKind::Group, "1")))
}

pub(crate) fn event(body: EventBody, chat: Option<(ChatKind, &str)>) -> Event {
    Event {
        seq: Seq(7),
        account: "qq".parse().unwrap(),
        network: "sim".into(),
        self_id: "10000".into(),
        time: 1_700_000_000_123,
        received_at: 1_700_000_000_456,
        cause: None,
        depth: 0,
        by_script: None,
        chat: chat.map(|(kind, id)| Chat {
            kind,
            id: id.into(),
            name: String::new(),
            via: None,
            attrs: Attrs::new(),
        }),
        body,
        attrs: Attrs::new(),
    }
}

pub(crate) fn person(id: &str) -> Person {
    Person { id: id.into(), name: format!("name of {id}"), ..Person::default() }
}

fn roster() -> Arc<Roster> {
    static ROSTER: OnceLock<Arc<Roster>> = OnceLock::new();
    let make = || {
        let members = (0..1_200).map(|number| person(&number.to_string())).collect();
        let group = Group { id: "1".into(), members, ..Group::default() };
        Arc::new(Roster {
            user: Arc::new(person("10000")),
            groups: [group].into_iter().collect(),
            ..Roster::default()
        })
    };
    ROSTER.get_or_init(make).clone()
}

type Keys = BTreeMap<(bool, String), KvValue>;

/// State in memory. A clone is the same one.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Keys>>);

impl Store {
    pub(crate) fn get(&self, key: &str) -> Option<KvValue> {
        self.0.lock().unwrap().get(&(false, key.to_owned())).cloned()
    }

    pub(crate) fn put(&self, key: &str, value: &str, expires_at: Option<i64>) {
        let value = KvValue { value: value.into(), expires_at };
        self.0.lock().unwrap().insert((false, key.to_owned()), value);
    }
}

impl HostServices for Store {
    fn kv_get(&mut self, scope: KvScope, key: &str) -> Result<Option<KvValue>, ServiceError> {
        if key == "broken" {
            return Err(ServiceError("the disk is gone".into()));
        }
        Ok(self.0.lock().unwrap().get(&(scope == KvScope::Shared, key.to_owned())).cloned())
    }

    fn kv_put(&mut self, scope: KvScope, key: &str, value: Option<KvValue>) -> Result<(), KvRefusal> {
        if key == "full" {
            return Err(KvRefusal::Quota("the script holds 10 keys; it may hold 10".into()));
        }
        let key = (scope == KvScope::Shared, key.to_owned());
        let mut keys = self.0.lock().unwrap();
        match value {
            Some(value) => keys.insert(key, value),
            None => keys.remove(&key),
        };
        Ok(())
    }

    fn kv_list(
        &mut self,
        scope: KvScope,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, KvValue)>, ServiceError> {
        let keys = self.0.lock().unwrap();
        let all = keys.iter().filter(|((shared, key), _)| {
            *shared == (scope == KvScope::Shared)
                && key.starts_with(prefix)
                && after.is_none_or(|after| key.as_str() > after)
        });
        Ok(all.take(limit as usize).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn give_way(&mut self, _: Duration) -> Result<(), Deferred> {
        Ok(())
    }
}
