//! A scripted server, in a thread with blocking sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::Duration;

use chainweb::WorkHeader;
use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};
use stratum_load::synthetic::work;

/// The server's side of a connection.
pub(crate) struct Peer {
    lines: BufReader<TcpStream>,
}

impl Peer {
    /// Reads the next request; returns `None` if the client has disconnected.
    pub(crate) fn request(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(1..) => Some(serde_json::from_str(&line).unwrap()),
            Ok(0) | Err(_) => None,
        }
    }

    /// Writes bytes. Ignores a client that has disconnected.
    pub(crate) fn write(&mut self, text: &str) {
        self.lines.get_mut().write_all(text.as_bytes()).ok();
    }

    pub(crate) fn send(&mut self, line: &Value) {
        self.write(&format!("{line}\n"));
    }

    pub(crate) fn answer(&mut self, request: &Value, result: &Value) {
        self.send(&json!({ "id": request["id"], "result": result, "error": null }));
    }

    pub(crate) fn refuse(&mut self, request: &Value, code: i64) {
        let error = json!([code, "reason", null]);
        self.send(&json!({ "id": request["id"], "result": false, "error": error }));
    }

    /// Answers subscribe and authorize, in either order, and returns the requests.
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
        self.send(&json!({ "id": null, "method": "mining.set_target", "params": [target] }));
    }

    pub(crate) fn notify(&mut self, id: &str, n: u64) {
        self.notify_header(id, work(n).header());
    }

    /// Notifies the work of [`Peer::notify`] with a creation time one second later.
    pub(crate) fn refresh(&mut self, id: &str, n: u64) {
        let mut header = work(n).header().clone();
        let later = header
            .creation_time()
            .saturating_add(Duration::from_secs(1));
        header.set_creation_time(later);
        self.notify_header(id, &header);
    }

    /// Waits for a share of this job: the device has then read all earlier lines.
    pub(crate) fn read_up_to(&mut self, job: &str) {
        while self.request().unwrap()["params"][1] != job {}
    }

    fn notify_header(&mut self, id: &str, header: &WorkHeader) {
        let header = const_hex::encode(header.as_bytes());
        self.send(&json!({ "id": null, "method": "mining.notify", "params": [id, header, true] }));
    }
}

/// Reserves a port that refuses connections while the socket is open.
pub(crate) fn closed_port() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    (socket, address.try_into().unwrap())
}

/// Runs `script` for each of this many connections in turn, with the index of the connection.
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
