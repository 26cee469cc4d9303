//! Lengths of time and sizes as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A text that is no quantity of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuantityError(String);

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number before the unit and the number of smallest units in it.
fn scaled(text: &str, units: &[(&str, u64)]) -> Result<u64, QuantityError> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim();
    let wrong = || {
        let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
        let given: String = text.chars().take(40).collect();
        QuantityError(format!("`{given}` is not a whole number followed by one of {}", names.join(", ")))
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.checked_mul(*factor).ok_or_else(wrong)
}

const UNITS_OF_TIME: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("day", 86_400_000),
    ("d", 86_400_000),
];

/// A length of time: `50ms`, `10s`, `5min`, `3h`, `1day`; `5m` and `1d` as well, as settings of rules write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        scaled(text, &UNITS_OF_TIME).map(|ms| Self(Duration::from_millis(ms)))
    }
}

/// A size in bytes: `64MiB`, `512KiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        scaled(text, &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_write_them() {
        assert_eq!("50ms".parse(), Ok(Span(Duration::from_millis(50))));
        assert_eq!("5 min".parse(), Ok(Span(Duration::from_secs(300))));
        assert_eq!("5m".parse(), Ok(Span(Duration::from_secs(300))));
        assert_eq!("2d".parse::<Span>(), "2day".parse());
        assert_eq!("64MiB".parse(), Ok(Size(64 << 20)));
        for bad in
            ["", "5", "ms", "-5s", "5 minutes", "1.5h", "99999999999999999999h", "18446744073709551615day"]
        {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert_eq!(
            "64MB".parse::<Size>().unwrap_err().to_string(),
            "`64MB` is not a whole number followed by one of KiB, MiB, GiB"
        );
    }
}
