//! How fast the embedded log appends, beside a bare file with the same bytes, writes and fdatasyncs.
//!
//! `cargo run --release -p ordershop-store --example append_rate -- FOLDER [SECONDS]`
//!
//! One batch goes out after the other, as the journal sends them; making a batch is not measured. The
//! log and the bare file take turns, many times, since a disk has moods. Each line of the output is a JSON object with a batch size's
//! medians.
#![expect(clippy::print_stdout, reason = "it is a program that tells figures")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Action, Batch, EntityWrite, EventLog, NewEvent, Topic, Transaction};
use uuid::Uuid;

/// The allocator that the shop has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

const TOPIC: Topic = Topic::new("order");
/// How many events one append has.
const BATCHES: [u64; 4] = [1, 16, 128, 1_024];
/// How many bytes an event's document has, about as many as an order's.
const DOCUMENT_BYTES: usize = 140;
/// How many events an entity has.
const EVENTS_PER_ENTITY: u64 = 4;
/// How long each batch size is measured on each side.
const SECONDS: f64 = 5.0;
/// How long each side's turn is, in seconds.
const TURN: f64 = 0.1;

fn transaction(number: u64) -> Transaction {
    let entity_id = Uuid::from_u128(u128::from(number / EVENTS_PER_ENTITY) << 64 | 0x5bd1_e995);
    let event = NewEvent {
        action: Action::Created,
        event_id: Uuid::from_u128(u128::from(number)),
        kind: "OrderPlaced".into(),
        schema: 1,
        document: "x".repeat(DOCUMENT_BYTES).into(),
        data: "{}".into(),
    };
    Transaction {
        topic: TOPIC,
        command_id: event.event_id,
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

/// What is appended to, and what was.
struct Run {
    log: Embedded,
    folder: PathBuf,
    /// The number of the next event.
    next: u64,
}

/// What one side did in one turn, and how long it took.
struct Turn {
    events: u64,
    took: Duration,
}

impl Turn {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    fn per_second(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64()
    }
}

impl Run {
    fn open(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let log = Embedded::open(folder.join("log"), &[TOPIC], Options::default())?;
        if log.opened().entries > 0 {
            return Err("the folder holds a log; name another".into());
        }
        Ok(Self { log, folder: folder.to_owned(), next: 0 })
    }

    /// Appends batches for so long.
    async fn append(&mut self, batch: u64, duration: Duration) -> Result<Turn, Failure> {
        let mut turn = Turn { events: 0, took: Duration::ZERO };
        while turn.took < duration {
            let transactions = (self.next..self.next + batch).map(transaction).collect();
            let begun = Instant::now();
            let outcomes = self.log.append(Batch { transactions, ..Batch::default() }).await?;
            turn.took += begun.elapsed();
            if outcomes.iter().any(Result::is_err) {
                return Err("an event was refused".into());
            }
            self.next += batch;
            turn.events += batch;
        }
        Ok(turn)
    }

    /// How many bytes the log's segments have.
    fn bytes(&self) -> Result<u64, Failure> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.folder.join("log"))? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    /// Writes as many bytes at once to a bare file, for so long.
    fn bare(&self, batch: u64, bytes: u64, duration: Duration) -> Result<Turn, Failure> {
        let path = self.folder.join("bare");
        let mut file = File::create(&path)?;
        let record = vec![b'x'; usize::try_from(bytes)?];
        let mut turn = Turn { events: 0, took: Duration::ZERO };
        let begun = Instant::now();
        while turn.took < duration {
            file.write_all(&record)?;
            file.sync_data()?;
            turn.events += batch;
            turn.took = begun.elapsed();
        }
        fs::remove_file(path)?;
        Ok(turn)
    }
}

/// The middle one; of an even number the lower of both in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

async fn measure(run: &mut Run, batch: u64, seconds: f64) -> Result<(), Failure> {
    let (mut ours, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0);
    let turn = Duration::from_secs_f64(TURN);
    let mut measured = Duration::ZERO;
    while measured.as_secs_f64() < seconds {
        let before = run.bytes()?;
        let appended = run.append(batch, turn).await?;
        measured += appended.took;
        // So many bytes one batch took in the log, frames and all.
        bytes = (run.bytes()? - before) / (appended.events / batch);
        ours.push(appended.per_second());
        bare.push(run.bare(batch, bytes, turn)?.per_second());
    }
    let (ours, bare) = (median(ours), median(bare));
    println!(
        "{{\"what\": \"append, {batch} events a batch\", \"unit\": \"1/s\", \"ours\": {ours:.1}, \
         \"bare\": {bare:.1}, \"aim\": {{\"ratio\": 0.6}}, \
         \"notes\": [\"{} bytes an event\"]}}",
        bytes / batch
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let seconds = arguments.next().map_or(Ok(SECONDS), |seconds| seconds.parse())?;
    let mut run = Run::open(Path::new(&folder))?;
    for batch in BATCHES {
        measure(&mut run, batch, seconds).await?;
    }
    let folder = run.folder.join("log");
    drop(run);
    fs::remove_dir_all(folder)?;
    Ok(())
}
