//! The requests of the coordinator, sent to a node.

use std::time::{Duration, Instant};

use node::{Client, Cut, Error, NoAnswer, Version};
use tokio::time::timeout;

use crate::coordinator::{Connection, Event, Request};
use crate::job::NodeId;

/// Sends a request. Returns the event of its answer, and the time that the answer took.
#[expect(clippy::too_many_lines, reason = "one arm for each request")]
pub(super) async fn answer(client: Client, node: NodeId, request: Request) -> (Event, Duration) {
    let asked = Instant::now();
    let event = match request {
        Request::Identify => Event::Identified {
            node,
            result: client.info().await,
        },
        Request::Work {
            version,
            seq,
            chain,
        } => {
            let result = client.work(&version, chain).await;
            Event::Work { node, seq, result }
        }
        Request::Cut {
            version,
            seq,
            within,
        } => {
            let result = match within {
                Some(within) => cut(&client, &version, within).await,
                None => client.cut(&version).await,
            };
            Event::Cut { node, seq, result }
        }
        Request::Ancestors {
            version,
            seq,
            chain,
            tip,
            heights,
            purpose,
        } => {
            let result = client.ancestors(&version, chain, tip.hash, heights).await;
            Event::Ancestors {
                node,
                seq,
                chain,
                tip_height: tip.height,
                purpose,
                result,
            }
        }
        Request::Headers {
            version,
            seq,
            chain,
            tip,
            heights,
        } => {
            let result = client.headers(&version, chain, tip.hash, heights).await;
            Event::Headers {
                node,
                seq,
                chain,
                tip_height: tip.height,
                result,
            }
        }
        Request::Siblings {
            version,
            job,
            chain,
            height,
        } => {
            let result = client.siblings(&version, chain, height).await;
            Event::Siblings { node, job, result }
        }
        Request::Submit {
            version,
            job,
            header,
            connection,
        } => {
            let client = match connection {
                Connection::Any => client,
                Connection::New => client.unpooled(),
            };
            let result = client.solved(&version, &header).await;
            Event::Submitted { node, job, result }
        }
    };
    (event, asked.elapsed())
}

/// Requests the cut, within a time limit besides that of the client.
async fn cut(client: &Client, version: &Version, within: Duration) -> Result<Cut, Error> {
    match timeout(within, client.cut(version)).await {
        Ok(result) => result,
        Err(_) => Err(NoAnswer::Timeout {
            endpoint: client.endpoint().to_string(),
            after: within,
        }
        .into()),
    }
}
