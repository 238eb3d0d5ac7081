//! `/mining/work` and `/mining/solved` (`Chainweb/Miner/RestAPI/Server.hs`).

use bytes::Bytes;
use chainweb::ChainId;
use hyper::StatusCode;
use tracing::{debug, warn};

use super::answer::Answer;
use super::json;
use super::media::Media;
use super::query::Query;
use crate::config::Miner;
use crate::network::{Solved, WorkAnswer};
use crate::service::Service;

/// Answers a request for work. Waits until a chain has work, without a time limit on the lines of
/// Pact. The EVM line ignores query and body: its nodes pay accounts of their own.
///
/// # Errors
/// Returns the answer 400, 403 or 503, or 500 on the EVM line.
pub(crate) async fn work(service: &Service, query: &Query, body: &[u8]) -> Result<Answer, Answer> {
    let evm_limit = service.with(|network, _| {
        let config = network.config();
        let is_evm = config.release.is_evm();
        is_evm.then(|| config.scaled(config.limits.stale_work))
    });
    match evm_limit {
        Some(limit) => {
            let of_node = Miner::with_public_key("");
            let answer = tokio::time::timeout(limit, work_for(service, &of_node, None)).await;
            answer.unwrap_or_else(|_| Err(Answer::failed()))
        }
        None => {
            let wanted = query.get("chain")?;
            work_for(service, &json::object(body)?, wanted).await
        }
    }
}

async fn work_for(
    service: &Service,
    miner: &Miner,
    wanted: Option<ChainId>,
) -> Result<Answer, Answer> {
    let mut changes = service.changes();
    loop {
        let answer = service.with(|network, now| network.work(miner, wanted, now));
        match answer {
            WorkAnswer::Work(work) => return Ok(Answer::ok(Media::Octets, work.encode())),
            WorkAnswer::TooManyPayloads => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(Answer::error(status, "Too many work requests"));
            }
            WorkAnswer::Unauthorized => {
                let message = format!("Unauthorized Miner: {}", miner.account);
                return Err(Answer::error(StatusCode::FORBIDDEN, message));
            }
            WorkAnswer::NotYet => {
                changes
                    .changed()
                    .await
                    .expect("the engine holds the sender");
            }
        }
    }
}

/// Answers a submission. A solution answered with 200 is not always a block.
pub(crate) fn solved(service: &Service, body: &Bytes) -> Answer {
    let (outcome, is_evm) = service.with(|network, now| {
        let is_evm = network.config().release.is_evm();
        (network.solve(body, now), is_evm)
    });
    match outcome {
        Solved::Malformed(reason) => {
            let message = format!("Decoding error: {reason}");
            Answer::error(StatusCode::BAD_REQUEST, message)
        }
        Solved::UnknownChain => Answer::failed(),
        Solved::BadPow if !is_evm => {
            let message = "Invalid solved work: Invalid POW hash";
            Answer::error(StatusCode::BAD_REQUEST, message)
        }
        Solved::UnknownPayload if !is_evm => {
            Answer::error(StatusCode::NOT_FOUND, "No associated Payload")
        }
        outcome => {
            match outcome {
                Solved::Frozen => debug!("the cut stands: solution dropped"),
                Solved::Stale => debug!("orphan: the solution's parents are not in the cut"),
                Solved::Invalid(reason) => warn!(
                    event = "solution_rejected",
                    ?reason,
                    "solution failed validation"
                ),
                _ => {}
            }
            Answer::ok(Media::Json, Bytes::new())
        }
    }
}
