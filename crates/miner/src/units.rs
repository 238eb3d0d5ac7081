//! Figures as people write and read them: hash rates, numbers of hashes and times, with the digits that matter.

use std::fmt;
use std::time::Duration;

/// A number of hashes per second, written with a unit prefix.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct HashRate(pub f64);

impl HashRate {
    /// The mean rate of this many hashes in this time; zero for no time.
    pub fn of(hashes: u64, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        Self(if seconds > 0.0 {
            hashes as f64 / seconds
        } else {
            0.0
        })
    }
}

impl fmt::Display for HashRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}H/s", Prefixed(self.0))
    }
}

/// A number with three digits and a unit prefix, and a space behind the digits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Prefixed(pub f64);

impl fmt::Display for Prefixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIXES: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
        let mut value = self.0;
        let mut at = 0;
        // 999.5 would be written as 1000.
        while value >= 999.5 && at + 1 < PREFIXES.len() {
            value /= 1000.0;
            at += 1;
        }
        let digits = match value {
            0.0..9.995 => 2,
            9.995..99.95 => 1,
            _ => 0,
        };
        write!(f, "{value:.digits$} {}", PREFIXES[at])
    }
}

/// A length of time in its largest unit that fits, with two or three digits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct About(pub Duration);

impl About {
    /// The time of this many seconds; what is not a time of sensible length becomes the longest.
    pub fn seconds(seconds: f64) -> Self {
        Self(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(f64, &str); 7] = [
            (31_557_600.0, "y"),
            (86_400.0, "d"),
            (3_600.0, "h"),
            (60.0, "min"),
            (1.0, "s"),
            (1e-3, "ms"),
            (1e-6, "µs"),
        ];
        let seconds = self.0.as_secs_f64();
        if seconds > 1e4 * UNITS[0].0 {
            return f.write_str("more than 10000 y");
        }
        let (unit, name) = UNITS
            .into_iter()
            .find(|(unit, _)| seconds >= *unit)
            .unwrap_or((1e-6, "µs"));
        let value = seconds / unit;
        let digits = usize::from(value < 9.95 && unit >= 1e-3);
        write!(f, "{value:.digits$} {name}")
    }
}

/// A figure as it is written, or that it is not known.
pub(crate) fn or_unknown(figure: Option<impl fmt::Display>) -> String {
    figure.map_or_else(|| "unknown".to_owned(), |figure| figure.to_string())
}

/// A time with its unit, from a microsecond to a year.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_micros(1);
    const MOST: Duration = Duration::from_hours(24 * 366);
    match humantime::parse_duration(text) {
        Ok(time) if (LEAST..=MOST).contains(&time) => Ok(time),
        Ok(_) => Err("must be between a microsecond and a year".to_owned()),
        Err(_) => Err("expected a time with its unit, as in 10s, 1500ms or 2m".to_owned()),
    }
}

/// The unit prefixes that numbers are read with, as the Haskell client reads them. The longer ones stand before those that
/// they end like.
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

/// A number that may have a unit prefix: `1500`, `2.5M`, `10k`, `4Gi`.
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
            "expected a number, with a unit prefix behind it if you like (k, M, G, T, P, E, Z, Y, Ki, Mi …), as in 2.5M"
                .to_owned(),
        ),
    }
}

/// As [`prefixed_number`], above zero.
pub(crate) fn positive_number(text: &str) -> Result<f64, String> {
    match prefixed_number(text)? {
        number if number > 0.0 => Ok(number),
        _ => Err("must be above zero".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{About, HashRate, Prefixed, positive_duration, prefixed_number};

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        #[track_caller]
        fn check(value: f64, text: &str) {
            assert_eq!(Prefixed(value).to_string(), text);
        }
        check(0.0, "0.00 ");
        check(7.0, "7.00 ");
        check(9.996, "10.0 ");
        check(999.4, "999 ");
        check(999.6, "1.00 k");
        check(54_321_000.0, "54.3 M");
        check(1e30, "1000000 Y");
    }

    #[test]
    fn rates_are_hashes_over_time() {
        assert_eq!(
            HashRate::of(5_000_000, Duration::from_secs(2)).to_string(),
            "2.50 MH/s"
        );
        assert_eq!(HashRate::of(5, Duration::ZERO).to_string(), "0.00 H/s");
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        #[track_caller]
        fn check(time: Duration, text: &str) {
            assert_eq!(About(time).to_string(), text);
        }
        check(Duration::ZERO, "0 µs");
        check(Duration::from_micros(340), "340 µs");
        check(Duration::from_micros(1_540), "1.5 ms");
        check(Duration::from_secs(4), "4.0 s");
        check(Duration::from_secs(45), "45 s");
        check(Duration::from_secs(150), "2.5 min");
        check(Duration::from_hours(30), "1.2 d");
        assert_eq!(
            About::seconds(f64::INFINITY).to_string(),
            "more than 10000 y"
        );
        assert_eq!(About::seconds(f64::NAN).to_string(), "more than 10000 y");
    }

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
