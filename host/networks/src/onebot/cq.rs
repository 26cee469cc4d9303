//! CQ strings: messages as one text with `[CQ:type,key=value]` in it. go-cqhttp sends them by default, others if told so.
//!
//! They are only ever read. What is sent is a list of segments, so that no text can become a code.

use serde_json::{Map, Value};

/// A piece of a CQ string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Plain text.
    Text(String),
    /// A code.
    Code {
        /// Its type: `at`, `image` ...
        kind: String,
        /// Its arguments, all text.
        data: Map<String, Value>,
    },
}

/// The pieces of a CQ string, at most so many; whether that was all. What only looks like a code is text.
pub(super) fn pieces(text: &str, most: usize) -> (Vec<Piece>, bool) {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find("[CQ:").map(|at| rest.split_at(at)) {
        plain.push_str(before);
        let inner = from.strip_prefix("[CQ:").unwrap_or(from);
        // A code holds no `]`: it would be escaped. The end of the text is no end of a code.
        let Some((code, after)) = inner.split_once(']') else {
            rest = from;
            break;
        };
        if pieces.len() + 2 > most {
            return (pieces, false);
        }
        match read_code(code) {
            Some(code) => {
                push_text(&mut pieces, &mut plain);
                pieces.push(code);
            }
            None => {
                plain.push_str("[CQ:");
                plain.push_str(code);
                plain.push(']');
            }
        }
        rest = after;
    }
    plain.push_str(rest);
    push_text(&mut pieces, &mut plain);
    (pieces, true)
}

fn push_text(pieces: &mut Vec<Piece>, plain: &mut String) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(unescape(plain)));
        plain.clear();
    }
}

fn read_code(code: &str) -> Option<Piece> {
    let (kind, arguments) = code.split_once(',').unwrap_or((code, ""));
    let is_kind = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if kind.is_empty() || !kind.chars().all(is_kind) {
        return None;
    }
    let arguments = arguments.split(',').filter_map(|argument| argument.split_once('='));
    let data = arguments.map(|(key, value)| (key.trim().to_owned(), Value::String(unescape(value))));
    Some(Piece::Code { kind: kind.to_owned(), data: data.collect() })
}

/// `&amp;` comes last, or `&amp;#91;` would become a bracket.
fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&#91;", "[").replace("&#93;", "]").replace("&#44;", ",").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Vec<Piece> {
        pieces(text, 1_000).0
    }

    fn code(kind: &str, data: Value) -> Piece {
        Piece::Code { kind: kind.into(), data: data.as_object().unwrap().clone() }
    }

    #[test]
    fn codes_and_texts_are_told_apart() {
        assert_eq!(
            read("a[CQ:at,qq=7] b[CQ:image,file=x.jpg,url=http://h/?a=1&amp;b=2][CQ:shake]"),
            [
                Piece::Text("a".into()),
                code("at", json!({ "qq": "7" })),
                Piece::Text(" b".into()),
                code("image", json!({ "file": "x.jpg", "url": "http://h/?a=1&b=2" })),
                code("shake", json!({})),
            ]
        );
        assert_eq!(read(""), []);
    }

    #[test]
    fn escaped_text_is_the_text_that_was_typed() {
        assert_eq!(read("&#91;CQ:at,qq=all&#93; &amp;#91;"), [Piece::Text("[CQ:at,qq=all] &#91;".into())]);
        assert_eq!(read("[CQ:x,k=a&#44;b&#93;]"), [code("x", json!({ "k": "a,b]" }))]);
    }

    #[test]
    fn what_only_looks_like_a_code_stays_text() {
        for text in ["[CQ:", "[CQ:]", "[CQ:a b]", "[CQ:at,qq=1", "[[CQ", "]"] {
            assert_eq!(read(text), [Piece::Text(text.into())]);
        }
    }

    #[test]
    fn a_million_codes_are_not_read_to_the_end() {
        let (pieces, all) = pieces(&"[CQ:a]".repeat(100_000), 100);
        assert!(pieces.len() <= 100 && !all);
        let (pieces, all) = super::pieces(&"[CQ:".repeat(100_000), 100);
        assert!(pieces.len() == 1 && all);
    }
}
