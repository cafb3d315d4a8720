//! How fast the embedded log appends, next to a bare file with the same writes and fdatasyncs.
//!
//! `cargo run --release -p ordershop-store --example append_rate -- <folder> <events>`
#![expect(clippy::print_stdout, reason = "it is a program that tells figures")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{
    Action, Batch, EntityWrite, EventLog, NewEvent, Positions, Topic, Transaction,
};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

const TOPIC: Topic = Topic::new("order");
const EVENTS_PER_BATCH: u64 = 128;
/// What an event of these runs takes in the log's file, headers included.
const EVENT_BYTES: usize = 320;
/// What of that is not its document.
const OVERHEAD_BYTES: usize = 180;
/// How many appenders of single events there are in the second run.
const APPENDERS: u64 = 256;

fn transaction(number: u64) -> Transaction {
    let entity_id = Uuid::from_u128(u128::from(number / 4) << 64 | 0x5bd1_e995);
    let event = NewEvent {
        action: Action::Created,
        event_id: Uuid::from_u128(u128::from(number)),
        kind: "OrderPlaced".into(),
        schema: 1,
        document: "x".repeat(EVENT_BYTES - OVERHEAD_BYTES).into(),
        data: "{}".into(),
    };
    Transaction {
        topic: TOPIC,
        command_id: event.event_id,
        cause: None,
        writes: vec![EntityWrite {
            entity_id,
            expected: number % 4,
            last_event: None,
            events: vec![event],
        }],
        claims: vec![],
        releases: vec![],
    }
}

fn tell(what: &str, events: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    let rate = events as f64 / seconds;
    println!("{what:<40} {events:>9} events in {seconds:>7.3} s: {rate:>9.0} events/s");
}

fn bare_file(folder: &Path, events: u64, bytes_per_event: usize) -> Result<(), Failure> {
    let path = folder.join("bare");
    let mut file = File::create(&path)?;
    let batch = vec![b'x'; bytes_per_event * usize::try_from(EVENTS_PER_BATCH)?];
    let start = Instant::now();
    for _ in 0..events / EVENTS_PER_BATCH {
        file.write_all(&batch)?;
        file.sync_data()?;
    }
    tell("bare file, batches of 128", events, start.elapsed());
    fs::remove_file(path)?;
    Ok(())
}

async fn batches(log: &Embedded, events: u64) -> Result<(), Failure> {
    let batch = |first: u64| Batch {
        transactions: (first..first + EVENTS_PER_BATCH).map(transaction).collect(),
        ..Batch::default()
    };
    let start = Instant::now();
    for first in (0..events).step_by(usize::try_from(EVENTS_PER_BATCH)?) {
        if log.append(batch(first)).await?.iter().any(Result::is_err) {
            return Err("an event was refused".into());
        }
    }
    tell("log, batches of 128, one after the other", events, start.elapsed());
    Ok(())
}

async fn single_events(log: &Arc<Embedded>, first: u64, events: u64) -> Result<(), Failure> {
    let share = events / APPENDERS / 4 * 4;
    let start = Instant::now();
    let appenders: Vec<_> = (0..APPENDERS)
        .map(|appender| {
            let log = Arc::clone(log);
            tokio::spawn(async move {
                for number in (first + appender * share..).take(usize::try_from(share).unwrap_or(0))
                {
                    let transactions = vec![transaction(number)];
                    log.append(Batch { transactions, ..Batch::default() }).await?;
                }
                Ok::<_, ordershop_store::LogError>(())
            })
        })
        .collect();
    for appender in appenders {
        appender.await??;
    }
    tell("log, 256 appenders of single events", share * APPENDERS, start.elapsed());
    Ok(())
}

async fn read_all(log: &Embedded, what: &str) -> Result<(), Failure> {
    let start = Instant::now();
    let mut after = Positions::start([TOPIC]);
    let mut events = 0;
    loop {
        let page = log.read(after.clone(), 4096).await?;
        page.entries.iter().for_each(|entry| after.finish(entry));
        events += page.entries.len() as u64;
        if !page.more {
            break;
        }
    }
    tell(what, events, start.elapsed());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let events: u64 = arguments.next().ok_or("how many events?")?.parse()?;
    let events = events / EVENTS_PER_BATCH * EVENTS_PER_BATCH;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    bare_file(folder, events, EVENT_BYTES)?;
    let log_folder = folder.join("log");
    let log = Arc::new(Embedded::open(&log_folder, &[TOPIC], Options::default())?);
    if log.opened().entries > 0 {
        return Err("the folder holds a log; name another".into());
    }
    batches(&log, events).await?;
    single_events(&log, events, events).await?;
    read_all(&log, "read from the files").await?;
    drop(log);
    let start = Instant::now();
    let log = Embedded::open(&log_folder, &[TOPIC], Options::default())?;
    let opened = log.opened();
    tell("opened", opened.entries, start.elapsed());
    println!(
        "{} bytes an event in {} segments",
        opened.bytes / opened.entries.max(1),
        opened.segments
    );
    drop(log);
    fs::remove_dir_all(log_folder)?;
    Ok(())
}
