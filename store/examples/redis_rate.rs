//! How fast the log on Redis appends, on a server that somebody else has started; `cargo xtask bench`
//! builds and runs it.
//!
//! `redis_rate URL SECONDS BATCH` appends batches of so many events for so long, and prints a row of
//! figures.
#![expect(clippy::print_stdout, reason = "it is a program that tells figures")]

use std::time::{Duration, Instant};

use ordershop_store::redis::{Options, Redis};
use ordershop_store::{Action, Batch, EntityWrite, EventLog, NewEvent, Topic, Transaction};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

const TOPIC: Topic = Topic::new("order");
/// How many batches are under way at once, as with a journal that does not wait for one to be sent.
const UNDER_WAY: u64 = 2;
/// How many bytes the entity of an event has, and the event itself.
const ENTITY_BYTES: usize = 140;
const DATA_BYTES: usize = 60;
/// Events of one entity follow each other so many at a time.
const EVENTS_PER_ENTITY: u64 = 4;

/// An id as they are in use: no two are alike.
fn id(what: &[u8], number: u64) -> Uuid {
    Uuid::new_v5(&Uuid::from_u128(u128::from(number)), what)
}

fn transaction(number: u64) -> Transaction {
    let entity_id = id(b"entity", number / EVENTS_PER_ENTITY);
    let event = NewEvent {
        action: Action::Updated,
        event_id: id(b"event", number),
        kind: "OrderPlaced".into(),
        schema: 1,
        document: "x".repeat(ENTITY_BYTES).into(),
        data: "y".repeat(DATA_BYTES).into(),
    };
    Transaction {
        topic: TOPIC,
        command_id: id(b"command", number),
        cause: None,
        writes: vec![EntityWrite {
            entity_id,
            expected: number % EVENTS_PER_ENTITY,
            last_event: None,
            events: vec![event],
        }],
        claims: vec![],
        releases: vec![],
    }
}

/// Appends with the numbers of that share for so long; gives how many were acknowledged.
async fn append(log: Redis, share: u64, batch: u64, end: Instant) -> Result<u64, String> {
    let first = share << 48;
    let mut next = first;
    while Instant::now() < end {
        let transactions = (next..next + batch).map(transaction).collect();
        let batch_of = Batch { transactions, ..Batch::default() };
        let outcomes = log.append(batch_of).await.map_err(|error| error.to_string())?;
        if let Some(Err(refusal)) = outcomes.into_iter().find(Result::is_err) {
            return Err(format!("an event was refused: {refusal}"));
        }
        next += batch;
    }
    Ok(next - first)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("redis_rate URL SECONDS BATCH");
    let (url, seconds, batch) = (argument()?, argument()?, argument()?);
    let (seconds, batch): (f64, u64) = (seconds.parse()?, batch.parse()?);
    let log = Redis::open(&url, &[TOPIC], Options::default()).await?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let appenders: Vec<_> =
        (1..=UNDER_WAY).map(|share| tokio::spawn(append(log.clone(), share, batch, end))).collect();
    let mut events = 0;
    for appender in appenders {
        events += appender.await??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    let rate = events as f64 / begun.elapsed().as_secs_f64();
    println!(r#"{{"what":"append, batches of {batch}","unit":"1/s","ours":{rate:.1}}}"#);
    Ok(())
}
