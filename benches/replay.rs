//! How fast the log is read through its port into what the queries see. `cargo xtask bench` builds and
//! runs it on the log of a shop that was stopped.
//!
//! `replay FOLDER ROUNDS` prints a row of figures, as JSON.
#![expect(clippy::print_stdout, reason = "it tells figures")]

mod support;

use std::env;
use std::sync::Arc;
use std::time::Instant;

use ordershop_actors::read_model::ReadModel;
use ordershop_actors::runtime::Handler;
use ordershop_actors::shop::topics;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Entry, EventLog, Positions};
use serde_json::json;
use support::{Failure, median};

/// How many entries are read at once: as many as the shop's read model takes.
const BATCH: usize = 4096;

/// Reads all public topics, the next page while one is taken in, and tells how many entries a second
/// that makes.
async fn read_all(
    log: &Arc<Embedded>,
    mut take: impl AsyncFnMut(Arc<[Arc<Entry>]>) -> Result<(), Failure>,
) -> Result<(u64, f64), Failure> {
    let begun = Instant::now();
    let mut after = Positions::start(topics::PUBLIC);
    let mut entries = 0;
    let read = |after: &Positions| {
        let (log, after) = (Arc::clone(log), after.clone());
        actix_rt::spawn(async move { log.read(after, BATCH).await })
    };
    let mut next = Some(read(&after));
    while let Some(reading) = next.take() {
        let page = reading.await??;
        page.entries.iter().for_each(|entry| after.finish(entry));
        entries += page.entries.len() as u64;
        if page.more {
            next = Some(read(&after));
            // Let it begin.
            tokio::task::yield_now().await;
        }
        take(page.entries.into()).await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    let per_second = entries as f64 / begun.elapsed().as_secs_f64();
    Ok((entries, per_second))
}

async fn measure(folder: &str, rounds: u32) -> Result<(), Failure> {
    let log = Arc::new(Embedded::open(folder, &topics::ALL, Options::default())?);
    let (mut whole, mut reading) = (Vec::new(), Vec::new());
    let mut events = 0;
    for _ in 0..rounds {
        // Without what was saved it takes in everything.
        let mut projector = ReadModel::default().projector(Arc::clone(&log) as _);
        projector.begin_with_nothing().await?;
        let (count, per_second) =
            read_all(&log, async |entries| Ok(projector.handle(entries).await?)).await?;
        whole.push(per_second);
        events = count;
        let (_, per_second) = read_all(&log, async |_| Ok(())).await?;
        reading.push(per_second);
    }
    let row = json!({
        "what": format!("replay of {events} events into the read model"),
        "unit": "1/s",
        "ours": median(whole),
        "aim": {"at_least": 1_000_000.0},
        "notes": [format!("reading them alone: {:.0}/s", median(reading))],
    });
    let entries = log.opened().entries;
    println!("{}", json!({"what": "the log's size", "unit": "events", "ours": entries}));
    println!("{row}");
    log.close();
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let (Some(folder), Some(rounds)) = (arguments.next(), arguments.next()) else {
        println!("`cargo xtask bench start` runs this; by hand it is `replay FOLDER ROUNDS`");
        return Ok(());
    };
    actix_rt::System::new().block_on(measure(&folder, rounds.parse()?))
}
