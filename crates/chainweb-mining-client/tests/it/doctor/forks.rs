//! `doctor` on the lines of chainweb-node: their releases, and the votes on their forks.

use chainweb::{ChainGraph, ChainId};
use simnet::{Config, Endpoint, ForkRules, Preset, Release, Rule, Simnet, Verdict};

use super::{Examined, KEY, PATIENCE, examined, network, run_json};

async fn on(simnet: &Simnet) -> Examined {
    examined(&simnet.address().to_string(), &["-k", KEY], PATIENCE).await
}

/// A network of one chain, whose next epoch of votes begins at height 123.
fn short(release: Release, known: u32) -> Config {
    Config {
        graph: ChainGraph::singleton(),
        release,
        forks: ForkRules {
            known,
            target: 1,
            casting: 3,
        },
        ..Config::default()
    }
}

/// Mines blocks of others.
fn mine(simnet: &Simnet, blocks: u64) {
    for _ in 0..blocks {
        simnet.mine_foreign(ChainId::new(0)).unwrap();
    }
}

#[tokio::test]
async fn each_network_is_named_with_line_release_and_votes() {
    let vote = "fork 0; 1 of the 9520 votes that fork 1 needs, after 2 of 14280 blocks; this node \
                votes for it";
    let none = "fork 0, no votes for the next one";
    for (preset, network_figure, votes) in [
        (
            Preset::Development,
            "development, 20 chains, chainweb-node 2.32.0 (Kadena's line)",
            none,
        ),
        (
            Preset::MainnetLike,
            "mainnet01, 20 chains, chainweb-node 3.2 (the community's line)",
            "not checked: the flags of early blocks are a nonce",
        ),
        (
            Preset::Stoa,
            "stoa, 10 chains, chainweb-node 3.2.1-stoa.1 (StoaChain's line)",
            none,
        ),
        (
            Preset::EvmSandbox,
            "evm-development, 98 chains, chainweb-node 2.31.2 (the EVM line)",
            none,
        ),
    ] {
        let simnet = network(Config::of_network(preset)).await;
        let seen = on(&simnet).await;
        let is_skipped = votes.starts_with("not checked");
        seen.is_well(if is_skipped { "forks" } else { "" });
        assert_eq!(seen.check("network")["figure"], network_figure);
        assert_eq!(seen.check("forks")["figure"], votes, "{preset:?}");
    }
    let mut config = Config::of_network(Preset::MainnetLike);
    config.name("testnet06");
    let seen = on(&network(config).await).await;
    assert_eq!(seen.check("forks")["figure"], vote);
}

#[tokio::test]
async fn a_release_older_than_the_network_requires_is_a_warning() {
    let old = |release| Config {
        release,
        ..Config::of_network(Preset::MainnetLike)
    };
    for (release, figure) in [
        (Release::Kadena2_32, "chainweb-node 2.32.0 (Kadena's line)"),
        (Release::Kadena2_23, "chainweb-node older than 2.24.1"),
    ] {
        let simnet = network(old(release)).await;
        let advice = "upgrade the node: mainnet01 has required release 3.2 since 10 July 2026 \
                      (https://github.com/kda-community/chainweb-node/releases, as of ";
        on(&simnet).await.warns("network", figure, advice);
    }
}

#[tokio::test]
async fn a_node_that_does_not_know_the_fork_of_its_own_work_cannot_be_mined_on() {
    for (release, known, works) in [
        (Release::CommunityNext, 0, false),
        (Release::CommunityNext, 1, true),
        // Its answers do not show which forks it knows.
        (Release::Community3_2, 1, true),
    ] {
        let simnet = network(short(release, known)).await;
        mine(&simnet, 122);
        let seen = on(&simnet).await;
        if works {
            seen.is_well("");
            let figure = seen.check("forks")["figure"].to_string();
            assert!(figure.contains("fork 1; 1 of the 9520 votes"), "{figure}");
        } else {
            let figure = "fork 1, which this node does not know";
            seen.fails("forks", figure, "the network has forked", "");
        }
    }
}

#[tokio::test]
async fn without_work_the_votes_are_those_of_the_cut() {
    let simnet = network(short(Release::Community3_2, 1)).await;
    mine(&simnet, 2);
    let off = Verdict::Status(404, "".into());
    simnet.faults().install(Rule::on(Endpoint::Work, off));
    let seen = on(&simnet).await;
    let figure = "fork 0; 2 of the 9520 votes that fork 1 needs, after 3 of 14280 blocks";
    assert_eq!(seen.check("forks")["figure"], figure);
    let missing = Verdict::Status(500, "".into());
    simnet.faults().install(Rule::on(Endpoint::Header, missing));
    assert_eq!(on(&simnet).await.check("forks")["state"], "skipped");
}

#[tokio::test]
async fn a_node_that_stopped_at_a_fork_is_found_beside_another() {
    let upgraded = network(short(Release::Community3_2, 1)).await;
    mine(&upgraded, 130);
    let stopped = network(short(Release::Kadena2_32, 0)).await;
    mine(&stopped, 5);
    let command = ["client", "doctor", "--json", "-k", KEY, "--timeout=1m"].map(str::to_owned);
    let nodes = [&upgraded, &stopped].map(|simnet| format!("--node={}", simnet.address()));
    let (out, works) = run_json(command.iter().chain(&nodes)).await;
    assert!(!works);
    let out = String::from_utf8(out).unwrap();
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last["nodes"][0]["state"], "ok", "{last:#}");
    let row = &last["nodes"][1];
    assert_eq!(row["state"], "fail", "{row:#}");
    assert_eq!(row["figure"], "is at fork 0, and the network at fork 1");
}

#[tokio::test]
async fn any_form_of_info_is_examined() {
    for fields in [
        r#""nodePackageVersion":7"#,
        r#""nodePackageVersion":"","nodeForkNumber":-1"#,
        r#""nodePackageVersion":"99999999999999999999.1","nodeForkNumber":"x""#,
        r#""nodePackageVersion":"3.3","nodeForkNumber":4294967295,"nodeLatestBehaviorHeight":{}"#,
        r#""nodePackageVersion":"\u0000\u001b[2J","nodePayloadProviders":7"#,
    ] {
        let simnet = network(Config::default()).await;
        let body = format!(r#"{{"nodeVersion":"development",{fields}}}"#);
        let verdict = Verdict::Replace(body.into());
        simnet.faults().install(Rule::on(Endpoint::Info, verdict));
        on(&simnet).await.is_well("");
    }
}
