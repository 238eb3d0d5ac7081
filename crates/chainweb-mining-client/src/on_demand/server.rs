//! The server's connections: accepted while there is room, each bounded in time.
//!
//! When the worker ends, answers that are on their way are still sent, and nobody is waited for who is silent. It knows
//! nothing of what is asked.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use miner::worker::on_demand::Order;

use super::routes;

/// Connections at a time; more wait in the socket's queue.
const MOST_CONNECTIONS: usize = 512;
/// How long a connection may take for the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last answers may take when the worker ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// The pause after a failure to accept: most are a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until stopped, and returns when the last connection is closed.
pub(super) async fn run(
    listener: TcpListener,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
) {
    let router = routes::router(orders);
    let connections = TaskTracker::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((socket, slot)) => {
                connections.spawn(serve(socket, slot, router.clone(), stop.clone()));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(room).acquire_owned().await;
    let (socket, _) = listener.accept().await?;
    Ok((socket, slot.expect("the semaphore is never closed")))
}

async fn serve(
    socket: TcpStream,
    _slot: OwnedSemaphorePermit,
    router: Router,
    stop: CancellationToken,
) {
    // Answers are small: nothing is gained by waiting for more.
    socket.set_nodelay(true).ok();
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
