//! Each fault of the simulated network, and each wrong flag, with the text of its finding.

use std::time::Duration;

use chainweb::{ChainGraph, ChainId, Difficulty};
use rustix::process::Signal;
use simnet::{Config, Endpoint, Miner, Miners, ProofOfWork, Release, Rule, Simnet, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Examined, IMPATIENCE, KEY, PATIENCE, examined, network};
use crate::cli::program::Running;

/// The checks that need `/info`.
const AFTER_INFO: &str = "network cut mining-api key work forks updates clock round-trip one-node";

async fn on(simnet: &Simnet) -> Examined {
    examined(&simnet.address().to_string(), &["-k", KEY], PATIENCE).await
}

/// Starts a node with permanent faults.
async fn with(rules: &[(Endpoint, Verdict)]) -> Simnet {
    let simnet = network(Config::default()).await;
    for (endpoint, verdict) in rules {
        simnet
            .faults()
            .install(Rule::on(*endpoint, verdict.clone()));
    }
    simnet
}

fn status(code: u16, body: &'static str) -> Verdict {
    Verdict::Status(code, body.into())
}

fn replaced(body: &'static str) -> Verdict {
    Verdict::Replace(body.into())
}

#[tokio::test]
async fn a_healthy_node_passes_with_few_requests() {
    for config in [
        Config::default(),
        Config {
            graph: ChainGraph::pair(),
            proof_of_work: ProofOfWork::Disabled,
            release: Release::Kadena2_23,
            ..Config::default()
        },
        Config {
            miners: Miners::Only(vec![Miner::with_public_key(KEY)]),
            start_difficulty: Difficulty::from_u128(63_800_000),
            ..Config::default()
        },
    ] {
        let simnet = network(config).await;
        on(&simnet).await.is_well("");
        let requests = simnet.requests();
        assert_eq!(requests.of(Endpoint::Solved), 0);
        let asked = [
            (Endpoint::Info, 14),
            (Endpoint::Cut, 9),
            (Endpoint::Work, 9),
            (Endpoint::Updates, 1),
            (Endpoint::Header, 1),
            (Endpoint::Unknown, 0),
        ];
        for (endpoint, count) in asked {
            assert_eq!(requests.of(endpoint), count, "{endpoint:?}");
        }
    }
}

#[tokio::test]
async fn work_is_reported_with_its_difficulty_and_the_age_of_its_parent() {
    let simnet = network(Config {
        graph: ChainGraph::singleton(),
        start_difficulty: Difficulty::from_u128(63_800_000),
        ..Config::default()
    })
    .await;
    let figure = on(&simnet).await.check("work")["figure"].to_string();
    let expected = "chain 0, height 1, 63.8 Mhashes expected, in ";
    assert!(
        figure.contains(expected) && figure.contains("; its parent is "),
        "{figure}"
    );
}

#[tokio::test]
async fn an_unknown_host_name() {
    let rest = format!("connection protocol info {AFTER_INFO}");
    let unknown = examined("nothing.invalid", &[], PATIENCE).await;
    unknown.fails("name", "nothing.invalid: ", "spelt right", &rest);
    // A label of a name has at most 63 letters.
    let long = examined(&"x".repeat(64), &[], PATIENCE).await;
    long.fails("name", "xxx", "IP address", &rest);
}

#[tokio::test]
async fn a_port_on_which_nothing_listens() {
    let simnet = with(&[]).await;
    simnet.set_listening(false).await.unwrap();
    let rest = format!("protocol info {AFTER_INFO}");
    on(&simnet)
        .await
        .fails("connection", " refuses", "nothing listens there", &rest);
}

#[tokio::test]
async fn a_port_that_speaks_something_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The check of the connection sends nothing.
            let _: usize = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.ok();
        }
    };
    let seen = tokio::select! {
        seen = examined(&address, &[], PATIENCE) => seen,
        () = answer => unreachable!("it answers for ever"),
    };
    let rest = format!("info {AFTER_INFO}");
    seen.fails("protocol", "invalid HTTP", "this is not HTTP", &rest);
}

