//! The table of limits in `docs/sandbox.md` is what the code says.

use std::fs;

use mynah_engine::{LimitRow, Limits};
use mynah_runtime::limits;

use crate::support::guests::repository;

#[test]
fn the_page_of_the_sandbox_shows_every_limit_as_it_is() {
    let page = fs::read_to_string(repository().join("docs/sandbox.md")).unwrap();
    let shown: Vec<&str> = page
        .lines()
        .skip_while(|line| *line != "| limit | allows | key | past it |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let row = |row: LimitRow| {
        let code = |word: Option<&str>| word.map_or_else(|| "—".to_owned(), |word| format!("`{word}`"));
        format!("| {} | {} | {} | {} |", row.limit, row.allows, code(row.key), code(row.code))
    };
    let right: Vec<_> = Limits::default().rows().into_iter().chain(limits::rows()).map(row).collect();
    assert_eq!(shown, right, "the table in docs/sandbox.md should be\n{}\n", right.join("\n"));
}
