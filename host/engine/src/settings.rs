//! What the operator set for a script: a table for all chats, and tables for some that go over it.

use std::collections::HashMap;
use std::sync::Arc;

use mynah_model::address::{Address, AddressPattern};
use mynah_model::event::Event;
use mynah_model::refusal::{Code, Refusal};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::limits::SETTINGS_CACHED;
use crate::patterns::PatternSet;
use crate::settings_schema;

/// The settings of a script in all their layers. Cheap to clone; immutable.
#[derive(Clone)]
pub struct SettingsLayers(Arc<Layers>);

struct Layers {
    base: Arc<SettingsView>,
    /// Widest first, so that a narrower one goes over it.
    chats: Vec<(AddressPattern, Value)>,
    /// Chats for which the same layers hold share a view.
    views: Mutex<HashMap<Vec<usize>, Arc<SettingsView>>>,
    version: u64,
}

impl SettingsLayers {
    /// Takes the settings for all chats, and those for some of them. Where several layers hold for a chat,
    /// tables are merged key by key, and of two other values the narrower pattern's wins (of equally narrow
    /// ones the later).
    ///
    /// # Errors
    /// `settings.invalid` if a layer is not a table (`null` is an empty one).
    pub fn compile(base: Value, mut chats: Vec<(AddressPattern, Value)>) -> Result<Self, Refusal> {
        let base = table(base, "the settings")?;
        for (pattern, layer) in &mut chats {
            *layer = table(layer.take(), &format!("the settings for `{pattern}`"))?;
        }
        chats.sort_by_key(|(pattern, _)| pattern.narrowness());
        let mut digest = Sha256::new().chain_update(base.to_string());
        for (pattern, layer) in &chats {
            digest.update(format!("\n{pattern} {layer}"));
        }
        let version = digest.finalize().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        let base = Arc::new(SettingsView::new(base));
        Ok(Self(Arc::new(Layers { base, chats, views: Mutex::default(), version })))
    }

    /// Whether all layers hold nothing but what a script's schema knows.
    ///
    /// # Errors
    /// `settings.invalid` naming the setting, where it stands, and the nearest that there is.
    pub fn check(&self, schema: &str) -> Result<(), Refusal> {
        let chats =
            self.0.chats.iter().map(|(pattern, layer)| (layer, format!("the settings for `{pattern}`")));
        std::iter::once((&self.0.base.value, "the settings".to_owned()))
            .chain(chats)
            .filter_map(|(layer, place)| Some((layer.as_object()?, place)))
            .try_for_each(|(layer, place)| settings_schema::check(schema, layer, &place))
    }

    /// A number that is the same for the same settings, on every host.
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The settings that hold for a chat, merged, as JSON.
    pub fn resolved(&self, address: &Address) -> Value {
        self.view(address).value.clone()
    }

    /// Whether any row of a pattern set occurs in a text; false if there is no such set, or it is wrong.
    pub fn matches_any(&self, address: &Address, set: &str, text: &str) -> bool {
        self.view(address).patterns(set).is_ok_and(|set| set.matches(text))
    }

    /// The settings as the chat of an event sees them.
    pub(crate) fn view_of(&self, event: &Event) -> Arc<SettingsView> {
        if self.0.chats.is_empty() {
            return Arc::clone(&self.0.base);
        }
        self.view(&event.address())
    }

    /// The settings as one chat sees them.
    pub(crate) fn view(&self, address: &Address) -> Arc<SettingsView> {
        let layers = &self.0;
        if layers.chats.is_empty() {
            return Arc::clone(&layers.base);
        }
        let holds =
            |place: &usize| layers.chats.get(*place).is_some_and(|(pattern, _)| pattern.matches(address));
        let holding: Vec<usize> = (0..layers.chats.len()).filter(holds).collect();
        if holding.is_empty() {
            return Arc::clone(&layers.base);
        }
        let mut views = layers.views.lock();
        if let Some(view) = views.get(&holding) {
            return Arc::clone(view);
        }
        let mut merged = layers.base.value.clone();
        for place in &holding {
            if let Some((_, layer)) = layers.chats.get(*place) {
                merge(&mut merged, layer);
            }
        }
        let view = Arc::new(SettingsView::new(merged));
        if views.len() >= SETTINGS_CACHED {
            views.clear();
        }
        views.insert(holding, Arc::clone(&view));
        view
    }
}

