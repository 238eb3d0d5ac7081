//! The table of a row.

use std::fmt::Write;

use crate::run::Row;

/// Returns the figures of a row as a table, in milliseconds.
pub(crate) fn of(row: &Row) -> String {
    let setting = row.setting;
    let mut text = format!(
        "devices {}, chains {}, nodes {}, work slots {}{}\n\
         {:26}{:>9}{:>9}{:>9}{:>9}  of stages  times bare\n",
        setting.devices,
        setting.chains,
        setting.nodes,
        setting.slots,
        if setting.disk {
            ", history on the disk"
        } else {
            ""
        },
        "ms",
        "median",
        "90 %",
        "99 %",
        "max"
    );
    for figure in &row.figures {
        let [median, p90, p99, max] = [
            figure.median_us,
            figure.p90_us,
            figure.p99_us,
            figure.max_us,
        ]
        .map(|us| us / 1000.0);
        let part = figure
            .part
            .map_or(String::new(), |part| format!("{:.0} %", 100.0 * part));
        let times = figure.times_bare;
        let times = times.map_or(String::new(), |times| format!("{times:.2}"));
        let indent = if figure.stage_of.is_some() { "  " } else { "" };
        let name = format!("{indent}{}", figure.name);
        writeln!(
            text,
            "{name:26}{median:9.3}{p90:9.3}{p99:9.3}{max:9.3}{part:>11}{times:>12}"
        )
        .expect("writing to a string does not fail");
    }
    for failure in &row.failures {
        text.extend(["failure: ", failure, "\n"]);
    }
    text.push('\n');
    text
}
