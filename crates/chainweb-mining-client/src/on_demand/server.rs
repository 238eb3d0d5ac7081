//! The server's connections: accepted while there is room, each bounded in time.
//!
//! When the worker ends, answers that are on their way are still sent, and nobody is waited for who is silent. It knows
//! nothing of what is asked.

use std::num::NonZeroUsize;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use miner::worker::on_demand::Order;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::routes;

/// Connections at a time; more wait in the socket's queue.
const MOST_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
/// How long a connection may take for the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last answers may take when the worker ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Serves until stopped, and returns when the last connection is closed.
pub(super) async fn run(
    listener: TcpListener,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
) {
    let router = routes::router(orders);
    listen::serve(listener, MOST_CONNECTIONS, stop.clone(), |socket| {
        serve(socket, router.clone(), stop.clone())
    })
    .await;
}

async fn serve(socket: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_ANSWERS, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection broken");
    }
}