impl Default for SettingsLayers {
    /// No settings.
    fn default() -> Self {
        let base = Arc::new(SettingsView::new(Value::Object(serde_json::Map::new())));
        Self(Arc::new(Layers { base, chats: Vec::new(), views: Mutex::default(), version: 0 }))
    }
}

impl std::fmt::Debug for SettingsLayers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Settings may hold secrets.
        write!(f, "SettingsLayers({:016x})", self.0.version)
    }
}

/// A pattern set, or what is wrong with it.
type CompiledSet = Result<Arc<PatternSet>, Arc<str>>;

/// The settings of a script as one chat sees them, with what was computed from them.
pub(crate) struct SettingsView {
    value: Value,
    rendered: Mutex<HashMap<String, Arc<str>>>,
    patterns: Mutex<HashMap<String, CompiledSet>>,
}

impl SettingsView {
    fn new(value: Value) -> Self {
        Self { value, rendered: Mutex::default(), patterns: Mutex::default() }
    }

    /// The value at a path of keys joined by `.`, as JSON text.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<str>> {
        if let Some(text) = self.rendered.lock().get(path) {
            return Some(Arc::clone(text));
        }
        let text: Arc<str> = self.at(path)?.to_string().into();
        remember(&mut self.rendered.lock(), path, &text);
        Some(text)
    }

    /// The pattern set at a path. The error says what is wrong with it.
    pub(crate) fn patterns(&self, set: &str) -> CompiledSet {
        if let Some(compiled) = self.patterns.lock().get(set) {
            return compiled.clone();
        }
        let Some(table) = self.at(set) else {
            let set = crate::fault::cut(set.to_owned(), 100);
            return Err(format!("the settings have no pattern set `{set}`").into());
        };
        // Compiled outside of the lock: two workers may both do it, neither waits for the other.
        let compiled = PatternSet::compile(set, table).map(Arc::new).map_err(Arc::from);
        remember(&mut self.patterns.lock(), set, &compiled);
        compiled
    }

    fn at(&self, path: &str) -> Option<&Value> {
        if path.is_empty() {
            return Some(&self.value);
        }
        path.split('.').try_fold(&self.value, |value, key| value.as_object()?.get(key))
    }
}

/// Only paths where something stands, so that what scripts ask for in vain takes no room; of others there are as many as the
/// settings have.
fn remember<T: Clone>(cache: &mut HashMap<String, T>, path: &str, value: &T) {
    if cache.len() >= SETTINGS_CACHED {
        cache.clear();
    }
    cache.insert(path.to_owned(), value.clone());
}

fn table(value: Value, what: &str) -> Result<Value, Refusal> {
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(Value::Object(serde_json::Map::new())),
        _ => Err(Refusal::new(Code::SettingsInvalid, format!("{what} must be a table of keys and values"))),
    }
}

