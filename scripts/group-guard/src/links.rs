//! Links in a text, and whether they are allowed.

/// The hosts of the links in a text, in lower case. A link is what a reader's program would make one of:
/// `https://host/…`, `www.host`, or `host.name/…`.
pub(crate) fn hosts(text: &str) -> impl Iterator<Item = String> {
    let text = text.to_ascii_lowercase();
    let is_part = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | ',');
    let found: Vec<String> = text.split(|c| !is_part(c)).flat_map(in_run).collect();
    found.into_iter()
}

/// The hosts in a run of characters that a link can be made of.
fn in_run(run: &str) -> Vec<String> {
    if run.contains("://") {
        return run.split("://").skip(1).map(|after| host_of(after).to_owned()).collect();
    }
    let host = host_of(run);
    let has_path = run.len() > host.len() && run.contains('/');
    if host.starts_with("www.") || (has_path && looks_like_a_name(host)) {
        return vec![host.to_owned()];
    }
    Vec::new()
}

/// The host that an address begins with, without a user's name before it or a port after it. Browsers take a
/// backslash for a slash, so it ends the host as well.
fn host_of(address: &str) -> &str {
    let authority = address.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let after_user = authority.rsplit('@').next().unwrap_or_default();
    after_user.split(':').next().unwrap_or_default().trim_end_matches('.')
}

/// `host.name`: labels with dots between them, the last one of letters.
fn looks_like_a_name(host: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    host.rsplit_once('.').is_some_and(|(rest, last)| {
        last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()) && rest.split('.').all(is_label)
    })
}

/// Whether a host is one of these, or below one of them.
pub(crate) fn is_allowed(host: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| {
        let below = host.len().checked_sub(allowed.len()).and_then(|at| host.split_at_checked(at));
        below.is_some_and(|(before, end)| {
            end.eq_ignore_ascii_case(allowed) && (before.is_empty() || before.ends_with('.'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_a_reader_would_click_them() {
        for (text, expected) in [
            ("看 HTTPS://Example.org/a?b=c 吧", vec!["example.org"]),
            ("快来https://a.example，和http://b.example:8080/", vec!["a.example", "b.example"]),
            ("www.example.org", vec!["www.example.org"]),
            ("加群t.me/abc", vec!["t.me"]),
            ("https://good.example@evil.example/", vec!["evil.example"]),
            ("https://evil.example\\@good.example/", vec!["evil.example"]),
            ("(https://example.org.)", vec!["example.org"]),
            ("https://坏.例子/", vec![""]),
            ("and/or 1.5/2 e.g. a.b 24/7 ... v1.2", vec![]),
        ] {
            assert_eq!(hosts(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_below_an_allowed_host_is_allowed_and_what_ends_like_it_is_not() {
        let allowed = ["Example.org".to_owned()];
        assert!(is_allowed("example.org", &allowed));
        assert!(is_allowed("docs.example.org", &allowed));
        for host in ["badexample.org", "example.org.evil.example", "", "org"] {
            assert!(!is_allowed(host, &allowed), "{host}");
        }
    }
}
