//! Lengths of time, as rules and their settings write them: `seconds(10)`, `"10s"`, `"2h30m"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};

/// So many seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// So many minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60))
}

/// So many hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60 * 60))
}

/// So many days of 24 hours.
pub const fn days(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(24 * 60 * 60))
}

/// Reads `90s`, `10m`, `2h30m`, `1d` or `500ms`: whole numbers, each with its unit; `min` and `day` as well, as
/// `mynah.toml` writes them.
pub fn parse(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::fault(
            ["`", text, "` is not a length of time: write for example `90s`, `10m`, `2h30m`, `1d`"].concat(),
        )
    };
    let mut total = Duration::ZERO;
    let mut left = text.trim();
    if left.is_empty() {
        return Err(wrong());
    }
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = left.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, rest) = after.split_at(unit_end);
        let part = match unit.trim() {
            "ms" => Duration::from_millis(number),
            "s" => seconds(number),
            "m" | "min" => minutes(number),
            "h" => hours(number),
            "d" | "day" => days(number),
            _ => return Err(wrong()),
        };
        total = total.checked_add(part).ok_or_else(wrong)?;
        left = rest;
    }
    Ok(total)
}

/// Writes a length of time the way [`parse`] reads it: the two largest units, `2h30m`, `10m`, `0s`.
pub fn in_short(length: Duration) -> String {
    let all = length.as_secs();
    let parts = [(all / 86_400, "d"), (all / 3_600 % 24, "h"), (all / 60 % 60, "m"), (all % 60, "s")];
    let mut out = String::new();
    for (number, unit) in parts.into_iter().skip_while(|(number, _)| *number == 0).take(2) {
        if number > 0 {
            out.push_str(&number.to_string());
            out.push_str(unit);
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// For settings: `#[serde(deserialize_with = "mynah_sdk::duration::deserialize")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map_err(|error| serde::de::Error::custom(error.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_numbers_with_units() {
        for (text, length) in [
            ("90s", seconds(90)),
            ("10m", minutes(10)),
            ("2h30m", minutes(150)),
            (" 1d ", days(1)),
            ("1day5min", minutes(24 * 60 + 5)),
            ("500ms", Duration::from_millis(500)),
        ] {
            assert_eq!(parse(text), Ok(length), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_an_example() {
        for text in
            ["", "10", "m", "-1s", "1.5h", "10 minutes", "99999999999999999999s", "18446744073709551615s1s"]
        {
            let error = parse(text).unwrap_err();
            assert!(error.text().contains("2h30m"), "{error:?}");
        }
    }

    #[test]
    fn the_two_largest_units_are_shown() {
        for (length, text) in [
            (seconds(0), "0s"),
            (seconds(59), "59s"),
            (minutes(10), "10m"),
            (minutes(150), "2h30m"),
            (days(1), "1d"),
            (seconds(86_400 + 61), "1d"),
        ] {
            assert_eq!(in_short(length), text);
        }
    }
}
