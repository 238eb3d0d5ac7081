//! Accepting connections, with back-off after errors and a bound on how many are open.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// The pause after a failed `accept`. Most failures are a lack of file descriptors (`EMFILE`),
/// which would otherwise turn the loop into a busy one.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Accepts connections of one listener until it is stopped.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    stop: CancellationToken,
    failures: u64,
}

impl Acceptor {
    /// Creates an acceptor that ends when `stop` is cancelled.
    pub fn new(listener: TcpListener, stop: CancellationToken) -> Self {
        Self {
            listener,
            stop,
            failures: 0,
        }
    }

    /// Returns the next connection and its peer address, or `None` once the acceptor is stopped.
    ///
    /// Sets `TCP_NODELAY`. Errors of `accept` are retried after 50 ms and logged whenever their
    /// number has doubled. Cancel safe.
    pub async fn accept(&mut self) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    if let Err(error) = socket.set_nodelay(true) {
                        debug!(%peer, %error, "cannot set TCP_NODELAY");
                    }
                    return Some((socket, peer));
                }
                Err(error) => {
                    self.failures += 1;
                    if self.failures.is_power_of_two() {
                        warn!(event = "accept_failed", %error, so_far = self.failures, "cannot accept a connection");
                    }
                    self.stop
                        .run_until_cancelled(tokio::time::sleep(BACK_OFF))
                        .await;
                }
            }
        }
    }
}

/// Runs `connection` as a task for each accepted socket, at most `max` at a time, until `stop` is
/// cancelled; then closes the listener and waits for the tasks.
///
/// Further connections wait in the backlog of the socket. `connection` has to end by itself after
/// `stop` is cancelled.
pub async fn serve<C>(
    listener: TcpListener,
    max: NonZeroUsize,
    stop: CancellationToken,
    mut connection: impl FnMut(TcpStream) -> C,
) where
    C: Future<Output = ()> + Send + 'static,
{
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(max.get().min(Semaphore::MAX_PERMITS)));
    let mut acceptor = Acceptor::new(listener, stop.clone());
    while let Some(permit) = stop
        .run_until_cancelled(Arc::clone(&permits).acquire_owned())
        .await
    {
        let permit = permit.expect("the semaphore is never closed");
        let Some((socket, _)) = acceptor.accept().await else {
            break;
        };
        let connection = connection(socket);
        connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(acceptor);
    connections.close();
    connections.wait().await;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroUsize;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    use super::serve;

    #[tokio::test]
    async fn connections_beyond_the_limit_wait_until_one_closes() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let max = NonZeroUsize::new(1).expect("not zero");
        // Sends a byte at once, and ends when the client closes.
        let serving = serve(
            listener,
            max,
            stop.clone(),
            async |mut socket: TcpStream| {
                socket.write_all(b"!").await.ok();
                socket.read_u8().await.ok();
            },
        );
        let clients = async {
            let connect = async || TcpStream::connect(address).await.expect("the backlog");
            let (mut first, mut second) = (connect().await, connect().await);
            assert_eq!(first.read_u8().await.ok(), Some(b'!'));
            let refused = second.try_read(&mut [0]).map_err(|error| error.kind());
            assert_eq!(refused, Err(std::io::ErrorKind::WouldBlock));
            drop(first);
            assert_eq!(second.read_u8().await.ok(), Some(b'!'));
            stop.cancel();
        };
        tokio::join!(serving, clients);
        let closed = TcpStream::connect(address)
            .await
            .map_err(|error| error.kind());
        assert_eq!(
            closed.err(),
            Some(std::io::ErrorKind::ConnectionRefused),
            "the listener is closed"
        );
    }
}