#[tokio::test]
async fn a_server_that_is_no_chainweb_node() {
    #[track_caller]
    fn check(seen: &Examined, figure: &str, advice: &str) {
        seen.fails("info", figure, advice, AFTER_INFO);
    }
    for (verdict, figure, advice) in [
        (status(404, ""), "404 for /info", "1848"),
        (
            status(500, "Something went wrong"),
            "answers 500: Something went wrong",
            "its log says which",
        ),
        (
            status(503, "starting"),
            "answers 503: starting",
            "still starting",
        ),
        (
            status(502, "<html>\nBad Gateway"),
            "answers 502: <html>",
            "is the node running",
        ),
        (status(302, ""), "answers 302", "redirects are not followed"),
        (status(401, ""), "answers 401", "password"),
        (
            replaced("<!doctype html><title>Router</title>"),
            "is not what a chainweb node sends",
            "service API",
        ),
        (replaced("{}"), "nodeVersion", "service API"),
        (
            Verdict::Corrupt,
            "is not what a chainweb node sends",
            "service API",
        ),
        (
            Verdict::End,
            "is not what a chainweb node sends",
            "service API",
        ),
        (
            Verdict::Truncate(20),
            "before the answer was complete",
            "in the middle of an answer",
        ),
        (
            Verdict::LoseAnswer,
            "before the answer was complete",
            "in the middle of an answer",
        ),
    ] {
        let simnet = with(&[(Endpoint::Info, verdict)]).await;
        check(&on(&simnet).await, figure, advice);
    }
}

