//! The HTTP API of a running program.

mod commands;
mod history;
mod page;
mod stream;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::program::{Running, check_usage, field, run, text};

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Response {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert!(
            self.head.contains("\r\ncontent-type: application/json"),
            "{self:?}"
        );
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request with more headers, and returns the response.
pub(super) fn request(address: &str, method: &str, target: &str, headers: &str) -> Response {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "{method} {target} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    // A compressed body is no text.
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Response {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(super) fn get(address: &str, target: &str) -> Response {
    request(address, "GET", target, "Host: here\r\n")
}

/// Asks until the answer is as wanted.
#[track_caller]
pub(super) fn wait_for(
    client: &Running,
    address: &str,
    target: &str,
    is_it: impl Fn(&Value) -> bool,
) -> Value {
    for _ in 0..6000 {
        let answer = get(address, target);
        if answer.status == 200 {
            let value = answer.json();
            if is_it(&value) {
                return value;
            }
        }
        client.pause();
    }
    panic!("{target}: {}", get(address, target).body);
}

/// Waits until a condition holds.
#[track_caller]
fn until(client: &Running, holds: impl Fn() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        client.pause();
    }
    panic!("it does not come to hold");
}

/// Starts a program whose API listens on any port of loopback, and returns it with the address.
pub(super) fn start(flags: &[&str]) -> (Running, String) {
    let program = Running::start(&[flags, &["--api-listen=127.0.0.1:0"]].concat());
    let ready = program.wait_for("API ready");
    let address = field(&ready, "address").to_owned();
    (program, address)
}

/// A node without proof of work that lets no client mine, so that the state stands still.
const NO_NODE: [&str; 3] = ["--node=127.0.0.1:1", "--worker=stratum", "--stratum-port=0"];

#[test]
fn the_documents_show_what_the_program_does() {
    let (mut demo, address) = start(&["demo", "--graph=pair", "--block-delay=2s"]);
    let status = wait_for(&demo, &address, "/api/v1/status", |status| {
        status["blocks"]["accepted"].as_u64() > Some(0) && status["ready"] == json!(true)
    });
    assert_eq!(status["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(status["worker"], json!("cpu"));
    assert_eq!(status["account"], Value::Null);
    assert_eq!(status["reason"], json!("a node gives work"));
    assert_eq!(status["hash_rate"]["kind"], json!("hashed"));
    assert_eq!(status["devices"], Value::Null);
    let time = status["time_unix_ms"].as_i64().unwrap();
    assert!(status["started_unix_ms"].as_i64().unwrap() <= time);

    let nodes = wait_for(&demo, &address, "/api/v1/nodes", |nodes| {
        nodes["nodes"][0]["failures"] == json!([])
    });
    assert_eq!(nodes["nodes"][0]["network"], json!("development"));
    assert_eq!(nodes["nodes"][0]["chains"], json!(2));
    assert_eq!(nodes["nodes"][0]["up"], json!(true));
    let jobs = wait_for(&demo, &address, "/api/v1/jobs", |jobs| {
        jobs["jobs"].as_array().is_some_and(|jobs| !jobs.is_empty())
    });
    let parent = jobs["jobs"][0]["parent"].as_str().unwrap();
    assert_eq!(parent.len(), 43, "{parent}");
    assert_eq!(
        get(&address, "/api/v1/workers").json()["workers"],
        json!([])
    );
    let events = get(&address, "/api/v1/events").json();
    let events = events["events"].as_array().unwrap();
    let named = |name: &str| events.iter().find(|event| event["name"] == json!(name));
    let found = named("block_found").unwrap();
    assert_eq!(found["message"], json!("block found"));
    assert_eq!(found["severity"], json!("info"));
    assert!(found["fields"]["height"].is_u64(), "{found}");
    assert!(named("job_received").is_none(), "jobs are left out");
    let sequences = events.iter().map(|event| event["sequence"].as_u64());
    assert!(sequences.is_sorted());

    let alive = get(&address, "/healthz");
    assert_eq!((alive.status, &*alive.body), (200, "alive\n"));
    wait_for(&demo, &address, "/readyz", |ready| {
        ready["ready"] == json!(true)
    });
    demo.signal(Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn everything_that_openapi_describes_is_served() {
    let (_client, address) = start(&NO_NODE);
    let description = get(&address, "/api/v1/openapi.json").json();
    assert_eq!(description["openapi"], json!("3.1.0"));
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 15);
    assert!(paths.contains_key("/metrics") && paths.contains_key("/readyz"));
    for path in paths.keys() {
        let answer = request(&address, "HEAD", path, "Host: here\r\n");
        let is_an_example = path.contains('{');
        assert_eq!(answer.status == 404, is_an_example, "{path}: {answer:?}");
    }
}

#[test]
fn requests_that_the_api_does_not_serve_get_json_with_a_hint() {
    let (_client, address) = start(&NO_NODE);
    for (method, target, status, hint) in [
        ("GET", "/nothing", 404, "openapi.json"),
        ("GET", "/api/v1/nothing", 404, "openapi.json"),
        ("GET", "/api/v1/workers/none", 404, "/api/v1/workers"),
        ("GET", "/api/v1/workers/%FF", 400, "%XX"),
        ("GET", "/page/%FF", 400, "%XX"),
        ("GET", "/page/none", 404, "reload"),
        ("GET", "/api/v1/stream?since=1", 400, "openapi.json"),
        ("POST", "/api/v1/status", 405, "GET"),
        ("DELETE", "/healthz", 405, "GET"),
        ("OPTIONS", "/api/v1/stream", 405, "GET"),
    ] {
        let answer = request(&address, method, target, "Host: here\r\n");
        assert_eq!(answer.status, status, "{method} {target}");
        let value = answer.json();
        assert!(value["hint"].as_str().unwrap().contains(hint), "{value}");
        assert!(value["error"].is_string(), "{value}");
        for header in [
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'self'; frame-ancestors 'none'",
            "x-frame-options: DENY",
        ] {
            assert!(answer.head.contains(header), "{}", answer.head);
        }
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
        assert_eq!(status == 405, answer.head.contains("allow: GET,HEAD"));
    }
    let head = request(&address, "HEAD", "/api/v1/status", "Host: here\r\n");
    assert_eq!((head.status, &*head.body), (200, ""));
}

#[test]
fn requests_of_foreign_web_pages_are_refused_and_those_of_programs_are_not() {
    let flags = [&NO_NODE[..], &["--api-allowed-host=miner.example"]].concat();
    let (_client, address) = start(&flags);
    for (status, headers) in [
        (403, "Host: 127.0.0.1\r\nOrigin: https://evil.example\r\n"),
        (403, "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n"),
        (403, "Host: evil.example\r\nUser-Agent: Mozilla/5.0\r\n"),
        (200, "Host: service\r\nUser-Agent: curl/8.5.0\r\n"),
        (200, "Host: localhost\r\nUser-Agent: Mozilla/5.0\r\n"),
        (200, "Host: miner.example:1\r\nUser-Agent: Mozilla/5.0\r\n"),
        (200, "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"),
    ] {
        for target in ["/api/v1/events", "/healthz"] {
            let answer = request(&address, "GET", target, headers);
            assert_eq!(answer.status, status, "{headers}");
            let is_refused = answer.body.contains("--api-allowed-host");
            assert_eq!(is_refused, status == 403, "{answer:?}");
            if is_refused {
                assert!(answer.json()["error"].is_string());
            }
        }
    }
    // A link of another site leads to the page, and to no data.
    let link = "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
                Sec-Fetch-Dest: document\r\n";
    for (target, status) in [("/", 200), ("/api/v1/events", 403), ("/metrics", 403)] {
        let answer = request(&address, "GET", target, link);
        assert_eq!(answer.status, status, "{target}");
    }
}

#[test]
fn readiness_names_the_reason() {
    let (client, address) = start(&NO_NODE);
    client.wait_for("node unreachable");
    until(&client, || {
        let ready = get(&address, "/readyz");
        assert_eq!(ready.status, 503);
        let value = ready.json();
        assert_eq!(value["ready"], json!(false), "{value}");
        value["reason"].as_str().unwrap().contains("127.0.0.1:1: ")
    });
}

#[test]
fn devices_have_documents_of_their_own_whatever_their_name() {
    let client = Running::start(&[&NO_NODE[..], &["--api-listen=127.0.0.1:0"]].concat());
    // Either may be the first.
    let mut lines = client.lines_until(" ready");
    lines.extend(client.lines_until(" ready"));
    let line = |part: &str| lines.iter().find(|line| line.contains(part)).unwrap();
    let address = field(line("API ready"), "address").to_owned();
    let server = line("Stratum server ready");
    let port = field(server, "address")
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let mut devices = Vec::new();
    for user in ["k:x.rig 1", "k:x.<script>", "k:x.\\\"é=1+1\\u0000"] {
        let mut device = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        writeln!(
            device,
            r#"{{"id":1,"method":"mining.subscribe","params":[]}}
{{"id":2,"method":"mining.authorize","params":["{user}","x"]}}"#
        )
        .unwrap();
        // The answer to the subscription.
        BufReader::new(&device)
            .read_line(&mut String::new())
            .unwrap();
        devices.push(device);
    }
    let workers = wait_for(&client, &address, "/api/v1/workers", |workers| {
        workers["workers"].as_array().unwrap().len() == devices.len()
    });
    for worker in workers["workers"].as_array().unwrap() {
        assert_eq!(worker["state"], json!("active"));
        let name = worker["name"].as_str().unwrap();
        let mut path = "/api/v1/workers/".to_owned();
        for byte in name.bytes() {
            write!(path, "%{byte:02X}").unwrap();
        }
        let one = get(&address, &path).json();
        assert_eq!(one["name"], json!(name));
        assert_eq!(one["shares"]["accepted"], json!(0));
    }
}

#[test]
fn the_default_port_gives_way_and_a_chosen_one_does_not() {
    let moved = Running::start(&["--node=127.0.0.1:1918", "--stratum-port=0"]);
    let line = moved.wait_for("API ready: its default port is taken");
    assert!(!field(&line, "address").ends_with(":1918"), "{line}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in [&["demo"][..], &NO_NODE] {
        let output = run(&[command, &["--api-listen", &address]].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        for part in [
            &format!("{address} is in use by another program"),
            &format!("--api-listen {address}"),
            "--api-listen off",
        ] {
            assert!(message.contains(part), "no {part:?} in {message}");
        }
    }
    check_usage(
        &["--api-listen=here"],
        &["--api-listen", "here", "[::1]:1918"],
    );
}

#[test]
fn a_start_beyond_loopback_says_what_others_can_read() {
    let shown = Running::start(&[&NO_NODE[..], &["--api-listen=*4:0"]].concat());
    shown.wait_for("other machines can read account, nodes, devices, rates and blocks");
    let off = Running::start(&[&NO_NODE[..], &["--api-listen=off"]].concat());
    let lines = off.lines_until("cannot connect");
    assert!(!lines.iter().any(|line| line.contains("API")), "{lines:?}");
}

#[test]
fn on_demand_is_ready_without_work_once_its_node_answers() {
    let network = Running::start(&["simnet", "--disable-pow", "--listen", "127.0.0.1:0"]);
    let node = field(&network.wait_for("simulated network starts"), "address").to_owned();
    let (client, address) = start(&[
        &format!("--node={node}"),
        "--worker=on-demand",
        "--on-demand-port=0",
        "--on-demand-interface=127.0.0.1",
    ]);
    let ready = wait_for(&client, &address, "/readyz", |_| true);
    assert_eq!(
        ready["reason"],
        json!("the node answers, and blocks can be requested")
    );
    let status = get(&address, "/api/v1/status").json();
    assert_eq!(status["jobs"], json!(0));
    drop(network);
    until(&client, || get(&address, "/readyz").status == 503);
}
