//! Which processors hashing threads are bound to, as a flag says it.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use rustix::io;
use rustix::thread::{CpuSet, sched_getaffinity};

/// Which processors to bind threads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// All that the program may use.
    Auto,
    /// These, in this order.
    Processors(Vec<usize>),
}

/// Reads `auto` or a list of processors and ranges, as in `0-3,8`.
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
                        "{part:?} is neither a processor nor a range of them: expected `auto` or a list as in 0-3,8, \
                         each below {}",
                        CpuSet::MAX_CPU
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
    number.filter(|number| *number < CpuSet::MAX_CPU)
}

/// Why threads cannot be bound as asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AffinityError {
    /// The program may not run there.
    #[error("--cpu-affinity: this program may not use processor {processor}; it may use {allowed}")]
    NotAllowed {
        /// The first of the processors that it may not use.
        processor: usize,
        /// Those that it may use, as they are written in the flag.
        allowed: String,
    },
    /// The system does not say which processors there are.
    #[error("--cpu-affinity: cannot read which processors this program may use")]
    Unknown(#[source] io::Errno),
}

impl Affinity {
    /// The processors to bind threads to, all of which this program may use.
    pub(crate) fn resolve(&self) -> Result<Arc<[usize]>, AffinityError> {
        let set = sched_getaffinity(None).map_err(AffinityError::Unknown)?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&at| set.is_set(at)).collect();
        match self {
            Self::Auto => Ok(allowed.into()),
            Self::Processors(processors) => {
                let forbidden = processors.iter().find(|at| !allowed.contains(at));
                match forbidden {
                    Some(&processor) => Err(AffinityError::NotAllowed {
                        processor,
                        allowed: list(&allowed),
                    }),
                    None => Ok(processors.as_slice().into()),
                }
            }
        }
    }
}

/// Ascending numbers with their ranges drawn together.
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
    fn what_is_no_list_of_processors_is_refused_with_the_part_that_is_wrong() {
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
    fn ranges_are_drawn_together() {
        assert_eq!(list(&[]), "");
        assert_eq!(list(&[4]), "4");
        assert_eq!(list(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }
}
