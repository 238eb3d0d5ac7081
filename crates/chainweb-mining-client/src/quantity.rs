//! Parsers for the numbers in flags: durations, numbers with a unit prefix, and counts.

use std::num::NonZeroUsize;
use std::time::Duration;

/// Parses a time with its unit, from a microsecond to a year.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_micros(1);
    const MOST: Duration = Duration::from_hours(24 * 366);
    match humantime::parse_duration(text) {
        Ok(time) if (LEAST..=MOST).contains(&time) => Ok(time),
        Ok(_) => Err("must be between a microsecond and a year".to_owned()),
        Err(_) => Err("expected a time with its unit, as in 10s, 1500ms or 2m".to_owned()),
    }
}

/// The unit prefixes of the Haskell client. A prefix stands before those that are its ending.
const READ_PREFIXES: [(&str, f64); 21] = [
    ("da", 1e1),
    ("ki", 1024.0),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("Zi", 1_180_591_620_717_411_303_424.0),
    ("Yi", 1_208_925_819_614_629_174_706_176.0),
    ("h", 1e2),
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("Z", 1e21),
    ("Y", 1e24),
    ("", 1.0),
];

/// Parses a number, possibly with a unit prefix: `1500`, `2.5M`, `10k`, `4Gi`.
pub(crate) fn prefixed_number(text: &str) -> Result<f64, String> {
    let text = text.trim_end_matches("H/s").trim_end();
    let mut prefixes = READ_PREFIXES.into_iter();
    let read = prefixes.find_map(|(prefix, factor)| Some((text.strip_suffix(prefix)?, factor)));
    let number = read.and_then(|(digits, factor)| {
        let number: f64 = digits.trim_end().parse().ok()?;
        Some(number * factor)
    });
    match number {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(
            "expected a number, optionally with a unit prefix (k, M, G, T, P, E, Z, Y, Ki, Mi …), as in 2.5M"
                .to_owned(),
        ),
    }
}

/// Parses a number above zero, as [`prefixed_number`] does.
pub(crate) fn positive_number(text: &str) -> Result<f64, String> {
    match prefixed_number(text)? {
        number if number > 0.0 => Ok(number),
        _ => Err("must be above zero".to_owned()),
    }
}

/// Parses a count from one to `most`.
pub(crate) fn count(text: &str, most: usize) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(count) if count.get() <= most => Ok(count),
        _ => Err(format!("expected a number from 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{positive_duration, prefixed_number};

    #[test]
    fn numbers_take_unit_prefixes() {
        #[track_caller]
        fn check(text: &str, expected: Option<f64>) {
            assert_eq!(prefixed_number(text).ok(), expected);
        }
        check("0", Some(0.0));
        check("1500", Some(1500.0));
        check("2.5M", Some(2_500_000.0));
        check("10k", Some(10_000.0));
        check("10 MH/s", Some(10_000_000.0));
        check("", None);
        check("-1", None);
        check("inf", None);
        check("1e6", Some(1e6));
        check("1000000.0", Some(1e6));
        check("3da", Some(30.0));
        check("3h", Some(300.0));
        check("1.5K", Some(1500.0));
        check("2E", Some(2e18));
        check("2E3", Some(2000.0));
        check("2 Z", Some(2e21));
        check("0.5YH/s", Some(0.5e24));
        check("1ki", Some(1024.0));
        check("1.5Ki", Some(1536.0));
        check("2Gi", Some(2_f64.powi(31)));
        check("1Yi", Some(2_f64.powi(80)));
        check("1m", None);
        check("1kk", None);
        check("i", None);
        check("nan", None);
        check("1e300P", None);
        check("M", None);
        check("1 X", None);
    }

    #[test]
    fn times_are_read_with_their_unit_and_are_above_zero() {
        assert_eq!(positive_duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(positive_duration("2m"), Ok(Duration::from_mins(2)));
        assert!(positive_duration("0s").is_err());
        assert!(positive_duration("300000000000y").is_err());
        assert!(positive_duration("10").is_err());
        assert!(positive_duration("-1s").is_err());
    }
}
