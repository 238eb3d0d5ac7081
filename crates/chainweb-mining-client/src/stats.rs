//! The `stats` command: what a running program does, for people, programs and `HiveOS`.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use hyper::StatusCode;
use miner::units::{About, HashRate};
use serde_json::{Value, json};

use crate::ask::AskArgs;
use crate::config::ConfigArgs;
use crate::text::{fitted, table};

const UNKNOWN: &str = "–";

/// What to print.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// The form of the output.
    #[arg(long, value_enum, default_value = "table", ignore_case = true)]
    pub format: StatsFormat,
    /// Where the API of the running program listens.
    #[command(flatten)]
    pub api: AskArgs,
    /// The sources of settings, as for mining.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatsFormat {
    /// Text for people.
    Table,
    /// One JSON object with the answers of the API.
    Json,
    /// The shell variables khs and stats, for h-stats.sh of `HiveOS`.
    Hive,
}

impl StatsArgs {
    /// Asks a running program, and returns the output.
    ///
    /// # Errors
    /// Returns an error if it does not answer.
    pub(crate) async fn text(&self) -> anyhow::Result<String> {
        let status = self.ask("/api/v1/status").await?;
        let workers = self.ask("/api/v1/workers").await?;
        let workers = &workers["workers"];
        Ok(match self.format {
            StatsFormat::Table => page(&status, workers),
            StatsFormat::Json => format!("{}\n", json!({ "status": status, "workers": workers })),
            StatsFormat::Hive => hive(&status, workers),
        })
    }

    async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.api.ask(path).await?;
        if status != StatusCode::OK {
            let body = String::from_utf8_lossy(&body);
            bail!("the API answers {status}: {}", fitted(&body, usize::MAX));
        }
        serde_json::from_slice(&body).context("the answer is not one of the API")
    }
}

/// Returns assignments of `khs`, the rate in kH/s, and `stats`, which a shell can evaluate: they
/// hold numbers and a version only, and no name that others chose.
fn hive(status: &Value, workers: &Value) -> String {
    let khs = |rate: &Value| number(rate) / 1000.0;
    let workers = list(workers);
    let blocks = &status["blocks"];
    let total = khs(&status["hash_rate"]["present"]);
    let (rates, accepted, refused) = if status["devices"].is_null() {
        let rejected = count(&blocks["rejected"]) + count(&blocks["stale"]);
        (vec![total], count(&blocks["submitted"]), rejected)
    } else {
        let rates = workers.iter().map(|worker| khs(&worker["hash_rate"]));
        let accepted = workers
            .iter()
            .map(|worker| count(&worker["shares"]["accepted"]));
        (
            rates.collect(),
            accepted.sum(),
            workers.iter().map(refused).sum(),
        )
    };
    let uptime = Duration::try_from_secs_f64(number(&status["uptime_seconds"]));
    // Of the running program, and only what a version consists of: no shell syntax.
    let version = status["version"].as_str().unwrap_or_default();
    let is_of_version = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    let version: String = version.chars().filter(is_of_version).collect();
    let stats = json!({
        "hs": rates,
        "hs_units": "khs",
        "temp": [],
        "fan": [],
        "uptime": uptime.unwrap_or_default().as_secs(),
        "ver": version,
        "ar": [accepted, refused],
        "algo": "blake2s",
    });
    format!("khs={total}\nstats='{stats}'\n")
}

fn page(status: &Value, workers: &Value) -> String {
    let percent = |value: &Value| {
        let value = value.as_f64();
        value.map_or(UNKNOWN.to_owned(), |it| format!("{:.0} %", 100.0 * it))
    };
    let (blocks, work, next) = (&status["blocks"], &status["work"], &status["next_block"]);
    let is_ready = status["ready"] == json!(true);
    let luck = match (&work["luck"], list(&work["luck_interval"])) {
        (luck, [low, high]) => {
            let [luck, low, high] = [luck, low, high].map(percent);
            format!("{luck} (95 %: {low} to {high})")
        }
        _ if work["expected_blocks"].is_null() => UNKNOWN.to_owned(),
        _ => "too early to say".to_owned(),
    };
    let rows = [
        (
            if is_ready { "ready" } else { "not ready" },
            text(&status["reason"]),
        ),
        ("up for", time(&status["uptime_seconds"])),
        ("rate", rate(&status["hash_rate"]["present"])),
        ("mean", rate(&status["hash_rate"]["mean"])),
        ("next block", time(&next["mean_seconds"])),
        (
            "blocks",
            format!(
                "{} found, {} accepted, {} orphaned, {} too late, {} rejected",
                blocks["found"],
                blocks["accepted"],
                blocks["orphaned"],
                blocks["stale"],
                blocks["rejected"]
            ),
        ),
        ("effort", percent(&work["effort"])),
        ("luck", luck),
    ];
    let mut page = String::new();
    for (name, value) in rows {
        writeln!(page, "{name:<12}{value}").expect("text takes all");
    }
    write_devices(&mut page, workers, number(&status["time_unix_ms"]));
    page
}

