//! The settings that a script knows, by the JSON Schema that it gives of them.
//!
//! Of the schema only the names are read: where it says that there are no others (`"additionalProperties": false`), a setting
//! that is not among its `properties` is refused. Whether a value can be used the script says itself, when it reads
//! it. A schema comes from whoever wrote the script, so nothing in it is followed or run.

use mynah_model::refusal::{Code, Refusal};
use mynah_model::words::{nearest, one_of};
use serde_json::{Map, Value};

/// Whether a table of settings holds nothing but what the schema knows.
///
/// # Errors
/// `settings.invalid` naming the setting, `place` and the nearest that there is.
pub(crate) fn check(schema: &str, settings: &Map<String, Value>, place: &str) -> Result<(), Refusal> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Ok(());
    }
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let Some(unknown) = settings.keys().find(|name| !known.contains_key(*name)) else { return Ok(()) };
    let refusal = Refusal::new(Code::SettingsInvalid, format!("unknown setting `{unknown}` in {place}"));
    let names = || known.keys().map(String::as_str);
    Err(match nearest(unknown, names()) {
        Some(name) => refusal.hint(format!("did you mean `{name}`?")),
        None if known.is_empty() => refusal.hint("this script has no settings"),
        None => refusal.hint(format!("known here: {}", one_of(names()))),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: &Value, settings: &Value) -> Option<String> {
        let refusal = check(&schema.to_string(), settings.as_object().unwrap(), "the settings").err()?;
        Some(format!("{refusal} {}", refusal.hint.clone().unwrap_or_default()))
    }

    #[test]
    fn a_setting_that_the_script_does_not_know_is_refused_with_the_nearest() {
        let schema = json!({"additionalProperties": false, "properties": {"flood": {}, "keywords": {}}});
        assert_eq!(refused(&schema, &json!({"flood": 1, "keywords": [{"any": "thing"}]})), None);
        let slip = refused(&schema, &json!({"flod": "1 in 2s"})).unwrap();
        assert!(
            slip.contains("settings.invalid: unknown setting `flod`") && slip.contains("mean `flood`"),
            "{slip}"
        );
        let other = refused(&schema, &json!({"zzz": 1})).unwrap();
        assert!(other.contains("known here: `flood` or `keywords`"), "{other}");
        assert!(
            refused(&json!({"additionalProperties": false}), &json!({"a": 1}))
                .unwrap()
                .contains("no settings")
        );
    }

    #[test]
    fn an_open_or_a_strange_schema_refuses_nothing() {
        for schema in [
            json!({}),
            json!({"properties": {"a": {}}}),
            json!({"additionalProperties": {"type": "string"}, "properties": 7}),
            json!([{"$ref": "#"}]),
        ] {
            assert_eq!(refused(&schema, &json!({"b": 1})), None, "{schema}");
        }
        assert!(check("not json", &Map::new(), "").is_ok());
    }
}
