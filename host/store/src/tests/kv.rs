//! The state of scripts: any text, ordered by bytes, gone when it expires.

use std::process::Command;

use super::{folder, open, put, put_until, script, temporary, value, write};
use crate::{KvExpired, KvRow, KvTotals, SHARED_SCOPE, Store, Write};

const SCOPE: &str = "qq/group/1";

fn keys(store: &Store, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    let rows = store.read(|reader| reader.kv_list(&script("a"), SCOPE, prefix, after, limit, 100)).unwrap();
    rows.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn any_text_is_a_key_and_a_value() {
    let store = temporary();
    for (key, text) in [("", ""), ("a\0b", "x\0y"), ("a", "one"), ("群🐦", "灰\u{200b}\n'\""), ("%_", "?")]
    {
        write(&store, put("a", key, text)).unwrap();
        assert_eq!(value(&store, "a", key).as_deref(), Some(text), "{key:?}");
    }
    assert_eq!(keys(&store, "", None, 100), ["", "%_", "a", "a\0b", "群🐦"]);
    assert_eq!(keys(&store, "a\0", None, 100), ["a\0b"]);
}

#[test]
fn scripts_and_scopes_do_not_see_each_other() {
    let store = temporary();
    let shared = Write::KvPut {
        script: script("a"),
        scope: SHARED_SCOPE.into(),
        key: "k".into(),
        value: Some(KvRow { value: "shared".into(), expires_at: None }),
    };
    write(&store, vec![put("a", "k", "a"), put("b", "k", "b"), shared]).unwrap();
    assert_eq!(value(&store, "a", "k").as_deref(), Some("a"));
    assert_eq!(value(&store, "b", "k").as_deref(), Some("b"));
    let row = store.read(|reader| reader.kv_get(&script("a"), SHARED_SCOPE, "k", 0)).unwrap();
    assert_eq!(row.unwrap().value, "shared");
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let store = temporary();
    let batch: Vec<_> = (0..250).map(|n| put("a", &format!("warn/{n:03}"), "1")).collect();
    write(&store, batch).unwrap();
    write(&store, vec![put("a", "warm", "1"), put("a", "warn", "1"), put("a", "warn0", "1")]).unwrap();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let page = keys(&store, "warn/", listed.last().map(String::as_str), 100);
        let last = page.len() < 100;
        listed.extend(page);
        if last {
            break;
        }
    }
    assert_eq!(listed, (0..250).map(|n| format!("warn/{n:03}")).collect::<Vec<_>>());
    assert_eq!(keys(&store, "warn/", Some("a"), 1), ["warn/000"]);
    assert_eq!(keys(&store, "warn/", Some("warn0"), 9), [""; 0]);
}

#[test]
fn values_expire_by_the_time_that_is_given() {
    let store = temporary();
    write(&store, vec![put_until("a", "k", "1", Some(50)), put("a", "stays", "1")]).unwrap();
    let at = |now| store.read(|reader| reader.kv_get(&script("a"), SCOPE, "k", now)).unwrap();
    assert_eq!(at(49), Some(KvRow { value: "1".into(), expires_at: Some(50) }));
    assert_eq!(at(50), None);
    assert_eq!(keys(&store, "", None, 10), ["stays"]);
    let expired = |at| store.read(|reader| reader.kv_expired(at, 9)).unwrap();
    assert_eq!(expired(49), []);
    assert_eq!(expired(50), [KvExpired { script: script("a"), scope: SCOPE.into(), key: "k".into() }]);
    write(&store, put("a", "k", "kept")).unwrap();
    assert_eq!(at(1_000).unwrap().value, "kept");
}

#[test]
fn totals_count_bytes_past_a_nul() {
    let store = temporary();
    write(&store, put("a", "\0k", "灰\0灰")).unwrap();
    let totals = store.read(|reader| reader.kv_totals()).unwrap();
    assert_eq!(totals, [(script("a"), KvTotals { keys: 1, bytes: 9 })]);
}

#[test]
fn totals_are_those_of_each_script() {
    let store = temporary();
    write(&store, vec![put("a", "k", "12"), put_until("a", "l", "", Some(1)), put("b", "灰", "")]).unwrap();
    let totals = store.read(|reader| reader.kv_totals()).unwrap();
    let of = |name, keys, bytes| (script(name), KvTotals { keys, bytes });
    assert_eq!(totals, [of("a", 2, 4), of("b", 1, 3)]);
    let any = |name| store.read(|reader| reader.kv_any(&script(name))).unwrap();
    assert!(any("a") && any("b") && !any("c"));
}

#[test]
fn all_rows_of_a_script_are_listed_by_scope_and_key() {
    let store = temporary();
    let at = |scope: &str, key: &str| Write::KvPut {
        script: script("a"),
        scope: scope.into(),
        key: key.into(),
        value: Some(KvRow { value: "v".into(), expires_at: None }),
    };
    let places =
        [("*", "z"), ("qq/group/1", "\0"), ("qq/group/1", "a"), ("qq/group/1", "ａ"), ("qq/group/10", "a")];
    write(&store, places.iter().rev().map(|(scope, key)| at(scope, key)).collect::<Vec<_>>()).unwrap();
    write(&store, vec![put("b", "other", "1"), put_until("a", "gone", "1", Some(5))]).unwrap();
    let rows = |after, limit| {
        let rows = store.read(|reader| reader.kv_rows(&script("a"), after, limit, 5)).unwrap();
        rows.into_iter().map(|placed| (placed.scope, placed.key)).collect::<Vec<_>>()
    };
    let owned = |places: &[(&str, &str)]| {
        places.iter().map(|(scope, key)| ((*scope).to_owned(), (*key).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(rows(None, 99), owned(&places));
    assert_eq!(rows(Some(("qq/group/1", "\0")), 2), owned(&places[2..4]));
}

#[test]
fn people_can_read_it_with_sqlite3() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    write(&store, put_until("group-guard", "warnings/10086", "3", Some(4_102_444_800_000))).unwrap();
    write(&store, put_until("group-guard", "gone", "3", Some(1_700_000_000_000))).unwrap();
    let sql = "SELECT * FROM state";
    let Ok(output) = Command::new("sqlite3").arg("-readonly").arg(&path).arg(sql).output() else {
        // Not every machine has it; what it would show is then asked of the same library.
        return assert_eq!(value(&store, "group-guard", "warnings/10086").as_deref(), Some("3"));
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "group-guard|qq/group/1|warnings/10086|3|2100-01-01 00:00:00\n", "{:?}", output.stderr);
}
