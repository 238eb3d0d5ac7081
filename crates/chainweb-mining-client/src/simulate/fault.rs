//! The form of a fault on the command line: `ENDPOINT=FAULT`, as in `work=status:503`, of one node
//! as in `node1/work=status:503`, or of a whole node, as in `node1=freeze:30s:10s`.

use std::str::FromStr;

use simnet::{Endpoint, Incident, IncidentKind, Rule, Verdict};

use super::numbered::{Numbered, number};
use crate::quantity::positive_duration;

/// How simulated nodes misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The treatment of requests.
    Rule(Rule),
    /// What happens to a node.
    Incident(Incident),
}

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

const INCIDENTS: &str = "expected nodeN=FAULT:AFTER or nodeN=FAULT:AFTER:TIME, FAULT being partition, freeze, fork, restart or close";

/// The number of blocks by which each chain of a fork is higher.
const AHEAD: u64 = 5;

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, fault) = text.split_once('=').unwrap_or((text, ""));
        if let Some(node) = number(place) {
            let incident = incident(node, fault).ok_or(INCIDENTS)?;
            return Ok(Self::Incident(incident));
        }
        let place = Numbered::parse(place, '/', |place| Ok(place.to_owned()))?;
        let of_node = |rule: Rule| match place.node {
            Some(node) => rule.node(node),
            None => rule,
        };
        let place = place.value.as_str();
        let verdict = verdict(fault)
            .ok_or_else(|| format!("expected ENDPOINT=FAULT, FAULT being one of {FAULTS}"))?;
        if place == "all" {
            return Ok(Self::Rule(of_node(Rule::on_all(verdict))));
        }
        let found = ENDPOINTS.iter().find(|(name, _)| *name == place);
        let (_, endpoint) = found.ok_or_else(|| {
            let names = ENDPOINTS.map(|(name, _)| name).join(", ");
            format!("expected ENDPOINT=FAULT, ENDPOINT being one of {names} or all")
        })?;
        Ok(Self::Rule(of_node(Rule::on(*endpoint, verdict))))
    }
}

fn incident(node: usize, text: &str) -> Option<Incident> {
    let (name, times) = text.split_once(':')?;
    let (after, lasting) = match times.split_once(':') {
        Some((after, lasting)) => (after, Some(positive_duration(lasting).ok()?)),
        None => (times, None),
    };
    let kind = match name {
        "partition" => IncidentKind::Partition,
        "freeze" => IncidentKind::Freeze,
        "fork" => IncidentKind::Fork(AHEAD),
        "restart" => IncidentKind::Restart,
        "close" => IncidentKind::Close,
        _ => return None,
    };
    let after = positive_duration(after).ok()?;
    Some(Incident {
        node,
        kind,
        after,
        lasting,
    })
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
            assert_eq!(text.parse(), Ok(Fault::Rule(expected)));
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
        check(
            "node1/work=hang",
            Rule::on(Endpoint::Work, Verdict::Hang).node(1),
        );
        check("node12/all=drop", Rule::on_all(Verdict::Drop).node(12));
    }

    #[test]
    fn faults_of_nodes_are_parsed() {
        #[track_caller]
        fn check(text: &str, kind: IncidentKind, lasting: Option<Duration>) {
            let expected = Fault::Incident(Incident {
                node: 2,
                kind,
                after: Duration::from_secs(30),
                lasting,
            });
            assert_eq!(text.parse(), Ok(expected));
        }
        let minute = Some(Duration::from_mins(1));
        check("node2=partition:30s", IncidentKind::Partition, None);
        check("node2=freeze:30s:1m", IncidentKind::Freeze, minute);
        check("node2=fork:30s", IncidentKind::Fork(5), None);
        check("node2=restart:30s:1m", IncidentKind::Restart, minute);
        check("node2=close:30s:1m", IncidentKind::Close, minute);
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
        for text in [
            "node1=freeze",
            "node1=melt:1s",
            "node1=freeze:1",
            "node1=freeze:1s:",
            "node1=hang",
        ] {
            check(text, "nodeN=FAULT:AFTER");
        }
        check("node/work=hang", "ENDPOINT being one of");
        check("nodex=freeze:1s", "delay:TIME");
        check("wrok=hang", "updates, event, header or all");
        check("=hang", "info, cut");
    }
}
