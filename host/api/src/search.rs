//! search_friend and search_group: objects by any of their attributes.

use serde_json::Value;

use crate::answer::Answer;
use crate::objects;
use crate::params::Params;

/// Parameters that say how to answer and not what to look for.
const NOT_ATTRIBUTES: [&str; 4] = ["client", "datatype", "callback", "v"];

/// The attributes that are asked for. `spellings` are other names of some.
pub(crate) fn attributes<'a>(
    params: &'a Params,
    spellings: &[(&str, &'static str)],
) -> Vec<(&'a str, &'a str)> {
    let spelled =
        |given: &'a str| spellings.iter().find(|(other, _)| *other == given).map_or(given, |(_, name)| *name);
    params
        .iter()
        .filter(|(name, _)| !NOT_ATTRIBUTES.contains(name))
        .map(|(name, value)| (spelled(name), value))
        .collect()
}

/// Whether an object has every attribute just so; an empty value matches an empty field. Nothing asked for
/// matches nothing.
pub(crate) fn has_all(object: &Value, displayname: &str, wanted: &[(&str, &str)]) -> bool {
    !wanted.is_empty()
        && wanted.iter().all(|(name, value)| {
            if *name == "displayname" {
                return displayname == *value;
            }
            object.get(name).and_then(objects::as_parameter).is_some_and(|text| text == *value)
        })
}

/// What was found, or that nothing was.
pub(crate) fn found(objects: impl Iterator<Item = Value>) -> Answer {
    let objects: Vec<Value> = objects.collect();
    if objects.is_empty() { Answer::error(100, "object not found") } else { Answer::Json(objects.into()) }
}
