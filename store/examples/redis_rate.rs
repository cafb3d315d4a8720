//! How fast the log on Redis appends, on a server that somebody else has started.
//!
//! `cargo run --release -p ordershop-store --example redis_rate -- <url> <events> [<batch>]`;
//! beside it stands `redis-benchmark`, with the same fields and pipelining, in the words that this
//! program prints.
#![expect(clippy::print_stdout, reason = "it is a program that tells figures")]

use std::sync::Arc;
use std::time::Instant;

use ordershop_store::redis::{Options, Redis};
use ordershop_store::{
    Action, Batch, EntityWrite, EventLog, NewEvent, Positions, Topic, Transaction,
};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

const TOPIC: Topic = Topic::new("order");
const BATCHES: [u64; 4] = [1, 16, 128, 1024];
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

/// `redis-benchmark` with the fields and bytes of these events; P is the pipelining.
fn tell_bare(url: &str) {
    let uuid = Uuid::from_u128(7);
    let (entity, data) = ("x".repeat(ENTITY_BYTES), "y".repeat(DATA_BYTES));
    println!(
        "redis-benchmark -u {url} -c 1 -n 200000 -P P XADD events:bare '*' event_id {uuid} entity \
         {entity} type OrderPlaced schema 1 version 1 time 1700000000000000 command_id {uuid} \
         cause '' data {data} entity_id {uuid} transaction 1/1"
    );
}

async fn appends(log: &Redis, first: u64, events: u64, size: u64) -> Result<(), Failure> {
    let share = events / UNDER_WAY / EVENTS_PER_ENTITY * EVENTS_PER_ENTITY;
    let start = Instant::now();
    let appenders: Vec<_> = (0..UNDER_WAY)
        .map(|appender| {
            let log = log.clone();
            let numbers = first + appender * share..first + (appender + 1) * share;
            tokio::spawn(async move {
                let mut next = numbers.start;
                while next < numbers.end {
                    let end = (next + size).min(numbers.end);
                    let transactions = (next..end).map(transaction).collect();
                    let batch = Batch { transactions, ..Batch::default() };
                    let outcomes = log.append(batch).await.map_err(|error| error.to_string())?;
                    if outcomes.iter().any(Result::is_err) {
                        return Err(format!("an event was refused: {:?}", outcomes[0]));
                    }
                    next = end;
                }
                Ok(())
            })
        })
        .collect();
    for appender in appenders {
        appender.await??;
    }
    tell(&format!("append, batches of {size}"), share * UNDER_WAY, start);
    Ok(())
}

async fn read_all(log: &Redis) -> Result<(), Failure> {
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
    tell("read", events, start);
    Ok(())
}

fn tell(what: &str, events: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    let rate = events as f64 / seconds;
    println!("{what:<30} {events:>9} events in {seconds:>7.3} s: {rate:>9.0} events/s");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("which server?")?;
    let events: u64 = arguments.next().ok_or("how many events?")?.parse()?;
    let only: Option<u64> = arguments.next().map(|size| size.parse()).transpose()?;
    let sizes = only.map_or(BATCHES.to_vec(), |size| vec![size]);
    tell_bare(&url);
    let log = Redis::open(&url, &[TOPIC], Options::default()).await?;
    if !log.ends(vec![TOPIC]).await?.eq(&Positions::start([TOPIC])) {
        return Err("the server holds a log; name another".into());
    }
    let log = Arc::new(log);
    let mut first = 0;
    for size in sizes {
        let share = if size == 1 { events / 8 } else { events };
        appends(&log, first, share, size).await?;
        first += events;
    }
    read_all(&log).await
}
