//! Update streams: one per chain, events without data, closed by the node after a few minutes.
//!
//! A stream occupies its slot until it ends. The node notices a closed connection only at the next
//! event (`updatesHandler` in `Chainweb/Miner/RestAPI/Server.hs`). The bytes are those of
//! `Network.Wai.EventSource` in wai-extra.

use std::sync::Arc;

use bytes::Bytes;
use chainweb::ChainId;
use hyper::StatusCode;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, AnswerBody, Piece, corrupt, split};
use crate::config::Miners;
use crate::endpoint::Endpoint;
use crate::faults::Verdict;
use crate::network::Update;
use crate::service::Service;

/// Pieces queued for a slow reader; beyond them its stream skips events.
const PIECES: usize = 4;

impl Update {
    const fn event(self) -> &'static [u8] {
        match self {
            Self::NewCut => b"event:New Cut\n\n",
            Self::RefreshedBlock => b"event:Refreshed Block\n\n",
        }
    }
}

/// Starts a stream once the chain has work; an unknown chain never has. On the EVM line, streams of
/// known chains start at once, and others fail.
///
/// # Errors
/// Returns the answer 500 or 503.
pub(crate) async fn updates(
    service: &Arc<Service>,
    stop: &CancellationToken,
    body: &[u8],
) -> Result<Answer, Answer> {
    let slots = Arc::clone(&service.stream_slots);
    let slot = slots.try_acquire_owned().map_err(|_| {
        let message = "No more update streams available currently. Retry later.";
        Answer::plain(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    let chain = ChainId::from_le_bytes(body.try_into().map_err(|_| Answer::failed())?);
    let fails = service.with(|network, _| {
        let config = network.config();
        if config.release.is_evm() {
            !network.graph().contains(chain)
        } else {
            config.miners == Miners::Only(Vec::new())
        }
    });
    if fails {
        return Err(Answer::failed());
    }
    let mut changes = service.changes();
    let updates = loop {
        if let Some(updates) = service.subscribe_if_ready(chain) {
            break updates;
        }
        changes
            .changed()
            .await
            .expect("the engine holds the sender");
    };
    let (pieces, body) = mpsc::channel(PIECES);
    let lifetime = service.with(|network, _| network.draw_stream_lifetime());
    let mut ends = service.stream_ends.subscribe();
    let (stop, of_stream) = (stop.clone(), Arc::clone(service));
    // A stream ends with its connection, its lifetime or the service, whose tracker waits for it.
    service.streams.spawn(async move {
        let _slot = slot;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(lifetime) => {}
            _ = ends.changed() => {}
            () = send_events(&of_stream, chain, updates, pieces) => {}
        }
    });
    Ok(Answer {
        content_type: Some("text/event-stream"),
        body: AnswerBody::stream(body),
        ..Answer::empty(StatusCode::OK)
    })
}

/// Sends events until the connection is closed.
async fn send_events(
    service: &Service,
    chain: ChainId,
    mut updates: broadcast::Receiver<Update>,
    sender: mpsc::Sender<Piece>,
) {
    loop {
        let update = match updates.recv().await {
            Ok(update) => update,
            Err(RecvError::Lagged(_)) => Update::NewCut,
            Err(RecvError::Closed) => return,
        };
        let event = Bytes::from_static(update.event());
        service.count(Endpoint::Event, Some(chain));
        let pieces = match service.faults.judge(Endpoint::Event, Some(chain)) {
            Verdict::Pass | Verdict::Status(..) | Verdict::Busy(..) => vec![Piece::Bytes(event)],
            Verdict::Delay(time) | Verdict::DelayBody(time) => {
                tokio::time::sleep(time).await;
                vec![Piece::Bytes(event)]
            }
            Verdict::Replace(bytes) => vec![Piece::Bytes(bytes)],
            Verdict::Truncate(at) => {
                let kept = event.slice(..at.min(event.len()));
                vec![Piece::Bytes(kept), Piece::Break]
            }
            Verdict::Split(at) => split(event, at),
            Verdict::Corrupt => corrupt(&event),
            Verdict::Drop | Verdict::LoseAnswer => vec![],
            Verdict::Hang | Verdict::HangAnswer => std::future::pending().await,
            Verdict::End => return,
        };
        for piece in pieces {
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    }
}
