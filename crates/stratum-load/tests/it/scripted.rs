//! A server that does what the test says, in a thread of its own with blocking sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::Duration;

use chainweb::WorkHeader;
use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};
use stratum_load::synthetic::work;

/// A connection to a client, as the script sees it.
pub(crate) struct Peer {
    lines: BufReader<TcpStream>,
}

impl Peer {
    /// The next request; none when the client has gone.
    pub(crate) fn request(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(1..) => Some(serde_json::from_str(&line).unwrap()),
            Ok(0) | Err(_) => None,
        }
    }

    /// Writes bytes as they are. A client may have gone.
    pub(crate) fn write(&mut self, text: &str) {
        self.lines.get_mut().write_all(text.as_bytes()).ok();
    }

    pub(crate) fn say(&mut self, line: &Value) {
        self.write(&format!("{line}\n"));
    }

    pub(crate) fn answer(&mut self, request: &Value, result: &Value) {
        self.say(&json!({ "id": request["id"], "result": result, "error": null }));
    }

    pub(crate) fn refuse(&mut self, request: &Value, code: i64) {
        let error = json!([code, "reason", null]);
        self.say(&json!({ "id": request["id"], "result": false, "error": error }));
    }

    /// Answers subscribe and authorize, in the order in which they come, with this nonce1.
    pub(crate) fn log_in(&mut self, nonce1: &str) -> Vec<Value> {
        let mut requests = Vec::new();
        for _ in 0..2 {
            let request = self.request().unwrap();
            let result = match request["method"].as_str().unwrap() {
                "mining.subscribe" => json!([null, nonce1, 6]),
                _ => json!(true),
            };
            self.answer(&request, &result);
            requests.push(request);
        }
        requests
    }

    pub(crate) fn set_target(&mut self, zero_digits: usize) {
        let target = "0".repeat(zero_digits) + &"f".repeat(64 - zero_digits);
        self.say(&json!({ "id": null, "method": "mining.set_target", "params": [target] }));
    }

    pub(crate) fn notify(&mut self, id: &str, n: u64) {
        self.notify_header(id, work(n, 0).header());
    }

    /// The work of [`Peer::notify`] with a creation time that is a second later.
    pub(crate) fn refresh(&mut self, id: &str, n: u64) {
        let mut header = work(n, 0).header().clone();
        let later = header
            .creation_time()
            .saturating_add(Duration::from_secs(1));
        header.set_creation_time(later);
        self.notify_header(id, &header);
    }

    /// Waits for a share of this job, which tells that the device has read all that came before it.
    pub(crate) fn read_up_to(&mut self, job: &str) {
        while self.request().unwrap()["params"][1] != job {}
    }

    fn notify_header(&mut self, id: &str, header: &WorkHeader) {
        let header = const_hex::encode(header.as_bytes());
        self.say(&json!({ "id": null, "method": "mining.notify", "params": [id, header, true] }));
    }
}

/// A port that refuses connections, for as long as the socket is there: nobody else gets it, and nobody listens.
pub(crate) fn closed_port() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    (socket, address.try_into().unwrap())
}

/// Plays `script` with each client that comes, the number of the connection given, and ends after this many.
pub(crate) fn serve(
    connections: usize,
    script: impl Fn(usize, Peer) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for number in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream);
            script(number, Peer { lines });
        }
    });
    (address, server)
}
