//! How fast a log of many events opens, with and without its checkpoint, and what the making of
//! checkpoints costs whoever appends meanwhile.
//!
//! `cargo run --release -p ordershop-store --example open_rate -- <folder> <events>`
#![expect(clippy::print_stdout, reason = "it is a program that tells figures")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Action, Batch, EntityWrite, EventLog, NewEvent, Topic, Transaction};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

const TOPIC: Topic = Topic::new("order");
const EVENTS_PER_BATCH: u64 = 128;
const EVENTS_PER_ENTITY: u64 = 3;
/// What an event has beside its ids.
const DOCUMENT_BYTES: usize = 140;

fn transaction(number: u64) -> Transaction {
    let entity_id = Uuid::new_v5(&Uuid::nil(), &(number / EVENTS_PER_ENTITY).to_le_bytes());
    let event = NewEvent {
        action: Action::Created,
        event_id: Uuid::from_u128(u128::from(number)),
        kind: "OrderPlaced".into(),
        schema: 1,
        document: "x".repeat(DOCUMENT_BYTES).into(),
        data: "{}".into(),
    };
    let expected = number % EVENTS_PER_ENTITY;
    let write = EntityWrite { entity_id, expected, last_event: None, events: vec![event] };
    let claims = vec![(format!("order/{entity_id}").into(), entity_id)];
    Transaction {
        topic: TOPIC,
        command_id: Uuid::from_u128(u128::from(number)),
        cause: None,
        writes: vec![write],
        claims: if expected == 0 { claims } else { vec![] },
        releases: vec![],
    }
}

/// Appends the events, and tells the slowest batches.
async fn fill(folder: &Path, events: u64, checkpoint_bytes: u64) -> Result<(), Failure> {
    let options = Options { checkpoint_bytes, ..Options::default() };
    let log = Embedded::open(folder, &[TOPIC], options)?;
    let mut times = Vec::new();
    let start = Instant::now();
    for first in (0..events).step_by(usize::try_from(EVENTS_PER_BATCH)?) {
        let transactions = (first..first + EVENTS_PER_BATCH).map(transaction).collect();
        let begun = Instant::now();
        log.append(Batch { transactions, ..Batch::default() }).await?;
        times.push(begun.elapsed());
    }
    let took = start.elapsed();
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or_default();
    let (median, p99, worst) = (at(500), at(990), times.last().copied().unwrap_or_default());
    println!(
        "appended in {took:.2?}; a batch took {median:.2?}, p99 {p99:.2?}, at most {worst:.2?}"
    );
    let closing = Instant::now();
    log.close();
    println!("closed, with a checkpoint, in {:.3?}", closing.elapsed());
    Ok(())
}

fn open(folder: &Path, what: &str) -> Result<(), Failure> {
    let start = Instant::now();
    let log = Embedded::open(folder, &[TOPIC], Options::default())?;
    let (took, opened) = (start.elapsed(), log.opened());
    println!("{what:<28} {took:>9.3?}: {opened:?}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let events: u64 = arguments.next().ok_or("how many events?")?.parse()?;
    let folder = Path::new(&folder);
    println!("without checkpoints while it grows:");
    fill(&folder.join("quiet"), events, u64::MAX).await?;
    println!("with the usual ones:");
    fill(&folder.join("usual"), events, Options::default().checkpoint_bytes).await?;
    let folder = folder.join("usual");
    for _ in 0..3 {
        open(&folder, "with checkpoint")?;
        fs::remove_file(folder.join("index.checkpoint"))?;
        open(&folder, "without")?;
    }
    let start = Instant::now();
    let verified = Embedded::rescan(&folder, &[TOPIC], |_, _| {})?;
    let took: Duration = start.elapsed();
    println!("verified in {took:.3?}: {verified:?}");
    Ok(())
}