fn merge(into: &mut Value, layer: &Value) {
    match (into, layer) {
        (Value::Object(into), Value::Object(layer)) => {
            for (key, value) in layer {
                match into.get_mut(key) {
                    Some(old) => merge(old, value),
                    None => {
                        into.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (into, layer) => into.clone_from(layer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn layers() -> SettingsLayers {
        let base = json!({"flood": {"count": 6, "seconds": 10}, "words": ["a", "b"], "name": "base"});
        let chats = vec![
            ("qq/group/7".parse().unwrap(), json!({"flood": {"count": 12}, "words": ["c"]})),
            ("qq/group/*".parse().unwrap(), json!({"flood": {"count": 9, "seconds": 5}})),
        ];
        SettingsLayers::compile(base, chats).unwrap()
    }

    fn get(layers: &SettingsLayers, address: &str, path: &str) -> Option<String> {
        layers.view(&address.parse().unwrap()).get(path).map(|text| text.to_string())
    }

    #[test]
    fn a_narrower_layer_goes_over_a_wider_one_key_by_key() {
        let layers = layers();
        assert_eq!(get(&layers, "qq/group/7", "flood").unwrap(), r#"{"count":12,"seconds":5}"#);
        assert_eq!(get(&layers, "qq/group/8", "flood").unwrap(), r#"{"count":9,"seconds":5}"#);
        assert_eq!(get(&layers, "qq/friend/7", "flood.count").unwrap(), "6");
        assert_eq!(get(&layers, "qq/group/7", "words").unwrap(), r#"["c"]"#);
        assert_eq!(get(&layers, "qq/group/7", "name").unwrap(), r#""base""#);
        assert_eq!(get(&layers, "qq/group/7", "name.x"), None);
        assert_eq!(get(&layers, "qq/group/7", "nothing"), None);
        assert!(get(&layers, "wx", "").unwrap().starts_with('{'));
    }

    #[test]
    fn chats_with_the_same_layers_share_what_was_computed() {
        let layers = layers();
        let view = |address: &str| layers.view(&address.parse().unwrap());
        assert!(Arc::ptr_eq(&view("qq/group/8"), &view("qq/group/9")));
        assert!(Arc::ptr_eq(&view("qq"), &view("wx/group/7")));
        assert!(!Arc::ptr_eq(&view("qq/group/7"), &view("qq/group/8")));
    }

    #[test]
    fn pattern_sets_follow_the_layers_and_what_is_wrong_with_one_is_kept() {
        let layers = layers();
        let address = |text: &str| text.parse::<Address>().unwrap();
        assert!(layers.matches_any(&address("qq"), "words", "xAx"));
        assert!(!layers.matches_any(&address("qq/group/7"), "words", "xAx"));
        let view = layers.view(&address("qq"));
        let error = view.patterns("name").unwrap_err();
        assert_eq!(&*error, "pattern set `name` is a text; it must be a list of rows");
        assert!(Arc::ptr_eq(&error, &view.patterns("name").unwrap_err()));
    }

    #[test]
    fn the_version_follows_the_content() {
        let chat = |value| SettingsLayers::compile(value, vec![]).unwrap().version();
        assert_eq!(layers().version(), layers().version());
        assert_eq!(chat(json!({"a": 1, "b": 2})), chat(json!({"b": 2, "a": 1})));
        assert_ne!(chat(json!({"a": 1})), chat(json!({"a": 2})));
    }

    #[test]
    fn nothing_is_kept_of_paths_where_nothing_stands() {
        let view = layers().view(&"qq".parse().unwrap());
        for number in 0..10 {
            let path = number.to_string();
            assert_eq!(view.get(&path), None);
            assert_eq!(
                *view.patterns(&path).unwrap_err(),
                *format!("the settings have no pattern set `{path}`")
            );
        }
        assert!(view.rendered.lock().is_empty() && view.patterns.lock().is_empty());
    }

    #[test]
    fn of_many_paths_where_something_stands_some_are_kept() {
        let many: serde_json::Map<_, _> =
            (0..2 * SETTINGS_CACHED).map(|key| (key.to_string(), json!(1))).collect();
        let layers = SettingsLayers::compile(Value::Object(many), vec![]).unwrap();
        let view = layers.view(&"qq".parse().unwrap());
        for number in 0..2 * SETTINGS_CACHED {
            assert_eq!(view.get(&number.to_string()).as_deref(), Some("1"));
        }
        assert!(view.rendered.lock().len() <= SETTINGS_CACHED);
    }

    #[test]
    fn a_layer_that_is_not_a_table_is_refused_by_name() {
        let refusal =
            SettingsLayers::compile(json!({}), vec![("qq/group/1".parse().unwrap(), json!([]))]).unwrap_err();
        assert_eq!(refusal.text, "the settings for `qq/group/1` must be a table of keys and values");
    }
}
