//! A device on a real connection: client and hashing thread together.
//!
//! After a lost connection it connects again, after the firmware's pause, until it is stopped.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::device::client::{Client, Output};
use crate::device::config::DeviceConfig;
use crate::device::hashing::{Event, Hashing};
use crate::device::report::DeviceReport;
use crate::device::rules::Rule;

/// Maximum length of a line in bytes.
const LINE_BYTES: usize = 64 << 10;

/// Capacity of the channel from the thread to the connection: a burst of shares at a very easy
/// target.
const EVENTS: usize = 64;

/// Mines on the server until `stop` is cancelled, and returns the report.
///
/// # Errors
/// Returns an error if the hashing thread cannot be started.
pub async fn run(
    config: &DeviceConfig,
    address: SocketAddr,
    stop: CancellationToken,
) -> io::Result<DeviceReport> {
    let user = &config.login.user;
    let mut report = DeviceReport {
        device: config.firmware.name,
        user: user.clone(),
        ..DeviceReport::default()
    };
    let (sender, mut events) = mpsc::channel(EVENTS);
    let hashing = Hashing::start(format!("hash {user}"), config.hashes_per_second, sender)?;
    while !stop.is_cancelled() {
        let connecting = TcpStream::connect(address);
        match stop.run_until_cancelled(connecting).await {
            Some(Ok(stream)) => {
                let (mut client, outputs) = Client::start(config, &mut report, Instant::now());
                let session = session(&mut client, outputs, stream, &hashing, &mut events);
                // The session first: it handles all lines that arrived before the stop.
                let lost = tokio::select! {
                    biased;
                    lost = session => lost,
                    () = stop.cancelled() => None,
                };
                match lost {
                    Some(rule) => client.lost(rule),
                    None => client.stop(),
                }
                hashing.hash(None);
            }
            Some(Err(error)) => {
                report.failed_connections += 1;
                report.connect_error = Some(error.to_string());
            }
            None => break,
        }
        let pause = time::sleep(config.limits.pause);
        stop.run_until_cancelled(pause).await;
    }
    // Otherwise a thread that waits for room in the channel would never end.
    drop(events);
    report.mined = hashing.stop();
    report.hashes = report.mined.iter().map(|mined| mined.hashes).sum();
    Ok(report)
}

/// Exchanges lines until the session ends. Returns the rule that the server breaks by the end of
/// the connection, or `None` if the client has ended the session.
///
/// May be cancelled at any time, but not continued: no line follows half of another.
async fn session(
    client: &mut Client<'_>,
    mut outputs: Vec<Output>,
    mut stream: TcpStream,
    hashing: &Hashing,
    events: &mut mpsc::Receiver<Event>,
) -> Option<Rule> {
    // Otherwise a share may wait for the acknowledgement of the previous one.
    stream.set_nodelay(true).ok();
    let mut input = Vec::with_capacity(4096);
    loop {
        for output in outputs.drain(..) {
            match output {
                Output::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return Some(Rule::Closed);
                    }
                }
                Output::Hash(assignment) => hashing.hash(Some(assignment)),
                Output::Disconnect => return None,
            }
        }
        if let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            outputs = client.line(Instant::now(), &input[..end]);
            input.drain(..=end);
            continue;
        }
        if input.len() > LINE_BYTES {
            return Some(Rule::LineTooLong);
        }
        // All branches are cancel-safe: a losing one reads nothing from the socket or the channel.
        tokio::select! {
            read = stream.read_buf(&mut input) => if !matches!(read, Ok(1..)) {
                return Some(Rule::Closed);
            },
            event = events.recv() => match event {
                Some(Event::Found(found)) => outputs = client.found(&found),
                Some(Event::Exhausted) => client.exhausted(),
                // The thread has panicked; `Hashing::stop` propagates the panic.
                None => return None,
            },
            () = time::sleep_until(client.deadline().into()) => {
                outputs = client.tick(Instant::now());
            }
        }
    }
}
