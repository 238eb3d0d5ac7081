//! What all HTTP servers of the program share: connections with limits, and the refusal of requests
//! that web pages of other sites make.
//!
//! A connection has to send the head of a request in time and to take what is sent to it. On
//! shutdown idle ones are closed at once.

mod browser;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::Method;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::platform::host_name;

/// The time within which a connection has to send the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The time within which a client has to take something of what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The time for the last responses on shutdown.
const LAST_RESPONSES: Duration = Duration::from_secs(1);
/// The most bytes of a connection that wait for the socket, apart from those of one message.
const BUFFER: usize = 16 << 10;

/// Serves up to `max` connections at a time until `stop` is cancelled; more wait in the backlog of
/// the socket. Returns when the last connection is closed.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    max: NonZeroUsize,
    stop: CancellationToken,
) {
    let connection = |socket| connection(socket, router.clone(), stop.clone());
    listen::serve(listener, max, stop.clone(), connection).await;
}

/// Serves one connection until `stop` is cancelled.
pub(crate) async fn connection(
    socket: impl AsyncRead + AsyncWrite + 'static,
    router: Router,
    stop: CancellationToken,
) {
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(WRITE_TIMEOUT));
    let socket = Box::pin(socket);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_RESPONSES, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        debug!(%error, "connection failed");
    }
}

/// Why a request is refused.
pub(crate) const FOREIGN: &str =
    "refused: a web page of another site, or a host name that is not this machine's";

/// What browsers may address.
#[derive(Debug)]
struct Own {
    /// The names of this machine.
    names: Vec<String>,
    /// The path of the page, to which other sites may link.
    page: Option<&'static str>,
    /// Makes the response to other requests, with the reason [`FOREIGN`].
    refuse: fn() -> Response,
}

/// Returns a router that refuses requests of web pages of other sites, except that their links may
/// lead to `page`. `allowed` are further names of this machine.
pub(crate) fn guarded(
    router: Router,
    allowed: &[String],
    page: Option<&'static str>,
    refuse: fn() -> Response,
) -> Router {
    let names = host_name().into_iter().chain(allowed.iter().cloned());
    let names = names.collect();
    let own = Arc::new(Own {
        names,
        page,
        refuse,
    });
    router.layer(middleware::from_fn_with_state(own, refuse_pages))
}

async fn refuse_pages(State(own): State<Arc<Own>>, http: Request, next: Next) -> Response {
    let is_of_page = http.method() == Method::GET && own.page == Some(http.uri().path());
    if browser::is_foreign(http.headers(), &own.names, is_of_page) {
        return (own.refuse)();
    }
    next.run(http).await
}
