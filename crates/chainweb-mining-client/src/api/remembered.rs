//! The paths of blocks and totals, as JSON or as a file for spreadsheets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use miner::history::{Fate, HistoryError, Reader, Span, wall_clock};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::answer::{Answer, Problem, bytes, json, written};
use super::clock::Clock;
use super::csv;
use super::model::earnings::Earnings;
use super::model::history::{
    Block, BlockPage, History, KnownWorker, KnownWorkers, Total, WorkerHistory, WorkerTotal,
};
use super::shared::{MAX_EXPORTS, Shared};

/// The most blocks of a read, and of an answer.
const PAGE: u32 = 1_000;
const MAX_BLOCKS: u32 = 100_000;
/// How long a request for more than a page waits for others.
const PATIENCE: Duration = Duration::from_secs(5);

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Json,
    Csv,
}

/// Which blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BlocksQuery {
    /// Only blocks of this fate.
    fate: Option<String>,
    /// Only blocks before this one, by its `id`.
    before: Option<i64>,
    /// The most blocks, from 1 to 100,000 [default: 100; 100,000 in CSV].
    limit: Option<u32>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
}

/// Which totals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// `minute` (of the last week), `hour` (of the last 90 days) or `day` [default: hour].
    span: Option<String>,
    /// Only spans that start then or later, in milliseconds since the Unix epoch [default: all].
    from_unix_ms: Option<i64>,
    /// Only the totals of this worker, by hour or day.
    worker: Option<String>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Form,
}

/// Answers with blocks.
pub(super) async fn blocks(
    State(shared): State<Shared>,
    query: Result<Query<BlocksQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let fate = match &query.fate {
        None => None,
        Some(name) => Some(Fate::named(name).ok_or_else(|| {
            let fates = Fate::ALL.map(Fate::name).join(", ");
            let hint = format!("one of {fates}");
            Problem::new(StatusCode::BAD_REQUEST, "no fate has this name", hint)
        })?),
    };
    let format = query.format;
    let limit = query.limit.unwrap_or(match format {
        Form::Json => 100,
        Form::Csv => MAX_BLOCKS,
    });
    if !(1..=MAX_BLOCKS).contains(&limit) {
        let hint = format!("a whole number from 1 to {MAX_BLOCKS}");
        let error = "no such limit";
        return Err(Problem::new(StatusCode::BAD_REQUEST, error, hint));
    }
    let permit = match limit {
        ..=PAGE => None,
        _ => Some(export_permit(&shared).await?),
    };
    let read = move |reader: &Reader| {
        let as_of_unix_ms = reader.as_of();
        let blocks = read_blocks(reader, query.before, fate, limit)?;
        if format == Form::Csv {
            return Ok(csv::table(&blocks));
        }
        let is_full = u32::try_from(blocks.len()) == Ok(limit);
        Ok(bytes(&BlockPage {
            next_before: blocks.last().filter(|_| is_full).map(|block| block.id),
            blocks,
            fates: reader.fates()?.into_iter().map(Into::into).collect(),
            as_of_unix_ms,
        }))
    };
    let bytes = shared.archive.read(read).await?;
    let body = Bytes::from_owner(Export { bytes, permit });
    Ok(respond(format, "blocks", body))
}