/// Writes a table of the devices, if there are any; those that are gone come last.
fn write_devices(page: &mut String, workers: &Value, now_ms: f64) {
    const HEAD: [&str; 6] = [
        "device",
        "state",
        "rate",
        "accepted",
        "refused",
        "last share",
    ];
    let mut workers: Vec<&Value> = list(workers).iter().collect();
    workers.sort_by_key(|worker| worker["state"] == "disconnected");
    let row = |worker: &&Value| {
        let last = &worker["last_share_unix_ms"];
        let ago = last.as_f64().map(|last| (now_ms - last).max(0.0) / 1000.0);
        [
            text(&worker["name"]),
            text(&worker["state"]),
            rate(&worker["hash_rate"]),
            worker["shares"]["accepted"].to_string(),
            refused(worker).to_string(),
            ago.map_or(UNKNOWN.to_owned(), |ago| {
                format!("{} ago", time(&json!(ago)))
            }),
        ]
    };
    let rows: Vec<_> = workers.iter().map(row).collect();
    if rows.is_empty() {
        return;
    }
    page.push('\n');
    let head = [HEAD.map(str::to_owned)];
    for line in table(&[&head[..], &rows].concat(), usize::MAX) {
        writeln!(page, "{line}").expect("text takes all");
    }
}

fn rate(value: &Value) -> String {
    let rate = value.as_f64();
    rate.map_or(UNKNOWN.to_owned(), |rate| HashRate(rate).to_string())
}

/// Returns the number of refused shares of a worker.
fn refused(worker: &Value) -> u64 {
    let shares = worker["shares"].as_object().into_iter().flatten();
    let refused = shares.filter(|(reason, _)| !reason.starts_with("accepted"));
    refused.map(|(_, shares)| count(shares)).sum()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn time(value: &Value) -> String {
    let time = value
        .as_f64()
        .and_then(|time| Duration::try_from_secs_f64(time).ok());
    time.map_or(UNKNOWN.to_owned(), |time| About(time).to_string())
}

fn text(value: &Value) -> String {
    fitted(value.as_str().unwrap_or(UNKNOWN), usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{hive, page};

    #[test]
    fn luck_is_unknown_where_no_blocks_are_expected_and_early_before_the_first() {
        let luck = |work: &Value| {
            let page = page(&json!({ "work": work }), &json!([]));
            let line = page.lines().find_map(|line| line.strip_prefix("luck"));
            line.unwrap_or_default().trim().to_owned()
        };
        assert_eq!(luck(&json!({ "expected_blocks": null })), "–");
        assert_eq!(luck(&json!({ "expected_blocks": 0.5 })), "too early to say");
        let known = json!({ "expected_blocks": 4, "luck": 0.5, "luck_interval": [0.1, 1.5] });
        assert_eq!(luck(&known), "50 % (95 %: 10 % to 150 %)");
    }

    #[test]
    fn the_version_for_hive_is_that_of_the_program_and_no_shell_syntax() {
        let text = hive(&json!({ "version": "9.8.7-a+b'; reboot; '" }), &json!([]));
        assert!(text.contains("\"ver\":\"9.8.7-a+breboot\""), "{text}");
    }

    #[test]
    fn wide_names_are_aligned_and_devices_that_are_gone_come_last() {
        let worker = |name, state| {
            json!({
                "name": name, "state": state, "hash_rate": 1e12, "last_share_unix_ms": null,
                "shares": { "accepted": 7, "stale": 2 },
            })
        };
        let workers = json!([
            worker("gone", "disconnected"),
            worker("矿机\u{1b}[2J", "active"),
            worker("rig-2", "silent"),
        ]);
        let page = page(&json!({ "work": { "effort": 36.38 } }), &workers);
        assert!(page.contains("\neffort      3638 %\n"), "{page}");
        let expected = "
device          state       rate  accepted  refused  last share
矿机[2J        active  1.00 TH/s         7        2           –
rig-2          silent  1.00 TH/s         7        2           –
gone     disconnected  1.00 TH/s         7        2           –
";
        assert!(page.ends_with(expected), "{page}");
    }
}
