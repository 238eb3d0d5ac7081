//! The HTTP connections of the node; they break when the node stops.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::serve;
use crate::service::Service;

/// Time limit for the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves connections until `stop` is cancelled. Returns when the last one is closed.
pub(crate) async fn serve_connections(
    service: Arc<Service>,
    listener: TcpListener,
    stop: CancellationToken,
) {
    let limit = service.with(|network, _| network.config().limits.connections);
    let limit = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
    listen::serve(listener, limit, stop.clone(), |socket| {
        serve_connection(Arc::clone(&service), socket, stop.clone())
    })
    .await;
}

async fn serve_connection(service: Arc<Service>, socket: TcpStream, stop: CancellationToken) {
    let service = {
        let stop = stop.clone();
        service_fn(move |request| serve(Arc::clone(&service), stop.clone(), request))
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
