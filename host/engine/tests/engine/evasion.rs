//! How many evasions of keywords are found, and how much ordinary chat is taken for one. Run it with `--nocapture` to see
//! the numbers by class; `docs/patterns.md` has them too.

use std::collections::BTreeMap;

use mynah_engine::SettingsLayers;
use mynah_model::address::Address;
use serde_json::{Value, json};

const KEYWORDS: &str = include_str!("../evasion/keywords.json");
const EVASIONS: &str = include_str!("../evasion/evasions.tsv");
const ORDINARY: &str = include_str!("../evasion/ordinary.txt");

/// What is not folded, for example a character for another that sounds like it.
const BEYOND: &str = "beyond";

struct Evasion {
    class: &'static str,
    keyword: &'static str,
    line: String,
}

/// The lines of a file that are no comment.
fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.starts_with("# "))
}

fn evasions() -> Vec<Evasion> {
    let parse = |line: &'static str| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_else(|| panic!("three fields: {line}"));
        Evasion { class: field(), keyword: field(), line: unescape(field()) }
    };
    lines(EVASIONS).map(parse).collect()
}

/// `\u{...}` and `\n` as what they stand for.
fn unescape(line: &str) -> String {
    let mut parts = line.split("\\u{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').unwrap();
        text.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
        text.push_str(rest);
    }
    text.replace("\\n", "\n")
}

/// Every row of the keywords, folded so far.
fn rows(fold: &str) -> Vec<(String, Value)> {
    let rows: Vec<Value> = serde_json::from_str(KEYWORDS).unwrap();
    rows.into_iter()
        .map(|row| match row {
            Value::String(keyword) => {
                let row = json!({ "contains": &keyword, "fold": fold });
                (keyword, row)
            }
            mut row => {
                row["fold"] = fold.into();
                (row["word"].as_str().unwrap().to_owned(), row)
            }
        })
        .collect()
}

fn layers(rows: &[(String, Value)]) -> SettingsLayers {
    let sets = rows.iter().map(|(keyword, row)| (keyword.clone(), json!([row]))).collect();
    let all = rows.iter().map(|(_, row)| row.clone()).collect();
    let settings = json!({ "all": Value::Array(all), "each": Value::Object(sets) });
    SettingsLayers::compile(settings, vec![]).unwrap()
}

fn found(layers: &SettingsLayers, set: &str, text: &str) -> bool {
    layers.matches_any(&"qq".parse::<Address>().unwrap(), set, text)
}

#[test]
fn evasions_of_keywords_are_found_and_ordinary_chat_is_left_alone() {
    let (plain, full) = (rows("plain"), rows("full"));
    let (plain, full) = (layers(&plain), layers(&full));
    let mut classes: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut missed = Vec::new();
    for Evasion { class, keyword, line } in evasions() {
        let set = format!("each.{keyword}");
        let is_found = found(&full, &set, &line);
        let [all, with_plain, with_full] = classes.entry(class).or_default();
        *all += 1;
        *with_plain += usize::from(found(&plain, &set, &line));
        *with_full += usize::from(is_found);
        if !is_found && class != BEYOND {
            missed.push(format!("{class} {keyword}: {line:?}"));
        }
    }
    println!("{:12} {:>6} {:>6} {:>6}", "class", "lines", "plain", "full");
    for (class, [all, plain, full]) in &classes {
        println!("{class:12} {all:6} {plain:6} {full:6}");
    }
    let beyond = classes.remove(BEYOND).unwrap();
    let sum = |which: usize| classes.values().map(|numbers| numbers[which]).sum::<usize>();
    let (all, hit) = (sum(0), sum(2));
    let recall = hit as f64 / all as f64;
    println!(
        "recall {recall:.3} ({hit} of {all}), with what is not folded {:.3}",
        (hit + beyond[2]) as f64 / (all + beyond[0]) as f64
    );
    println!("missed:\n  {}", missed.join("\n  "));

    let ordinary: Vec<String> = lines(ORDINARY).map(unescape).collect();
    let taken = |layers| ordinary.iter().filter(|line| found(layers, "all", line)).collect::<Vec<_>>();
    let (by_plain, mut by_full) = (taken(&plain), taken(&full));
    // A keyword that is part of other words is the keyword's fault.
    by_full.retain(|line| !by_plain.contains(line));
    let rate = by_full.len() as f64 / ordinary.len() as f64;
    println!("ordinary lines taken for one: {rate:.4} ({} of {})", by_full.len(), ordinary.len());
    by_full.iter().for_each(|line| println!("  {line:?}"));
    println!("and, folded or not, because a keyword is part of other words: {}", by_plain.len());
    by_plain.iter().for_each(|line| println!("  {line:?}"));

    assert!(all >= 300 && ordinary.len() >= 300, "{all} and {}", ordinary.len());
    assert!(recall >= 0.97, "recall {recall}");
    assert!(rate <= 0.01, "false positives {rate}");
}

#[test]
fn no_line_stands_there_twice() {
    let mut seen = std::collections::HashSet::new();
    for line in lines(EVASIONS).chain(lines(ORDINARY)) {
        assert!(seen.insert(line), "{line}");
    }
}
