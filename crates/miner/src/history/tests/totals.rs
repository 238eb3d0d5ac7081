//! Totals, workers and outages, and what the next run goes on from.

use std::time::Duration;

use super::{Directory, PATIENCE, again, at, change, found, in_memory, open, worker};
use crate::history::{Earlier, EarlierWorker, Fate, Outage, Record, Span, Totals};

#[tokio::test]
async fn totals_add_up_by_minute_hour_and_day() {
    let history = in_memory().await;
    let totals = Totals {
        hashes: Some(1.5),
        expected: Some(0.25),
        stale_hashes: None,
        shares_accepted: 3,
        shares_stale: 2,
        shares_rejected: 1,
        blocks: 1,
    };
    let day = 20_000 * 86_400;
    let minute = |minutes: u64| at(day) + Duration::from_mins(minutes);
    // The clock is set back an hour on the way.
    for minutes in [600, 601, 601, 540, 541, 600] {
        history.write(Record::Totals(minute(minutes), totals, Vec::new()));
    }
    let unknown = Totals {
        hashes: None,
        stale_hashes: Some(f64::NAN),
        ..Totals::default()
    };
    history.write(Record::Totals(minute(0), unknown, Vec::new()));
    history.write(Record::Totals(minute(601), unknown, Vec::new()));
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader();
    let day = i64::try_from(day).expect("it fits");
    let accepted = |span, from: i64| {
        let rows = reader.totals(span, day + 60 * from).expect("totals");
        let rows = rows.iter();
        rows.map(|row| ((row.start - day) / 60, row.totals.shares_accepted))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        accepted(Span::Minute, 0),
        [(0, 0), (540, 3), (541, 3), (600, 6), (601, 6)]
    );
    assert_eq!(accepted(Span::Minute, 600), [(600, 6), (601, 6)]);
    assert_eq!(accepted(Span::Hour, 1), [(540, 6), (600, 12)]);
    assert_eq!(accepted(Span::Day, 0), [(0, 18)]);
    assert_eq!(
        reader.totals(Span::Day, 0).expect("totals")[0].totals,
        Totals {
            hashes: Some(9.0),
            expected: Some(1.5),
            stale_hashes: None,
            shares_accepted: 18,
            shares_stale: 12,
            shares_rejected: 6,
            blocks: 6,
        }
    );
}

#[tokio::test]
async fn workers_keep_their_totals_best_share_and_level() {
    let history = in_memory().await;
    let a = worker("a", 2, Some(9.0), Some(44));
    let later = [worker("a", 3, Some(5.0), None), worker("b", 0, None, None)];
    history.write(Record::Totals(at(3600), Totals::default(), vec![a]));
    for seconds in [7200, 7260] {
        let record = Record::Totals(at(seconds), Totals::default(), later.to_vec());
        history.write(record);
    }
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader();
    let workers = reader.workers().expect("workers");
    let facts: Vec<_> = workers
        .iter()
        .map(|it| (it.name.as_str(), it.best_share, it.level, it.totals.hashes))
        .collect();
    assert_eq!(
        facts,
        [
            ("a", Some(9.0), Some(44), Some(30.0)),
            ("b", None, None, Some(20.0))
        ]
    );
    assert_eq!(
        (workers[0].first_seen, workers[0].last_seen),
        (3_600_000, 7_260_000)
    );
    assert_eq!(
        reader.worker("b").expect("it can be read").as_ref(),
        workers.last()
    );
    assert_eq!(reader.worker("c").expect("it can be read"), None);
    let shares = |name, span, from| {
        let rows = reader.worker_totals(name, span, from).expect("totals");
        rows.iter()
            .map(|row| (row.start, row.hashes, row.shares))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shares("a", Span::Hour, 0),
        [(3600, Some(10.0), 2), (7200, Some(20.0), 6)]
    );
    assert_eq!(shares("a", Span::Hour, 3601).len(), 1);
    assert_eq!(shares("a", Span::Day, 0), [(0, Some(30.0), 8)]);
    assert_eq!(shares("c", Span::Day, 0), []);
}

