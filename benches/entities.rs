//! How many bytes an entity takes that is in use and has nothing to do. `cargo xtask bench` builds and
//! runs it.
//!
//! `entities fill FOLDER COUNT` writes that many customers into a new log; `entities load FOLDER COUNT`,
//! in a process that has not made them, has an actor for each of them, and prints a row of figures.
#![expect(clippy::print_stdout, reason = "it tells figures")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use ordershop_actors::runtime::{Entities, EntityOptions, Journal};
use ordershop_actors::shop::topics;
use ordershop_domain::Customer;
use ordershop_store::EventLog;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, cell, dynamic};
use serde_json::json;
use support::{Failure, id};
use uuid::Uuid;

/// How many entities are asked for at once.
const AT_ONCE: usize = 256;
/// Long enough that none goes away while this runs.
const IDLE_TIMEOUT: Duration = Duration::from_hours(1);

async fn make(folder: &str, count: usize) -> Result<(), Failure> {
    let log = Embedded::open(folder, &topics::ALL, Options::default())?;
    support::fill(&log, count).await?;
    log.close();
    Ok(())
}

async fn load(folder: &str, count: usize) -> Result<(), Failure> {
    let log: Arc<dyn EventLog> =
        Arc::new(Embedded::open(folder, &topics::ALL, Options::default())?);
    let (journal, journal_spec) = Journal::child(Arc::clone(&log), cell("journal"));
    let options = EntityOptions { idle_timeout: IDLE_TIMEOUT, ..EntityOptions::default() };
    let children = dynamic("customers").max_children(count + 1).label(Uuid::to_string);
    let (customers, customers_spec) = Entities::<Customer>::child(log, journal, options, children);
    let spec = SupervisorSpec::new("bench", Strategy::RestForOne)
        .child(journal_spec)
        .child(customers_spec);
    let tree = Tree::start(spec).await?;
    // What is made once is made before it counts.
    customers.inspect(id(0)).await?;

    let before = resident_bytes()?;
    let begun = Instant::now();
    for first in (1..count).step_by(AT_ONCE) {
        let numbers = first..(first + AT_ONCE).min(count);
        let asked = numbers.map(|number| customers.inspect(id(number)));
        futures_util::future::try_join_all(asked).await?;
    }
    let took = begun.elapsed();
    if customers.in_use() < count {
        return Err("some of them have gone away".into());
    }
    let counted = count.saturating_sub(1).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a figure needs no more precision")]
    let (bytes, per_second) = (
        resident_bytes()?.saturating_sub(before) as f64 / counted as f64,
        counted as f64 / took.as_secs_f64(),
    );
    let notes =
        [format!("resident memory for each of {count} customers; {per_second:.0} a second loaded")];
    let row = json!({"what": "an idle entity", "unit": "bytes", "ours": bytes, "notes": notes});
    println!("{row}");
    tree.stop().await;
    Ok(())
}

/// How much memory this process has in use.
fn resident_bytes() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let system = actix_rt::System::new();
    match arguments[..] {
        ["fill", folder, count] => system.block_on(make(folder, count.parse()?)),
        ["load", folder, count] => system.block_on(load(folder, count.parse()?)),
        _ => {
            println!("`cargo xtask bench entities` runs this");
            Ok(())
        }
    }
}