#[tokio::test]
async fn a_network_name_that_cannot_be_part_of_a_path() {
    let simnet = with(&[(Endpoint::Info, replaced(r#"{"nodeVersion":"../admin"}"#))]).await;
    let rest = "cut mining-api key work forks updates clock round-trip one-node";
    on(&simnet).await.fails(
        "network",
        "../admin",
        "no chainweb network has such a name",
        rest,
    );
}

#[tokio::test]
async fn a_node_that_does_not_answer() {
    let seen = async |endpoint| {
        let simnet = with(&[(endpoint, Verdict::Hang)]).await;
        examined(&simnet.address().to_string(), &["-k", KEY], IMPATIENCE).await
    };
    let (info, cut, work, updates, header) = tokio::join!(
        seen(Endpoint::Info),
        seen(Endpoint::Cut),
        seen(Endpoint::Work),
        seen(Endpoint::Updates),
        seen(Endpoint::Header),
    );
    let rest = format!("protocol {AFTER_INFO}");
    info.fails("info", "no answer within 1.5 s", "--timeout", &rest);
    cut.warns("cut", "no answer within 1.5 s", "--timeout");
    work.fails("work", "no work within 1.5 s", "catching up", "key");
    updates.warns("updates", "1.5 s", "proxy_buffering off");
    header.is_well("");
}

#[tokio::test]
async fn mining_is_switched_off() {
    let off = |endpoint| (endpoint, status(404, ""));
    let mining = [Endpoint::Work, Endpoint::Updates, Endpoint::Solved].map(off);
    let seen = on(&with(&mining).await).await;
    let rest = "key work updates";
    seen.fails(
        "mining-api",
        "/mining/work",
        "mining is switched off in the node: start it with",
        rest,
    );
    assert_eq!(seen.in_state("warn"), "");

    let all = [mining.as_slice(), &[off(Endpoint::Cut)]].concat();
    let seen = on(&with(&all).await).await;
    let rest = "key work forks updates";
    seen.fails("mining-api", "/mining/work", "only some paths", rest);
}

#[tokio::test]
async fn a_miner_unknown_to_the_node() {
    let only = |miner| Config {
        miners: Miners::Only(vec![miner]),
        ..Config::default()
    };
    let simnet = network(only(Miner::with_public_key(KEY))).await;
    let node = simnet.address().to_string();
    let other = "0".repeat(64);
    let seen = examined(&node, &["-k", &other], PATIENCE).await;
    let figure = format!("answers 403: Unauthorized Miner: k:{other}");
    let advice = format!("--mining-public-key={other}");
    seen.fails("key", &figure, &advice, "work");
    let seen = examined(&node, &[], PATIENCE).await;
    seen.fails("key", "; no key was sent", "--public-key KEY", "work");
    let seen = examined(&node, &["-k", KEY, "-a", "other"], PATIENCE).await;
    let figure = format!("Unauthorized Miner: other; the key sent was {KEY}");
    seen.fails("key", &figure, "--account", "work");

    // The account of the public container images.
    let bare = Miner {
        account: KEY.to_owned(),
        ..Miner::with_public_key(KEY)
    };
    let simnet = network(only(bare)).await;
    on(&simnet)
        .await
        .fails("key", "403", &format!("--account {KEY})"), "work");
    let node = simnet.address().to_string();
    examined(&node, &["-k", KEY, "-a", KEY], PATIENCE)
        .await
        .is_well("");
}

#[tokio::test]
async fn without_a_key_blocks_earn_no_reward_except_on_the_evm_line() {
    let examined = async |simnet: &Simnet| {
        let node = simnet.address().to_string();
        examined(&node, &[], PATIENCE).await
    };
    let simnet = with(&[]).await;
    let seen = examined(&simnet).await;
    seen.warns(
        "key",
        "without a key",
        "no --public-key: blocks earn no reward",
    );

    let providers =
        r#"{"nodeVersion":"development","nodePayloadProviders":{"0":{"type":"parked"}}}"#;
    let seen = examined(&with(&[(Endpoint::Info, replaced(providers))]).await).await;
    seen.is_well("");
    let figure = seen.check("key")["figure"].to_string();
    assert!(figure.contains("not needed"), "{figure}");

    let mut work = work_of(&simnet).await.encode();
    let adjacent_count = chainweb::Work::PREFIX_LENGTH + 48;
    work[adjacent_count..][..2].copy_from_slice(&[0xf0, 0xf0]);
    let hashed = Verdict::Replace(work.into());
    simnet.faults().install(Rule::on(Endpoint::Work, hashed));
    examined(&simnet).await.is_well("");
}

/// Requests work from a node.
async fn work_of(simnet: &Simnet) -> chainweb::Work {
    let client = node::Client::new(node::Config {
        endpoint: simnet.address().to_string().parse().unwrap(),
        miner: node::Miner::new(Some(KEY), None),
        trust: node::Trust::default(),
        limits: node::Limits::default(),
    });
    let version = "development".parse().unwrap();
    client.unwrap().work(&version, None).await.unwrap()
}

/// Examines a node whose only fault is its answer to a request for work.
async fn work_answered(verdict: Verdict) -> Examined {
    on(&with(&[(Endpoint::Work, verdict)]).await).await
}

#[tokio::test]
async fn work_that_is_refused() {
    let api = "key work updates";
    for (code, text, name, advice, skipped) in [
        (503, "Too many work requests", "work", "1200", "key"),
        (500, "Something went wrong", "work", "catching up", "key"),
        (503, "starting", "work", "too busy", "mining-api key"),
        (502, "Bad Gateway", "work", "is a proxy", "mining-api key"),
        (400, "Error in $", "mining-api", "service API", api),
        (405, "No such method", "mining-api", "service API", api),
        (403, "Forbidden", "key", "something before it", "work"),
    ] {
        let seen = work_answered(status(code, text)).await;
        seen.fails(name, &format!("answers {code}: {text}"), advice, skipped);
    }
}

#[tokio::test]
async fn malformed_work() {
    let changed = "something between the node";
    for (verdict, figure) in [
        (replaced("<html>"), "6 bytes is not work"),
        (Verdict::End, "0 bytes is not work"),
        (Verdict::Corrupt, "which the node does not know"),
    ] {
        let seen = work_answered(verdict).await;
        seen.fails("work", figure, changed, "");
    }
    for verdict in [Verdict::Truncate(100), Verdict::Drop] {
        let seen = work_answered(verdict).await;
        seen.fails(
            "work",
            "before the answer",
            "in the middle",
            "mining-api key",
        );
    }
}

#[tokio::test]
async fn missing_headers_do_not_matter() {
    for verdict in [
        status(404, "<html>"),
        status(500, ""),
        replaced("<html>"),
        Verdict::Drop,
    ] {
        let simnet = with(&[(Endpoint::Header, verdict)]).await;
        let seen = on(&simnet).await;
        seen.is_well("");
        let figure = seen.check("work")["figure"].to_string();
        assert!(!figure.contains("parent"), "{figure}");
    }
}

#[tokio::test]
async fn work_on_blocks_of_another_network() {
    let here = network(Config::default()).await;
    let there = Config {
        start_difficulty: Difficulty::from_u128(77),
        ..Config::default()
    };
    let there = network(there).await;
    let work = work_of(&there).await;
    let verdict = Verdict::Replace(work.encode().into());
    here.faults().install(Rule::on(Endpoint::Work, verdict));
    on(&here).await.fails(
        "work",
        "which the node does not know",
        "something between",
        "",
    );
}

#[tokio::test]
async fn streams_that_do_not_open() {
    let full = "No more update streams available currently. Retry later.";
    for (verdict, figure, advice) in [
        (
            status(503, full),
            "answers 503: No more",
            "updateStreamLimit",
        ),
        (status(500, ""), "answers 500", "its log says which"),
        (status(404, ""), "404 for /chainweb", "some paths"),
        (
            status(200, ""),
            "instead of text/event-stream",
            "in between",
        ),
        (Verdict::Drop, "before the answer", "in the middle"),
    ] {
        let streams = (Endpoint::Updates, verdict);
        let simnet = with(std::slice::from_ref(&streams)).await;
        on(&simnet).await.warns("updates", figure, advice);
        // Without the cut, new blocks go unnoticed.
        let simnet = with(&[streams, (Endpoint::Cut, status(500, ""))]).await;
        on(&simnet)
            .await
            .fails("updates", figure, "without /cut and this", "");
    }
}

#[tokio::test]
async fn all_streams_are_taken() {
    let mut config = Config::default();
    config.limits.update_streams = 1;
    on(&network(config).await)
        .await
        .warns("updates", "503", "2000 unless");
}

#[tokio::test]
async fn a_missing_cut() {
    for (verdict, figure) in [
        (status(500, ""), "answers 500"),
        (replaced("<html>"), "is not what a chainweb node sends"),
        (Verdict::Truncate(9), "before the answer was complete"),
    ] {
        let simnet = with(&[(Endpoint::Cut, verdict)]).await;
        on(&simnet)
            .await
            .warns("cut", figure, "acceptance cannot be checked");
    }
}

#[tokio::test]
async fn clocks_that_differ() {
    const HOUR_US: i64 = 3_600_000_000;
    for (clock_offset_micros, figure) in [
        (2 * HOUR_US, "2.0 h ahead of"),
        (-2 * HOUR_US, "2.0 h behind"),
        (20_000_000, "s ahead of"),
    ] {
        let simnet = network(Config {
            clock_offset_micros,
            ..Config::default()
        })
        .await;
        on(&simnet).await.warns("clock", figure, "NTP");
    }
    // A tolerable difference.
    let simnet = network(Config {
        clock_offset_micros: 3_000_000,
        ..Config::default()
    })
    .await;
    on(&simnet).await.is_well("");
}

#[tokio::test]
async fn a_node_that_is_far_away() {
    let simnet = network(Config {
        block_delay: Duration::from_secs(1),
        ..Config::default()
    })
    .await;
    let delay = Verdict::Delay(Duration::from_millis(60));
    simnet.faults().install(Rule::on(Endpoint::Info, delay));
    on(&simnet).await.warns(
        "round-trip",
        "(median of 5)",
        "% of the blocks come too late",
    );
}

#[tokio::test]
async fn a_node_that_has_lost_its_network() {
    let simnet = network(Config {
        graph: ChainGraph::pair(),
        // Twenty times this has always passed.
        block_delay: Duration::from_micros(1),
        ..Config::default()
    })
    .await;
    for chain in [0, 1] {
        simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    let seen = on(&simnet).await;
    assert_eq!(seen.in_state("warn"), "work round-trip");
    seen.check_texts("work", "its parent is", "lost touch");
    assert!(seen.works);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_skips_name_and_connection() {
    let simnet = with(&[]).await;
    let output = crate::cli::program::program()
        .args(["doctor", "--json", "--node", "nothing.invalid", "-k", KEY])
        .env("http_proxy", format!("http://{}", simnet.address()))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output();
    let output = output.unwrap();
    let seen = Examined::read(&output.stdout, output.status.success());
    seen.is_well("name connection");
}

/// Answers each connection with these bytes.
async fn proxy_that_answers(answer: &'static str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                drop(stream.write_all(answer.as_bytes()).await);
            }
        }
    });
    (address, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_a_proxy_of_the_environment_is_not_the_nodes() {
    const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nsquid";
    const PASSWORD: &str =
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    const GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    for (answer, node, variable, figure) in [
        (
            FORBIDDEN,
            "nothing.invalid",
            "http_proxy",
            "answers 403: squid",
        ),
        (PASSWORD, "nothing.invalid", "all_proxy", "answers 407"),
        (GATEWAY, "nothing.invalid", "HTTP_PROXY", "answers 502"),
        (
            FORBIDDEN,
            "https://nothing.invalid",
            "https_proxy",
            "tunnel",
        ),
        (
            PASSWORD,
            "https://nothing.invalid",
            "ALL_PROXY",
            "authorization",
        ),
    ] {
        let (proxy, _tasks) = proxy_that_answers(answer).await;
        let behind = |args: &[&str]| {
            let mut command = crate::cli::program::program();
            for name in ["no_proxy", "http_proxy", "https_proxy", "all_proxy"] {
                command.env_remove(name).env_remove(name.to_uppercase());
            }
            command
                .args(args)
                .args(["--node", node, "-k", KEY])
                .env(variable, &proxy);
            command
        };
        let output = behind(&["doctor", "--json"]).output().unwrap();
        let seen = Examined::read(&output.stdout, output.status.success());
        let named = format!("the proxy {proxy}/ (from {variable})");
        seen.fails(
            "info",
            figure,
            "no_proxy",
            seen.in_state("skipped").as_str(),
        );
        seen.check_texts("info", &named, "the proxy");
        let mut mining = Running::spawn(&mut behind(&["--worker", "cpu"]));
        let line = mining.wait_for("a proxy of the environment does not lead to the node");
        assert!(line.contains(&named), "{line}");
        mining.signal(Signal::TERM);
        mining.wait();
    }
}