#[tokio::test]
async fn a_run_goes_on_from_the_work_of_earlier_runs() {
    let directory = Directory::new();
    let mut history = open(&directory.0).await.expect("it opens");
    assert_eq!(history.take_earlier(), Earlier::default());
    // Hours are of the latest week.
    let now = crate::history::wall_clock();
    let hour = |ago: u64| now - Duration::from_hours(ago);
    for (ago, expected) in [(200, 1.0), (5, 2.0), (5, 0.25), (0, 4.0)] {
        let totals = Totals {
            hashes: Some(10.0),
            expected: Some(expected),
            ..Totals::default()
        };
        let workers = vec![worker("a", 1, Some(9.0), Some(44))];
        history.write(Record::Totals(hour(ago), totals, workers));
    }
    let blocks = [
        (0.5, Fate::Confirmed),
        (3.0, Fate::Confirmed),
        (6.0, Fate::Orphaned),
    ];
    for (job, (expected, fate)) in (0..).zip(blocks) {
        let mut found = found(job);
        if let Record::Found(found) = &mut found {
            found.expected = Some(expected);
        }
        history.write(found);
        history.write(change(job, fate));
    }
    assert!(history.flush(PATIENCE).await);
    let mut history = again(history, &directory).await;
    let earlier = history.take_earlier();
    assert_eq!(
        (earlier.expected, earlier.expected_at_confirmed),
        (7.25, 3.0)
    );
    let start = |ago| {
        let seconds = crate::history::record::start(hour(ago), 3600);
        at(seconds.unsigned_abs())
    };
    let hours = vec![(start(5), 20.0), (start(0), 10.0)];
    assert_eq!(earlier.hours, hours);
    let worker = EarlierWorker {
        best_share: Some(9.0),
        level: Some(44),
        hours,
    };
    assert_eq!(earlier.workers, [("a".to_owned(), worker)].into());

    // A kill loses the work of a minute, but not what a block of that minute needed.
    let mut last = found(9);
    if let Record::Found(found) = &mut last {
        found.expected = Some(7.5);
    }
    history.journal(last).await.expect("it is written");
    history.write(change(9, Fate::Confirmed));
    assert!(history.flush(PATIENCE).await);
    let mut history = again(history, &directory).await;
    for _ in 0..2 {
        let earlier = history.take_earlier();
        assert_eq!(
            (earlier.expected, earlier.expected_at_confirmed),
            (7.5, 7.5)
        );
        for span in [Span::Minute, Span::Hour, Span::Day] {
            let totals = history.reader().totals(span, 0).expect("totals");
            let blocks: u64 = totals.iter().map(|total| total.totals.blocks).sum();
            assert_eq!(blocks, 4);
        }
        history = again(history, &directory).await;
    }

    // A block of which they are not known changes nothing.
    let mut unknown = found(10);
    if let Record::Found(found) = &mut unknown {
        found.expected = None;
    }
    history.write(unknown);
    history.write(change(10, Fate::Confirmed));
    assert!(history.flush(PATIENCE).await);
    let mut history = again(history, &directory).await;
    let earlier = history.take_earlier();
    assert_eq!(
        (earlier.expected, earlier.expected_at_confirmed),
        (7.5, 7.5)
    );
}

#[tokio::test]
async fn an_outage_has_a_start_and_an_end() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    let outage = |since, until| Outage {
        node: "node".to_owned(),
        since,
        until,
        cause: "down".to_owned(),
    };
    history.write(Record::Outage(outage(5000, None)));
    history.write(Record::Outage(outage(5000, Some(9000))));
    history.write(Record::Outage(outage(12_000, None)));
    // The clock was set back meanwhile.
    history.write(Record::Outage(outage(12_000, Some(8000))));
    assert!(history.flush(PATIENCE).await);
    let outages = |from| history.reader().outages(from).expect("outages");
    let (first, second) = (outage(5000, Some(9000)), outage(12_000, Some(12_000)));
    assert_eq!(outages(0), [first, second.clone()]);
    assert_eq!(outages(9001), std::slice::from_ref(&second));
    // The program ended in an outage, when two minutes were written.
    let last = outage(500_000, None);
    history.write(Record::Outage(last.clone()));
    history.write(Record::Totals(at(600), Totals::default(), Vec::new()));
    assert!(history.flush(PATIENCE).await);
    assert_eq!(outages(9001), [second, last.clone()]);
    // It lasts.
    assert_eq!(outages(500_001), [last]);
    let history = again(history, &directory).await;
    let outages = history.reader().outages(12_001).expect("outages");
    assert_eq!(outages, [outage(500_000, Some(660_000))]);
}
