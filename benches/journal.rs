//! How many transactions the journal appends for callers that each wait for their answer, beside a bare
//! file with the same batches. `cargo xtask bench` builds and runs it.
//!
//! `journal FOLDER SECONDS` measures each point so long on each side, in many short turns, since a disk
//! has moods. It prints rows of figures, as JSON.
#![expect(clippy::print_stdout, reason = "it tells figures")]

mod support;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use futures_util::future::try_join_all;
use ordershop_actors::runtime::{Journal, JournalHandle};
use ordershop_actors::shop::topics;
use ordershop_store::Transaction;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, cell};
use serde_json::json;
use support::elsewhere::elsewhere;
use support::watched::Watched;
use support::{Failure, median, registration};
use uuid::Uuid;

/// How many callers there are.
const CALLERS: [usize; 4] = [1, 16, 256, 2_048];
/// How long each side's turn is.
const TURN: Duration = Duration::from_millis(300);

/// A transaction that differs from another one in its ids alone: little work for who makes it.
fn numbered(template: &Transaction, number: usize) -> Transaction {
    let id = Uuid::from_u128(number as u128);
    let mut transaction = template.clone();
    transaction.command_id = id;
    for write in &mut transaction.writes {
        write.entity_id = id;
        write.events.iter_mut().for_each(|event| event.event_id = id);
    }
    transaction
}

/// Has callers append for so long, each the next when it has its answer, from number `first` on;
/// gives how many they appended.
async fn append(
    journal: JournalHandle,
    callers: usize,
    first: usize,
    duration: Duration,
) -> Result<usize, Failure> {
    let template = registration(0)?;
    let end = Instant::now() + duration;
    let appends = (0..callers).map(async |caller| {
        let mut done = 0;
        while Instant::now() < end {
            let transaction = numbered(&template, first + caller + done * callers);
            journal.append(transaction).await?.map_err(|_| "an append was refused")?;
            done += 1;
        }
        Ok::<usize, Failure>(done)
    });
    Ok(try_join_all(appends).await?.into_iter().sum())
}

/// How many bytes the log's segments have.
fn bytes(log: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(log)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// Writes so many bytes at once to a bare file, for so long; gives how many times a second.
fn bare(folder: &Path, bytes: u64, duration: Duration) -> Result<f64, Failure> {
    let path = folder.join("bare");
    let mut file = File::create(&path)?;
    let batch = vec![b'x'; usize::try_from(bytes)?];
    let (begun, mut writes) = (Instant::now(), 0.0);
    while begun.elapsed() < duration {
        file.write_all(&batch)?;
        file.sync_data()?;
        writes += 1.0;
    }
    let per_second = writes / begun.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(per_second)
}

async fn measure(folder: &str, seconds: f64) -> Result<(), Failure> {
    let (folder, log_folder) = (PathBuf::from(folder), Path::new(folder).join("log"));
    let log = Arc::new(Embedded::open(&log_folder, &topics::ALL, Options::default())?);
    let batches = Arc::new(AtomicU64::new(0));
    let watched = Watched::new(Arc::<Embedded>::clone(&log), {
        let batches = Arc::clone(&batches);
        Box::new(move |_| {
            batches.fetch_add(1, Ordering::Relaxed);
        })
    });
    let (journal, spec) = Journal::child(watched, cell("journal"));
    let tree = Tree::start(SupervisorSpec::new("bench", Strategy::OneForOne).child(spec)).await?;

    let mut first = 0;
    for callers in CALLERS {
        let (mut ours, mut theirs, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let mut measured = Duration::ZERO;
        while measured.as_secs_f64() < seconds {
            let before = (bytes(&log_folder)?, batches.load(Ordering::Relaxed));
            let begun = Instant::now();
            let journal = journal.clone();
            let appended = elsewhere(move || append(journal, callers, first, TURN)).await?;
            let took = begun.elapsed();
            measured += took;
            // Callers are not equally fast, so some numbers stay unused.
            first += appended * callers;
            let written = batches.load(Ordering::Relaxed) - before.1;
            let each = (bytes(&log_folder)? - before.0) / written.max(1);
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
            let (appended, size) = (appended as f64, appended as f64 / written.max(1) as f64);
            ours.push(appended / took.as_secs_f64());
            sizes.push(size);
            theirs.push(bare(&folder, each, TURN)? * size);
        }
        let row = json!({
            "what": format!("journal, {callers} callers"),
            "unit": "1/s",
            "ours": median(ours),
            "bare": median(theirs),
            "aim": {"ratio": 0.6},
            "notes": [format!("{:.0} events a batch", median(sizes))],
        });
        println!("{row}");
    }
    tree.stop().await;
    log.close();
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, seconds] = &arguments[..] else {
        println!("`cargo xtask bench log` runs this");
        return Ok(());
    };
    actix_rt::System::new().block_on(measure(folder, seconds.parse()?))
}
