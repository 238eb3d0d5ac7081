//! A node with scripted responses, which records the requests.
//!
//! It parses only as much HTTP as it needs to find the end of a request. Each entry of the script
//! answers one request, on any connection; later requests get no response.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use node::{Client, Config, Limits, Miner, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// An action of the node on a connection after a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Repeats the same bytes until the client closes the connection.
    SendForEver(Vec<u8>),
    /// Waits until the client closes the connection, then reports it.
    AwaitHangup,
    Close,
    /// Closes with a TCP reset.
    Reset,
    Hang,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Request(Request),
    Hangup,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Scripted {
    pub(crate) port: u16,
    seen: mpsc::Receiver<Seen>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

type Script = Arc<Mutex<VecDeque<Vec<Act>>>>;

impl Scripted {
    pub(crate) async fn start(script: impl IntoIterator<Item = Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, script)
    }

    pub(crate) fn start_on(
        listener: TcpListener,
        script: impl IntoIterator<Item = Vec<Act>>,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (report, seen) = mpsc::channel(256);
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                served.spawn(serve(stream, Script::clone(&script), report.clone()));
            }
        });
        Self {
            port,
            seen,
            connections,
            _tasks: tasks,
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(Limits::default())
    }

    pub(crate) fn client_with(&self, limits: Limits) -> Client {
        client_of(&format!("http://127.0.0.1:{}", self.port), limits)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        tokio::time::timeout(Duration::from_secs(20), self.seen.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Returns the next request, without irrelevant headers.
    pub(crate) async fn request(&mut self) -> Request {
        match self.seen().await {
            Seen::Request(mut request) => {
                assert_eq!(
                    request.headers.remove("host").unwrap(),
                    format!("127.0.0.1:{}", self.port)
                );
                request.headers.remove("user-agent").unwrap();
                request
            }
            Seen::Hangup => panic!("the client hung up instead of asking"),
        }
    }
}

pub(crate) fn client_of(url: &str, limits: Limits) -> Client {
    Client::new(Config {
        endpoint: url.parse().unwrap(),
        miner: Miner::new(Some(fixtures::PUBLIC_KEY), None),
        trust: node::Trust::default(),
        limits,
    })
    .unwrap()
}

pub(crate) fn version() -> Version {
    "development".parse().unwrap()
}

/// Limits short enough for tests.
pub(crate) fn short_limits(millis: u64) -> Limits {
    let short = Duration::from_millis(millis);
    Limits {
        connect: short,
        info: short,
        work: short,
        solved: short,
        cut: short,
        updates_open: short,
        updates_idle: short,
        ..Limits::default()
    }
}

pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let headers = headers
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Request {
        line: line.to_owned(),
        headers,
        body: body.to_vec(),
    }
}

/// A response framed by its length.
pub(crate) fn plain(head: &str, body: &[u8]) -> Vec<Act> {
    let mut bytes =
        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    vec![Act::Send(bytes)]
}

/// A response as from a node: in chunks, the head in a separate packet.
pub(crate) fn chunked(head: &str, chunks: &[&[u8]]) -> Vec<Act> {
    let mut acts = unfinished(head, chunks);
    acts.push(Act::Send(b"0\r\n\r\n".to_vec()));
    acts
}

/// An incomplete chunked response.
pub(crate) fn unfinished(head: &str, chunks: &[&[u8]]) -> Vec<Act> {
    let head = format!("HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    let chunks = chunks.iter().map(|chunk| {
        let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
        framed
    });
    std::iter::once(head).chain(chunks).map(Act::Send).collect()
}

async fn serve(mut stream: TcpStream, script: Script, report: mpsc::Sender<Seen>) {
    stream.set_nodelay(true).unwrap();
    while let Some(request) = read_request(&mut stream).await {
        report.send(Seen::Request(request)).await.unwrap();
        let acts = script
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| vec![Act::Hang]);
        for act in acts {
            let sent = match act {
                Act::Send(bytes) => stream.write_all(&bytes).await,
                Act::SendForEver(bytes) => loop {
                    if let Err(error) = stream.write_all(&bytes).await {
                        break Err(error);
                    }
                },
                Act::AwaitHangup => {
                    let mut buffer = [0];
                    assert!(matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)));
                    report.send(Seen::Hangup).await.unwrap();
                    return;
                }
                Act::Close => return,
                Act::Reset => return stream.set_zero_linger().unwrap(),
                Act::Hang => std::future::pending().await,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let (line, fields) = head.trim_end().split_once("\r\n").unwrap();
    let headers: BTreeMap<_, _> = fields
        .split("\r\n")
        .map(|field| field.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        line: line.to_owned(),
        headers,
        body,
    })
}
