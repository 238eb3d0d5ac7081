//! The page of the metrics, generated from their table.

use std::fmt::Write;

use chainweb_mining_client::metrics::{Metric, PREFIX, TABLE};

const INTRODUCTION: &str = "\
<!-- Made from the metrics themselves: UPDATE_DOCS=1 cargo test -p chainweb-mining-client --test it docs -->

# Metrics

The client serves metrics for Prometheus at `/metrics` of `--api-listen`, by default `http://127.0.0.1:1918/metrics`:

```yaml
# prometheus.yml
scrape_configs:
  - job_name: chainweb-mining-client
    static_configs:
      - targets: [\"127.0.0.1:1918\"]
```

- The format is OpenMetrics 1.0 for a reader that asks for it, as Prometheus does, and else the text format of
  Prometheus: `curl -s http://127.0.0.1:1918/metrics | promtool check metrics`.
- The text is made at most once a second, however often it is read.
- Counters start at 0 with the program and never fall. There are no rates: Prometheus computes them. What the client
  found before is in its [history](history.md).
- A figure that is unknown is missing, and not 0. Without the Stratum server there are no metrics of devices.
- Names and labels never change their meaning. No label contains a hash.
- All names start with `chainweb_mining_`, which the tables leave out.

";

const WORKERS: &str = "\
A worker has at most six series. The first 1,000 workers have series of their own; the others are counted together as
the worker `other`. A worker does not change sides while it is known: until it was gone for a day, or for an hour if
none of its shares was accepted. Characters in names that cannot be seen are escaped as `%` and two
hex digits; a worker that is named `other` is `%6Fther`.

";

/// Returns the page.
pub(crate) fn generate() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, metrics) in &TABLE {
        write!(page, "## {title}\n\n").unwrap();
        if metrics
            .iter()
            .any(|metric| metric.labels.contains(&"worker"))
        {
            page += WORKERS;
        }
        page += "| name | type | labels | meaning and use |\n|---|---|---|---|\n";
        for metric in *metrics {
            page += &row(metric);
        }
        page.push('\n');
    }
    page.trim_end().to_owned() + "\n"
}

fn row(metric: &Metric) -> String {
    let Metric {
        name, help, hint, ..
    } = metric;
    let kind = format!("{:?}", metric.kind()).to_lowercase();
    let unit = metric
        .unit()
        .map_or_else(String::new, |unit| format!(", {}", unit.as_str()));
    let labels = metric.labels.iter().map(|label| format!("`{label}`"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let hint = if hint.is_empty() {
        String::new()
    } else {
        format!(" {hint}")
    };
    let text = format!("{help}.{hint}").replace('|', "\\|");
    assert!(!name.starts_with(PREFIX));
    format!("| `{name}` | {kind}{unit} | {labels} | {text} |\n")
}
