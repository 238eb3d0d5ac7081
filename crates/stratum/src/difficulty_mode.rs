//! The setting for the share difficulty of all devices.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chainweb::Level;

/// How a session's share target is chosen. A block target that is easier replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifficultyMode {
    /// The block target: devices submit blocks only.
    Block,
    /// A fixed difficulty, in leading zero bits.
    Level(Level),
    /// Variable difficulty that aims at one share per interval.
    Auto(Duration),
}

/// The default share interval.
const INTERVAL: Duration = Duration::from_secs(5);

impl Default for DifficultyMode {
    fn default() -> Self {
        Self::Auto(INTERVAL)
    }
}

/// The error for a text that is not a [`DifficultyMode`]; holds its first 40 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a difficulty is `block`, a level from 0 to 256, `auto` or `auto:<seconds>` with 1 to 3600; got {0:?}"
)]
pub struct DifficultyModeError(String);

impl FromStr for DifficultyMode {
    type Err = DifficultyModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mode = match text {
            "block" => Some(Self::Block),
            "auto" => Some(Self::default()),
            _ => match text.strip_prefix("auto:") {
                Some(seconds) => seconds
                    .parse()
                    .ok()
                    .filter(|seconds| (1..=3600).contains(seconds))
                    .map(|seconds| Self::Auto(Duration::from_secs(seconds))),
                None => text.parse().ok().and_then(Level::new).map(Self::Level),
            },
        };
        mode.ok_or_else(|| DifficultyModeError(text.chars().take(40).collect()))
    }
}

/// Writes a text that parses as the same mode, in whole seconds.
impl fmt::Display for DifficultyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => f.write_str("block"),
            Self::Level(level) => level.fmt(f),
            Self::Auto(INTERVAL) => f.write_str("auto"),
            Self::Auto(interval) => write!(f, "auto:{}", interval.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chainweb::Level;

    use super::{DifficultyMode, DifficultyModeError};

    #[test]
    fn modes_parse_and_print() {
        #[track_caller]
        fn check(text: &str, mode: DifficultyMode) {
            assert_eq!(text.parse(), Ok(mode));
            assert_eq!(mode.to_string(), text);
        }
        check("block", DifficultyMode::Block);
        check("0", DifficultyMode::Level(Level::new(0).expect("a level")));
        check(
            "256",
            DifficultyMode::Level(Level::new(256).expect("a level")),
        );
        check("auto", DifficultyMode::Auto(Duration::from_secs(5)));
        check("auto:20", DifficultyMode::Auto(Duration::from_secs(20)));
        for text in [
            "",
            "257",
            "-1",
            "Block",
            "auto:",
            "auto:0",
            "auto:3601",
            "auto:1.5",
            "4 2",
        ] {
            let error = DifficultyModeError(text.to_owned());
            assert_eq!(text.parse::<DifficultyMode>(), Err(error));
        }
    }
}
