//! A large log: how soon the shop serves, how fast it is replayed, how much memory it takes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::bench::duel::median;
use crate::bench::programs::{Programs, rows_of};
use crate::bench::row::{Aim, Row, Unit};
use crate::bench::shop::Shop;
use crate::bench::table::whole;
use crate::shell::Failed;

pub(super) const ABOUT: &str = "A shop with a million events (customers, orders, what they took out of \
    stock, and their mails) is stopped and started, with what it saved of itself and without: from the \
    start of the process until it serves, its files in the page cache. Then its log is read through the port into a read model that \
    knows nothing. At last customers are added until a million entities are in the lists.";

/// Of this many events one is a customer's, and one an order's; each makes mails besides.
const EVENTS_PER_CUSTOMER: u64 = 5;
const EVENTS_PER_ORDER: u64 = 5;
const PRODUCTS: usize = 100;
/// More than can be sold while this runs.
const STOCK: u64 = 1_000_000_000;
/// How many entities are made between two lines of progress.
const STEP: usize = 50_000;
/// What the shop saves of itself beside its log: the index, and what the queries see.
const SAVED: [&str; 2] = ["index.checkpoint", "snapshots"];
const START_AIM: Aim = Aim::Below(1.0);

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let programs = bench.programs(&["replay"])?;
    let folder = bench.folder("start")?;
    let log = folder.path().join("log");
    let events = bench.options.events;
    let entities = World::build(&programs, &log, events)?;

    let rounds = bench.options.rounds;
    let mut replay = Command::new(programs.named("replay")?);
    rows.extend(rows_of(replay.arg(&log).arg(rounds.to_string()))?);

    let (with, memory) = starts(&programs, &log, rounds, || Ok(()))?;
    let (without, _) = starts(&programs, &log, rounds, || forget(&log))?;
    for (what, seconds, aim) in [("with", with, Some(START_AIM)), ("without", without, None)] {
        let mut row = Row::new(format!("start {what} snapshots"), seconds, Unit::Seconds);
        row.aim = aim;
        rows.push(row);
    }
    rows.push(memory_row(&format!("{entities} entities, after the start"), memory));

    let shop = Shop::start(&programs, &log)?;
    let missing = usize::try_from(events).unwrap_or(usize::MAX).saturating_sub(entities);
    World { shop: &shop }.customers(missing)?;
    shop.drain()?;
    let entities = entities + missing;
    rows.push(memory_row(&format!("{entities} entities, after their making"), resident(&shop)?));
    shop.server.stop()?;
    let (seconds, memory) = starts(&programs, &log, 1, || Ok(()))?;
    let mut row = memory_row(&format!("{entities} entities, after the start"), memory);
    row.notes.push(format!("that start took {seconds:.2} s"));
    rows.push(row);
    Ok(())
}

/// Starts the shop some times, each after `before`; gives the median of the seconds until it serves,
/// and of the memory it has then, in MiB.
fn starts(
    programs: &Programs,
    log: &Path,
    rounds: u32,
    before: impl Fn() -> Result<(), Failed>,
) -> Result<(f64, f64), Failed> {
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        before()?;
        let shop = Shop::start(programs, log)?;
        seconds.push(shop.server.started_in().as_secs_f64());
        memory.push(resident(&shop)?);
        shop.server.stop()?;
    }
    eprintln!("    started in {seconds:.2?} s");
    Ok((median(&seconds), median(&memory)))
}

/// Removes what the shop has saved of itself; its log it keeps.
fn forget(log: &Path) -> Result<(), Failed> {
    let [file, folder] = SAVED.map(|name| log.join(name));
    fs::remove_file(file)?;
    Ok(fs::remove_dir_all(folder)?)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory are fewer than 2^52")]
fn resident(shop: &Shop) -> Result<f64, Failed> {
    let bytes = shop.server.resident_bytes();
    let bytes = bytes.ok_or_else(|| Failed::because("no /proc tells the shop's memory"))?;
    Ok(bytes as f64 / (1024.0 * 1024.0))
}

fn memory_row(what: &str, mebibytes: f64) -> Row {
    Row::new(format!("memory, {what}"), mebibytes, Unit::Mebibytes)
}

/// A shop that is given much to hold.
struct World<'a> {
    shop: &'a Shop,
}

impl World<'_> {
    /// Makes about so many events in a new log; gives how many entities are in the lists.
    fn build(programs: &Programs, log: &Path, events: u64) -> Result<usize, Failed> {
        let shop = Shop::start(programs, log)?;
        let world = World { shop: &shop };
        let of = |part: u64| usize::try_from(events / part).unwrap_or(usize::MAX).max(1);
        let (customers, orders) = (of(EVENTS_PER_CUSTOMER), of(EVENTS_PER_ORDER));
        let ids = world.customers(customers)?;
        world.orders(orders, &ids)?;
        shop.drain()?;
        shop.server.stop()?;
        Ok(customers + 2 * PRODUCTS + orders)
    }

    fn customers(&self, count: usize) -> Result<Vec<String>, Failed> {
        self.make(
            "/customers",
            count,
            |number| json!({"name": format!("Customer {number}"), "email": "customer@example.org"}),
        )
    }

    fn orders(&self, count: usize, customers: &[String]) -> Result<(), Failed> {
        let products = self.make(
            "/products",
            PRODUCTS,
            |number| json!({"name": format!("Product {number}"), "price": number + 1}),
        )?;
        self.make(
            "/inventory",
            PRODUCTS,
            |number| json!({"product_id": products[number], "amount": STOCK}),
        )?;
        self.make("/orders", count, |number| {
            let pieces = [&products[number % PRODUCTS], &products[number * 7 % PRODUCTS]];
            let customer = &customers[number % customers.len()];
            json!({"product_ids": pieces, "customer_id": customer})
        })?;
        Ok(())
    }

    /// Creates entities, and tells how it goes.
    fn make(
        &self,
        path: &str,
        count: usize,
        entity: impl Fn(usize) -> Value,
    ) -> Result<Vec<String>, Failed> {
        let (begun, mut ids) = (Instant::now(), Vec::new());
        while ids.len() < count {
            let numbers = ids.len()..(ids.len() + STEP).min(count);
            let entities: Vec<_> = numbers.map(&entity).collect();
            ids.extend(self.shop.create(path, &entities)?);
            if count >= STEP {
                let took: Duration = begun.elapsed();
                #[expect(clippy::cast_precision_loss, reason = "a figure for a person")]
                let made = ids.len() as f64;
                eprintln!("    {} of {path} in {:.1} s", whole(made), took.as_secs_f64());
            }
        }
        Ok(ids)
    }
}
