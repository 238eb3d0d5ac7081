//! The processors to which hashing threads are pinned.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use miner::platform::{self, MOST_PROCESSORS};

/// The processors to which threads are pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// All processors that the program may use.
    Auto,
    /// Processors in the order of the threads.
    Processors(Vec<usize>),
}

/// Parses `auto` or a list of processors and ranges, such as `0-3,8`.
impl FromStr for Affinity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let mut processors = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (processor(first), processor(last)) {
                (Some(first), Some(last)) if first <= last => processors.extend(first..=last),
                _ => {
                    return Err(format!(
                        "{part:?} is neither a processor nor a range: expected `auto` or a list such as 0-3,8, \
                         each below {MOST_PROCESSORS}"
                    ));
                }
            }
        }
        let mut seen = BTreeSet::new();
        match processors
            .iter()
            .find(|processor| !seen.insert(**processor))
        {
            Some(twice) => Err(format!("processor {twice} is named twice")),
            None => Ok(Self::Processors(processors)),
        }
    }
}

fn processor(text: &str) -> Option<usize> {
    let number = text.trim().parse().ok();
    number.filter(|number| *number < MOST_PROCESSORS)
}

impl Affinity {
    /// Returns the processors to which threads are pinned.
    ///
    /// # Errors
    /// Returns an error if the program may not use one of them.
    pub(crate) fn resolve(&self) -> anyhow::Result<Arc<[usize]>> {
        let allowed = platform::processors()
            .context("--cpu-affinity: cannot read which processors this program may use")?;
        match self {
            Self::Auto => Ok(allowed.into()),
            Self::Processors(processors) => {
                if let Some(processor) = processors.iter().find(|at| !allowed.contains(at)) {
                    bail!(
                        "--cpu-affinity: this program may not use processor {processor}; it may \
                         use {}",
                        list(&allowed)
                    );
                }
                Ok(processors.as_slice().into())
            }
        }
    }
}

/// Formats ascending numbers, with ranges.
fn list(numbers: &[usize]) -> String {
    let ranges: Vec<String> = numbers
        .chunk_by(|a, b| a + 1 == *b)
        .map(|range| match range {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => unreachable!("a chunk has at least one number"),
        })
        .collect();
    ranges.join(",")
}

#[cfg(test)]
mod tests {
    use super::{Affinity, list};

    #[test]
    fn lists_of_processors_have_ranges() {
        #[track_caller]
        fn check(text: &str, expected: &[usize]) {
            assert_eq!(text.parse(), Ok(Affinity::Processors(expected.to_vec())));
        }
        check("0", &[0]);
        check("3,1,0", &[3, 1, 0]);
        check("0-3,8", &[0, 1, 2, 3, 8]);
        check("5-5, 7", &[5, 7]);
        assert_eq!("auto".parse(), Ok(Affinity::Auto));
    }

    #[test]
    fn errors_in_lists_name_the_invalid_part() {
        #[track_caller]
        fn check(text: &str, part: &str) {
            let error = text.parse::<Affinity>().expect_err("not a list");
            assert!(error.contains(part), "{text}: {error}");
        }
        check("", "\"\"");
        check("0,", "\"\"");
        check("3-1", "\"3-1\"");
        check("-1", "\"-1\"");
        check("0-2-4", "\"0-2-4\"");
        check("1024", "1024");
        check("0-18446744073709551615", "18446744073709551615");
        check("all", "`auto`");
        check("0-3,2", "processor 2 is named twice");
    }

    #[test]
    fn adjacent_numbers_become_ranges() {
        assert_eq!(list(&[]), "");
        assert_eq!(list(&[4]), "4");
        assert_eq!(list(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }
}
