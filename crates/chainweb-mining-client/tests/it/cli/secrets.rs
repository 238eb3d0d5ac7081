//! No output contains a secret, from any source of settings.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;

use rustix::process::Signal;

use super::config::{Folder, serve};
use super::program::{Running, field, program, run, text};

const SECRET: &str = "hunter2";

/// A node's address with a secret in each part that can have one.
const ADDRESSES: [&str; 9] = [
    "http://user:hunter2@host:1848",
    "https://hunter2@host",
    "user:hunter2@host:1848",
    "hunter2@host",
    "http://user:hun@hunter2@host/path",
    "http://user:a/hunter2@host",
    "http://user:a?hunter2@host",
    "http://host:1848/?token=hunter2",
    "user:hunter2@x://host",
];

#[track_caller]
fn check(output: &Output, code: i32, case: &str) {
    for stream in [&output.stdout, &output.stderr] {
        assert!(!text(stream).contains(SECRET), "{case}: {}", text(stream));
    }
    assert_eq!(output.status.code(), Some(code), "{case}");
    assert!(!output.stderr.is_empty() || code == 0, "{case}");
}

/// Serves one configuration, and returns its URL, which contains secrets.
fn url(document: &'static str) -> String {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/yaml\r\nConnection: close";
    let (address, _server) = serve(format!("{head}\r\n\r\n{document}"));
    format!("http://user:hunter2@{address}/miner.yaml?hunter2#hunter2")
}

#[test]
fn a_wrong_address_of_a_node_from_any_source() {
    let folder = Folder::new("secret-node");
    for address in ADDRESSES {
        let file = folder.file("node.yaml", format!("node: '{address}'\n"));
        for last in ["--print-config", "--print-config-as=diff", "--insecure"] {
            let flags = run(&["--node", address, last]);
            check(&flags, 64, address);
            let variable = program()
                .env("CHAINWEB_MINING_NODE", address)
                .arg(last)
                .output();
            check(&variable.unwrap(), 64, address);
            let file = run(&["--config-file", &file, last]);
            check(&file, 64, address);
        }
        check(&run(&["doctor", "--node", address]), 64, address);
        check(&run(&["--node", address, "demo"]), 64, address);
        check(&run(&["demo", address]), 64, address);
        check(&run(&["simnet", "--listen", address]), 64, address);
        check(&run(&[address]), 64, address);
    }
}

#[test]
fn a_value_that_may_be_secret_from_any_source() {
    let folder = Folder::new("secret-value");
    for (flags, code) in [
        (["--external-env", "hunter2"].as_slice(), 64),
        (&["--external-env=hunter2", "demo"], 64),
        (&["--external-env", "A-B=hunter2"], 64),
        (&["--external-env", "A=1", "B=hunter2"], 64),
        (&["--external-env", "=hunter2"], 64),
        (&["demo", "--external-env=A=hunter2"], 64),
        (&["--external-envv", "A=hunter2"], 64),
        (&["--external-env", "A=hunter2", "--print-config"], 0),
        (
            &["--external-env=A=hunter2", "--print-config-as=minimal"],
            0,
        ),
        (&["--external-env=A=hunter2", "--print-config-as=diff"], 0),
    ] {
        check(&run(flags), code, &format!("{flags:?}"));
    }
    for value in [
        "hunter2",
        "[\"hunter2\", {}]",
        "{\"A\": \"hunter2\"",
        "{\"A b\": \"hunter2\"}",
    ] {
        let output = program()
            .env("CHAINWEB_MINING_EXTERNAL_ENV", value)
            .output();
        check(&output.unwrap(), 64, value);
    }
    for (document, code) in [
        ("externalEnv: hunter2", 64),
        ("externalEnv: [hunter2]", 64),
        ("externalEnv: {A b: hunter2}", 64),
        ("externalEnv: {A: {B: hunter2}}", 64),
        ("externalEnv: {A: hunter2", 64),
        ("externalEnv: {A: !x hunter2}", 64),
        ("externalEnv: {A: hunter2}", 0),
        ("externalWorkerCommand: \"hunter2\\0\"", 64),
        ("externalArg: [\"a\", \"hunter2\\0\"]", 64),
        ("stratumPort: http://user:hunter2@host", 64),
    ] {
        let file = folder.file("value.yaml", document);
        let output = run(&["--config-file", &file, "--print-config"]);
        check(&output, code, document);
        let output = run(&["--config-file", &url(document), "--print-config"]);
        check(&output, code, document);
    }
}

