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
    /// When the history was last written: what happened since may be missing. About a minute ago at
    /// most, unless the disk fails.
    as_of_unix_ms: i64,
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
    /// Blocks found per expected block, once one was expected, without the work and the blocks of
    /// times in which hashes are not known.
    luck: Option<f64>,
    /// The interval that contains the true mean of luck with 95 %: its ends.
    luck_interval: Option<[f64; 2]>,
}

impl Earnings {
    /// Reads what the spans until `now` brought, in milliseconds since the Unix epoch.
    pub(crate) fn read(reader: &Reader, now: i64) -> Result<Self, HistoryError> {
        let as_of_unix_ms = reader.as_of();
        let spans = SPANS.into_iter();
        let read = |(span, seconds, part)| Earned::read(reader, span, now / 1000 - seconds, part);
        let spans: Result<_, HistoryError> = spans.map(read).collect();
        Ok(Self {
            spans: spans?,
            as_of_unix_ms,
        })
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
        let known = totals.iter().filter_map(|total| {
            let totals = &total.totals;
            Some((totals.blocks, totals.expected?))
        });
        let known = known.reduce(|sum, more| (sum.0 + more.0, sum.1 + more.1));
        let expected = known.map(|(_, expected)| expected);
        let luck = match known.map(|(found, expected)| Luck::of(found, expected)) {
            Some(Luck::Known { ratio, interval }) => Some((ratio, interval)),
            Some(Luck::TooEarly) | None => None,
        };
        let fates = reader.fates_since(from.saturating_mul(1000))?;
        Ok(Self {
            span,
            blocks_found: fates.iter().map(|(_, blocks)| blocks).sum(),
            fates: fates.into_iter().map(Into::into).collect(),
            expected_blocks: expected.map(rounded),
            luck: luck.map(|(ratio, _)| rounded(ratio)),
            luck_interval: luck.map(|(_, ends)| [rounded(ends.low), rounded(ends.high)]),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use miner::history::{History, Place, Record, Run, Totals};
    use serde_json::json;

    use super::Earnings;

    #[tokio::test]
    async fn luck_is_of_the_times_in_which_the_work_is_known() {
        let patience = Duration::from_mins(1);
        let history = History::open(Place::Memory, Run::default(), patience).await;
        let history = history.expect("it opens");
        for (hour, expected, blocks) in [(500, Some(4.0), 2), (501, None, 40)] {
            let totals = Totals {
                expected,
                blocks,
                ..Totals::default()
            };
            let at = UNIX_EPOCH + Duration::from_hours(hour);
            history.write(Record::Totals(at, totals, Vec::new()));
        }
        assert!(history.flush(patience).await);
        let now = 502 * 3_600_000;
        let earnings = Earnings::read(&history.reader(), now).expect("it can be read");
        let earnings = serde_json::to_value(earnings).expect("JSON");
        for span in earnings["spans"].as_array().expect("spans") {
            let luck = (&span["expected_blocks"], &span["luck"]);
            assert_eq!(luck, (&json!(4.0), &json!(0.5)));
            // No block of them is in the list.
            assert_eq!(
                (&span["blocks_found"], &span["fates"]),
                (&json!(0), &json!([]))
            );
        }
    }
}