/// A body that keeps its permit until it is sent.
struct Export {
    bytes: Bytes,
    #[expect(dead_code, reason = "held")]
    permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Export {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Waits a little for the end of other exports.
async fn export_permit(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = timeout(PATIENCE, Arc::clone(&shared.exports).acquire_owned()).await;
    permit.ok().and_then(Result::ok).ok_or_else(|| {
        let error = format!("{MAX_EXPORTS} long answers are being sent already");
        let hint = format!("read one to its end, or ask for at most {PAGE} blocks");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error, hint)
    })
}

/// Reads in pieces, so that the memory for rows is bounded.
fn read_blocks(
    reader: &Reader,
    mut before: Option<i64>,
    fate: Option<Fate>,
    limit: u32,
) -> Result<Vec<Block>, HistoryError> {
    let (mut blocks, mut left) = (Vec::new(), limit);
    while left > 0 {
        let wanted = left.min(PAGE);
        let rows = reader.blocks(before, fate, wanted)?;
        let Some(last) = rows.last() else { break };
        before = Some(last.row);
        left -= wanted;
        blocks.extend(rows.into_iter().map(Block::from));
    }
    Ok(blocks)
}

/// Answers with totals.
pub(super) async fn history(
    State(shared): State<Shared>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let (name, span) = match query.span.as_deref() {
        None | Some("hour") => ("hour", Span::Hour),
        Some("day") => ("day", Span::Day),
        Some("minute") if query.worker.is_none() => ("minute", Span::Minute),
        Some(_) => {
            let hint = "minute, hour or day; of a worker, hour or day";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "no such span", hint));
        }
    };
    let from_ms = query.from_unix_ms.unwrap_or(0).max(0);
    // Spans that start at the moment itself, or later.
    let from = from_ms / 1000 + i64::from(from_ms % 1000 > 0);
    let format = query.format;
    let read = move |reader: &Reader| {
        let as_of_unix_ms = reader.as_of();
        if let Some(worker) = query.worker {
            let totals = reader.worker_totals(&worker, span, from)?;
            let totals: Vec<WorkerTotal> = totals.into_iter().map(Into::into).collect();
            return Ok(match format {
                Form::Json => bytes(&WorkerHistory {
                    span: name,
                    totals,
                    as_of_unix_ms,
                }),
                Form::Csv => csv::table(&totals),
            });
        }
        let totals = reader.totals(span, from)?;
        let totals: Vec<Total> = totals.into_iter().map(Into::into).collect();
        if format == Form::Csv {
            return Ok(csv::table(&totals));
        }
        let outages = reader.outages(from_ms)?.into_iter();
        Ok(bytes(&History {
            span: name,
            totals,
            outages: outages.map(Into::into).collect(),
            as_of_unix_ms,
        }))
    };
    Ok(respond(format, name, shared.archive.read(read).await?))
}

/// Answers with the devices of all runs.
pub(super) async fn workers(State(shared): State<Shared>) -> Answer {
    let read = |reader: &Reader| {
        let as_of_unix_ms = reader.as_of();
        let workers = reader.workers()?.into_iter().map(KnownWorker::from);
        let workers = workers.collect();
        Ok(bytes(&KnownWorkers {
            workers,
            as_of_unix_ms,
        }))
    };
    Ok(written(shared.archive.read(read).await?))
}

/// Answers with a device; one that has not connected in this run, from the history.
pub(super) async fn worker(
    State(shared): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(name) = name?;
    if let Some(worker) = shared.latest().await?.worker(&name) {
        return Ok(json(&worker));
    }
    let read = move |reader: &Reader| reader.worker(&name);
    let worker = shared.archive.read(read).await?;
    let worker = worker.map(KnownWorker::from);
    worker.as_ref().map(json).ok_or_else(|| {
        let hint =
            "/api/v1/workers lists all; encode other characters than letters and digits as %XX";
        Problem::new(StatusCode::NOT_FOUND, "no device has this name", hint)
    })
}

/// Answers with what the last day, week and 30 days brought.
pub(super) async fn earnings(State(shared): State<Shared>) -> Answer {
    let now = Instant::now();
    let now = Clock::new(now, wall_clock()).unix_ms(now);
    let read = move |reader: &Reader| Ok(bytes(&Earnings::read(reader, now)?));
    Ok(written(shared.archive.read(read).await?))
}

fn respond(format: Form, name: &str, body: Bytes) -> Response {
    match format {
        Form::Json => written(body),
        Form::Csv => csv::file(name, body),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::sync::Semaphore;

    use super::Export;

    #[tokio::test]
    async fn a_body_keeps_its_permit_until_the_last_part_is_sent() {
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).acquire_owned().await.ok();
        let bytes = Bytes::from_static(b"[1,2]");
        let mut body = Bytes::from_owner(Export { bytes, permit });
        let sent = body.split_to(2);
        assert_eq!((&*sent, &*body), (&b"[1"[..], &b",2]"[..]));
        drop(sent);
        assert_eq!(permits.available_permits(), 0);
        drop(body);
        assert_eq!(permits.available_permits(), 1);
    }
}
