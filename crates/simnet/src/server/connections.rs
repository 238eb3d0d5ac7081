//! Accepts connections up to a limit, and breaks all of them when the node stops.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::serve;
use crate::engine::Engine;

/// Time limit for the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failure to accept: usually there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop` is cancelled. Returns when the last one is closed.
pub(crate) async fn serve_connections(
    engine: Arc<Engine>,
    listener: TcpListener,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let limit = engine.with(|network, _| network.config().limits.connections);
    let room = Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let accepted = async {
            let slot = Arc::clone(&room).acquire_owned().await;
            let slot = slot.expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                let (engine, stop) = (Arc::clone(&engine), stop.clone());
                connections.spawn(async move {
                    serve_connection(engine, socket, stop).await;
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(engine: Arc<Engine>, socket: TcpStream, stop: CancellationToken) {
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "cannot send small packets at once");
    }
    let service = {
        let stop = stop.clone();
        service_fn(move |request| serve(Arc::clone(&engine), stop.clone(), request))
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        () = stop.cancelled() => {}
        ended = connection => {
            if let Err(error) = ended {
                debug!(%error, "connection broken");
            }
        }
    }
}
