//! What the last day, week and 30 days brought.

use miner::history::{HistoryError, Reader, Span};
use miner::telemetry::estimate::Luck;
use serde::Serialize;
use utoipa::ToSchema;

use super::history::FateCount;
use super::rounded;

/// The spans: their names, their lengths in seconds, and the spans that they are summed up from.
const SPANS: [(&str, i64, Span); 3] = [
    ("day", 24 * 3600, Span::Minute),
    ("week", 7 * 24 * 3600, Span::Hour),
    ("month", 30 * 24 * 3600, Span::Hour),
];

/// What the last day, week and 30 days brought, of all runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Earnings {
    /// The spans, the shortest first.
    spans: Vec<Earned>,
}

/// What a span of time brought.
#[derive(Debug, Serialize, ToSchema)]
struct Earned {
    /// `day`, `week` or `month`: the last 24 hours, 7 or 30 days.
    span: &'static str,
    /// The blocks found in it, by their present fate.
    fates: Vec<FateCount>,
    /// The blocks found in it.
    blocks_found: u64,
    /// The expected blocks; `null` if hashes are not known.
    expected_blocks: Option<f64>,
    /// Blocks found per expected block, once one was expected.
    luck: Option<f64>,
    /// The interval that contains the true mean of luck with 95 %: its ends.
    luck_interval: Option<[f64; 2]>,
}

impl Earnings {
    /// Reads what the spans until `now` brought, in milliseconds since the Unix epoch.
    pub(crate) fn read(reader: &Reader, now: i64) -> Result<Self, HistoryError> {
        let spans = SPANS.into_iter();
        let read = |(span, seconds, part)| Earned::read(reader, span, now / 1000 - seconds, part);
        let spans: Result<_, HistoryError> = spans.map(read).collect();
        Ok(Self { spans: spans? })
    }
}

impl Earned {
    fn read(
        reader: &Reader,
        span: &'static str,
        from: i64,
        part: Span,
    ) -> Result<Self, HistoryError> {
        let totals = reader.totals(part, from)?;
        let expected = totals.iter().filter_map(|total| total.totals.expected);
        let expected = expected.reduce(|sum, expected| sum + expected);
        let found = totals.iter().map(|total| total.totals.blocks).sum();
        let luck = match expected.map(|expected| Luck::of(found, expected)) {
            Some(Luck::Known { ratio, interval }) => Some((ratio, interval)),
            Some(Luck::TooEarly) | None => None,
        };
        let fates = reader.fates_since(from.saturating_mul(1000))?.into_iter();
        Ok(Self {
            span,
            fates: fates.map(Into::into).collect(),
            blocks_found: found,
            expected_blocks: expected.map(rounded),
            luck: luck.map(|(ratio, _)| rounded(ratio)),
            luck_interval: luck.map(|(_, ends)| [rounded(ends.low), rounded(ends.high)]),
        })
    }
}
