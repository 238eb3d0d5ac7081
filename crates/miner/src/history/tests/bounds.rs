//! Hostile names, deleted rows, and the size and time of a month.

use std::fs;
use std::time::Duration;

use super::{Directory, PATIENCE, again, at, blocks, change, found, in_memory, open, worker};
use crate::history::{Fate, Outage, Record, Span, Totals, WorkerTotals};

#[tokio::test]
async fn hostile_names_are_texts_like_others() {
    let history = in_memory().await;
    let names = [
        "'; DROP TABLE worker; --".to_owned(),
        "\"a\"\n,b\r\n\t=1+1".to_owned(),
        "x".repeat(10_000),
        "\u{1f9d1}\u{200d}\u{1f527} \u{202e}gir".to_owned(),
        "a\0b".to_owned(),
        "a".to_owned(),
        String::new(),
        "%".to_owned(),
    ];
    for (job, name) in (0..).zip(&names) {
        let totals = vec![worker(name, job + 1, None, None)];
        history.write(Record::Totals(at(0), Totals::default(), totals));
        let mut found = found(job);
        if let Record::Found(found) = &mut found {
            found.worker = Some(name.clone());
        }
        history.write(found);
        history.write(Record::Outage(Outage {
            node: name.clone(),
            since: 1,
            until: None,
            cause: name.clone(),
        }));
    }
    let finders = blocks(&history).await.into_iter();
    let finders: Vec<_> = finders.filter_map(|block| block.worker).collect();
    assert_eq!(finders, names);
    let reader = history.reader();
    for (name, shares) in names.iter().zip(1..) {
        let worker = reader.worker(name).expect("it can be read");
        let accepted = worker.map(|worker| (worker.name, worker.totals.shares_accepted));
        assert_eq!(accepted, Some((name.clone(), shares)));
        let hours = reader.worker_totals(name, Span::Hour, 0).expect("totals");
        assert_eq!(hours[0].shares, shares);
    }
    assert_eq!(reader.workers().expect("workers").len(), names.len());
    let outages = reader.outages(0).expect("outages");
    let causes: Vec<_> = outages.into_iter().map(|outage| outage.cause).collect();
    assert_eq!(causes.len(), names.len());
    assert!(names.iter().all(|name| causes.contains(name)));
}

#[tokio::test]
async fn old_rows_are_deleted_by_number() {
    let history = in_memory().await;
    let rows = |span| {
        let rows = history.reader().totals(span, 0).expect("totals");
        rows.len()
    };
    // Two days of minutes after many days of hours.
    for hour in 0..34 * 24 {
        let minutes = if hour < 32 * 24 { 1 } else { 60 };
        for minute in 0..minutes {
            let at = at(3600 * hour + 60 * minute);
            history.write(Record::Totals(at, Totals::default(), Vec::new()));
        }
        if hour % 24 == 0 {
            assert!(history.flush(PATIENCE).await);
        }
    }
    assert!(history.flush(PATIENCE).await);
    let file = history.reader();
    let prune = || {
        let database = file.database.connect().expect("a database");
        crate::history::record::prune(&database, true).expect("it is pruned");
    };
    prune();
    assert_eq!(rows(Span::Minute), 1440);
    assert_eq!((rows(Span::Hour), rows(Span::Day)), (31 * 24, 34));
    let first = history.reader().totals(Span::Minute, 0).expect("totals")[0].start;
    assert_eq!(first, 33 * 86_400);
    // Of workers those seen last are kept.
    let workers = |from: u64, to: u64| {
        let workers = (from..to).map(|number| worker(&number.to_string(), 1, None, None));
        Record::Totals(at(from), Totals::default(), workers.collect())
    };
    history.write(workers(0, 6000));
    history.write(workers(6000, 12_000));
    assert!(history.flush(PATIENCE).await);
    prune();
    let kept = history.reader().workers().expect("workers");
    assert_eq!(kept.len(), 10_000);
    let later = kept.iter().filter(|worker| worker.last_seen == 6_000_000);
    assert_eq!(later.count(), 6000);
    for thousand in 0..11 {
        for block in 0..1000 {
            history.write(found(1000 * thousand + block));
        }
        assert!(history.flush(PATIENCE).await);
    }
    prune();
    let kept = history.reader().blocks(None, None, 20_000).expect("blocks");
    assert_eq!((kept.len(), kept[0].row), (10_000, 11_000));
}

