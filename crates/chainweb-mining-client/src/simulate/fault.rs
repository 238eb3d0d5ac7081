//! The form of a fault on the command line: `ENDPOINT=FAULT`, as in `work=status:503` or
//! `cut=delay:2s`.

use std::str::FromStr;

use simnet::{Endpoint, Rule, Verdict};

use crate::quantity::positive_duration;

/// A rule by which the simulated node misbehaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub(super) Rule);

const ENDPOINTS: [(&str, Endpoint); 7] = [
    ("info", Endpoint::Info),
    ("cut", Endpoint::Cut),
    ("work", Endpoint::Work),
    ("solved", Endpoint::Solved),
    ("updates", Endpoint::Updates),
    ("event", Endpoint::Event),
    ("header", Endpoint::Header),
];

const FAULTS: &str = "delay:TIME, delay-body:TIME, status:CODE, status:CODE:TEXT, busy:CODE:TIME, replace:TEXT, truncate:BYTES, corrupt, drop, \
                      lose-answer, hang, hang-answer or end";

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, fault) = text.split_once('=').unwrap_or((text, ""));
        let verdict = verdict(fault)
            .ok_or_else(|| format!("expected ENDPOINT=FAULT, FAULT being one of {FAULTS}"))?;
        if place == "all" {
            return Ok(Self(Rule::on_all(verdict)));
        }
        let found = ENDPOINTS.iter().find(|(name, _)| *name == place);
        let (_, endpoint) = found.ok_or_else(|| {
            let names = ENDPOINTS.map(|(name, _)| name).join(", ");
            format!("expected ENDPOINT=FAULT, ENDPOINT being one of {names} or all")
        })?;
        Ok(Self(Rule::on(*endpoint, verdict)))
    }
}

fn verdict(text: &str) -> Option<Verdict> {
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    Some(match (name, value) {
        ("delay", Some(time)) => Verdict::Delay(positive_duration(time).ok()?),
        ("delay-body", Some(time)) => Verdict::DelayBody(positive_duration(time).ok()?),
        ("status", Some(status)) => {
            let (code, body) = status.split_once(':').unwrap_or((status, ""));
            Verdict::Status(status_code(code)?, body.to_owned().into())
        }
        ("busy", Some(status)) => {
            let (code, time) = status.split_once(':')?;
            Verdict::Busy(status_code(code)?, positive_duration(time).ok()?)
        }
        ("replace", Some(body)) => Verdict::Replace(body.to_owned().into()),
        ("truncate", Some(bytes)) => Verdict::Truncate(bytes.parse().ok()?),
        ("corrupt", None) => Verdict::Corrupt,
        ("drop", None) => Verdict::Drop,
        ("lose-answer", None) => Verdict::LoseAnswer,
        ("hang", None) => Verdict::Hang,
        ("hang-answer", None) => Verdict::HangAnswer,
        ("end", None) => Verdict::End,
        _ => return None,
    })
}

fn status_code(text: &str) -> Option<u16> {
    let code = text.parse().ok()?;
    (200..=599).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn faults_are_parsed() {
        #[track_caller]
        fn check(text: &str, expected: Rule) {
            assert_eq!(text.parse(), Ok(Fault(expected)));
        }
        check("info=hang", Rule::on(Endpoint::Info, Verdict::Hang));
        check(
            "work=busy:429:5s",
            Rule::on(Endpoint::Work, Verdict::Busy(429, Duration::from_secs(5))),
        );
        check(
            "cut=delay-body:2s",
            Rule::on(Endpoint::Cut, Verdict::DelayBody(Duration::from_secs(2))),
        );
        check("all=drop", Rule::on_all(Verdict::Drop));
        check(
            "work=status:503:Too many: wait",
            Rule::on(
                Endpoint::Work,
                Verdict::Status(503, "Too many: wait".into()),
            ),
        );
        check(
            "updates=status:404",
            Rule::on(Endpoint::Updates, Verdict::Status(404, "".into())),
        );
        check(
            "cut=delay:2s",
            Rule::on(Endpoint::Cut, Verdict::Delay(Duration::from_secs(2))),
        );
        check(
            "header=replace:<a=b>",
            Rule::on(Endpoint::Header, Verdict::Replace("<a=b>".into())),
        );
        check(
            "event=truncate:7",
            Rule::on(Endpoint::Event, Verdict::Truncate(7)),
        );
        check(
            "solved=lose-answer",
            Rule::on(Endpoint::Solved, Verdict::LoseAnswer),
        );
    }

    #[test]
    fn errors_list_the_valid_faults_and_endpoints() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = text.parse::<Fault>().expect_err("not a fault");
            assert!(error.contains(expected), "{error}");
        }
        for text in [
            "work",
            "work=",
            "work=slow",
            "work=hang:1s",
            "work=delay",
            "work=delay:2",
        ] {
            check(text, "delay:TIME");
        }
        for text in [
            "work=status:99",
            "work=status:no",
            "work=status:70000",
            "work=truncate:-1",
        ] {
            check(text, "status:CODE");
        }
        check("wrok=hang", "updates, event, header or all");
        check("=hang", "info, cut");
    }
}