#[test]
fn the_url_of_a_receiver_of_alerts_from_any_source() {
    let folder = Folder::new("secret-alerts");
    for (url, code) in [
        ("https://discord.com/api/webhooks/1/hunter2", 0),
        (
            "https://api.telegram.org/bot1:hunter2/sendMessage?chat_id=1",
            0,
        ),
        ("https://api.telegram.org/bot1:hunter2/sendMessage", 64),
        (
            "ntfy+https://user:hunter2@host/hunter2?auth=hunter2#hunter2",
            0,
        ),
        ("http+https://host/hunter2", 64),
        ("ftp://host/hunter2", 64),
        ("https://host:hunter2/", 64),
        ("hunter2", 64),
    ] {
        for last in ["--print-config", "--print-config-as=diff"] {
            check(&run(&["--alert-url", url, last]), code, url);
            check(
                &run(&["--alert-url=https://a/hunter2", "--alert-url", url, last]),
                code,
                url,
            );
            let variable = program()
                .env("CHAINWEB_MINING_ALERT_URL", url)
                .arg(last)
                .output();
            check(&variable.unwrap(), code, url);
            let file = folder.file("alerts.yaml", format!("alertUrl: ['{url}']\n"));
            check(&run(&["--config-file", &file, last]), code, url);
            let file = folder.file("alerts.yaml", format!("alertUrl: {{a: '{url}'}}\n"));
            check(&run(&["--config-file", &file, last]), 64, url);
        }
        if !url.contains("://") {
            continue;
        }
        check(&run(&["--alert-url", "https://a/hunter2", url]), 64, url);
        check(&run(&[&format!("--alert-url:{url}")]), 64, url);
        check(&run(&["doctor", "--alert-ur", url]), 64, url);
        check(&run(&["demo", "--alert-url", url]), 64, url);
        check(&run(&["demo", url]), 64, url);
        check(&run(&["simnet", "--listen", url]), 64, url);
        check(&run(&["alerts", url]), 64, url);
    }
    let printed = run(&[
        "--alert-url=ntfy+https://host/hunter2",
        "--print-config-as=minimal",
    ]);
    assert_eq!(
        text(&printed.stdout),
        "alertUrl: null # values not printed: host\n"
    );
}

#[test]
fn a_configuration_that_cannot_be_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    for url in [
        &format!("http://user:hunter2@{closed}/?hunter2"),
        "http://user:hunter2@[::g]/",
        "ftp://user:hunter2@host/?hunter2",
        "http:/user:hunter2@host/",
    ] {
        check(&run(&["--config-file", url]), 64, url);
        let variable = program().env("CHAINWEB_MINING_CONFIG_FILE", url).output();
        check(&variable.unwrap(), 64, url);
    }
}

#[test]
fn the_doctor_behind_a_proxy_with_a_password() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    for flags in [["--json", "-ltrace"], ["--no-color", "-ltrace"]] {
        let output = program()
            .args(["doctor", "--node=http://192.0.2.1", "--timeout=2s"])
            .args(flags)
            .env("http_proxy", format!("http://user:hunter2@{closed}"))
            .output()
            .unwrap();
        check(&output, 1, "doctor");
        assert!(text(&output.stdout).contains("127.0.0.1"), "{output:?}");
    }
}

#[test]
fn the_logs_of_a_miner_and_of_a_network_at_the_lowest_level() {
    let network = Running::start(&[
        "simnet",
        "--listen=127.0.0.1:0",
        "--graph=pair",
        "--log-level=trace",
    ]);
    let mut lines = vec![network.wait_for("simulated network starts")];
    let address = field(&lines[0], "address").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = "GET /info?token=hunter2 HTTP/1.1\r\nHost: x\r\n\
                   Authorization: Basic hunter2\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    lines.push(network.wait_for("/info"));

    let document = "externalEnv: {TOKEN: hunter2}\nexternalArg: [hunter2]\nworker: external\n\
                   externalWorkerCommand: test \"$TOKEN\" = hunter2 && exit 3; exit 4\n";
    for format in ["--log-format=plain", "--log-format=json"] {
        let mut miner = Running::start(&[
            "--config-file",
            &url(document),
            "--node",
            &address,
            "--log-level=trace",
            format,
        ]);
        // The command has the value.
        lines.push(miner.wait_for("exit status: 3"));
        miner.signal(Signal::TERM);
        lines.extend(miner.rest());
        assert_eq!(miner.wait().code(), Some(0));
    }
    lines.extend(network.pause());
    for line in lines {
        assert!(!line.contains(SECRET), "{line}");
    }
}