#[tokio::test]
async fn the_queries_of_the_page_are_valid() {
    let history = in_memory().await;
    let database = history.database.connect().expect("a database");
    let page = include_str!("../../../../../docs/history.md");
    let queries: Vec<_> = page.split("```sql\n").skip(1).collect();
    for query in &queries {
        let query = query.split("```").next().expect("a query");
        database.prepare(query).expect(query);
    }
    assert_eq!(queries.len(), 2);
}

/// Prints the size of a month with a thousand workers, and the time of all reads of a page.
#[tokio::test]
#[ignore = "writes for minutes; run it optimized"]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
async fn a_month_with_a_thousand_workers() {
    const MINUTES: u64 = 30 * 1440;
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    let now = crate::history::wall_clock();
    let begun = std::time::Instant::now();
    let totals = |scale: f64| Totals {
        hashes: Some(4.7e14 * scale),
        expected: Some(0.000_123 * scale),
        stale_hashes: Some(1.3e11 * scale),
        shares_accepted: 4711,
        ..Totals::default()
    };
    for minute in 0..MINUTES {
        let at = now - Duration::from_mins(MINUTES - minute);
        let workers = (0..1000).map(|number| WorkerTotals {
            // As many hours as of a worker in each minute, in less time.
            totals: totals(1.0 / f64::from(number + 1)),
            ..worker(&format!("farm-7.rig{number:04}"), 17, Some(1e15), Some(44))
        });
        let workers = if minute % 30 == 0 {
            workers.collect()
        } else {
            Vec::new()
        };
        history.write(Record::Totals(at, totals(1.0), workers));
        if minute % 100 == 0 {
            let mut block = found(minute);
            if let Record::Found(found) = &mut block {
                found.found = at;
            }
            history.write(block);
            history.write(change(minute, Fate::Confirmed));
            assert!(history.flush(PATIENCE).await);
        }
    }
    assert!(history.flush(PATIENCE).await);
    let written = begun.elapsed();
    let begun = std::time::Instant::now();
    let workers = (0..1000).map(|number| worker(&format!("farm-7.rig{number:04}"), 17, None, None));
    history.write(Record::Totals(now, totals(1.0), workers.collect()));
    assert!(history.flush(PATIENCE).await);
    let minute = begun.elapsed();
    let history = again(history, &directory).await;
    // The first write deletes old rows.
    history.journal(found(0)).await.expect("it is written");
    let size = fs::metadata(directory.file()).expect("a file").len();
    let begun = std::time::Instant::now();
    let earlier = crate::history::Earlier::read(
        &history.database.connect().expect("a database"),
        crate::history::wall_clock(),
    );
    assert_eq!(earlier.expect("it can be read").workers.len(), 1000);
    let start = begun.elapsed();
    let reader = history.reader();
    let name = "farm-7.rig0042";
    let begun = std::time::Instant::now();
    let rows = [
        reader.blocks(None, None, 100).expect("blocks").len(),
        reader.fates().expect("fates").len(),
        reader.totals(Span::Minute, 0).expect("totals").len(),
        reader.totals(Span::Hour, 0).expect("totals").len(),
        reader.totals(Span::Day, 0).expect("totals").len(),
        reader.workers().expect("workers").len(),
        reader.outages(0).expect("outages").len(),
        reader.worker(name).expect("a worker").into_iter().count(),
        reader
            .worker_totals(name, Span::Hour, 0)
            .expect("totals")
            .len(),
        reader
            .worker_totals(name, Span::Day, 0)
            .expect("totals")
            .len(),
    ];
    let page = begun.elapsed();
    println!("{size} bytes; written in {written:?}, a minute in {minute:?}");
    println!("read at the start in {start:?}, a page in {page:?}: {rows:?}");
    assert!(size <= 60_000_000, "{size}");
}
