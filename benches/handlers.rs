//! How long it takes from an acknowledged append to the call of a subscription's handler.
//! `cargo xtask bench` builds and runs it.
//!
//! `handlers LOG SECONDS ROUNDS` runs journal, entities, reader and one subscription on a new log, in a
//! folder or on the Redis server of a URL, as the shop does, and has customers changed by a thread of its own: first as fast as they answer,
//! which gives the peak, then at half of that, whatever they answer. It prints a row of figures.
#![expect(clippy::print_stdout, reason = "it tells figures")]

mod support;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ordershop_actors::runtime::{
    Entities, EntityOptions, Execute, Handler, HandlerFuture, Journal, MAX_SET_ASIDE, Reader,
    Start, Subscription, SubscriptionOptions,
};
use ordershop_actors::shop::topics;
use ordershop_domain::{Customer, CustomerCommand};
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::redis::{self, Redis};
use ordershop_store::{Entry, EventLog};
use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, cell, dynamic};
use serde_json::json;
use support::elsewhere::elsewhere;
use support::watched::Watched;
use support::{Failure, draft, id, median};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

/// How many customers there are, and how many commands are under way for the peak.
const CUSTOMERS: usize = 256;
/// How many entries the subscription takes at once, as the shop's effects do.
const BATCH: usize = 256;
/// How often commands are sent when there is a rate to keep; in between, none is.
const TICK: Duration = Duration::from_millis(1);
/// How many commands may be under way at a rate; more mean that the rate cannot be kept.
const MAX_UNDER_WAY: usize = 50_000;
/// What part of the commands at the beginning of a round does not count.
const WARM_UP_PART: usize = 10;
/// How long the handler may take to see the last event.
const PATIENCE: Duration = Duration::from_secs(30);

/// When the append of each command of a round was acknowledged by the log, and when the handler was
/// called with its event: in nanoseconds, 0 where it was not yet.
struct Times {
    base: Instant,
    acknowledged: Vec<AtomicU64>,
    handled: Vec<AtomicU64>,
}

impl Times {
    fn of(count: usize) -> Self {
        let none = || (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { base: Instant::now(), acknowledged: none(), handled: none() }
    }

    /// Notes that moment for a command's number; ids that are none are far above all numbers.
    fn note(moments: &[AtomicU64], command_id: Uuid, now: u64) {
        let number = usize::try_from(command_id.as_u128()).ok();
        if let Some(moment) = number.and_then(|number| moments.get(number)) {
            moment.store(now, Ordering::Release);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// From acknowledgement to handler, in microseconds, rising. Whoever is told of the append may be
    /// told behind the handler; that took no time. `None` while one is missing.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of some seconds")]
    fn latencies(&self) -> Option<Vec<f64>> {
        let skipped = self.acknowledged.len() / WARM_UP_PART;
        let both = self.acknowledged.iter().zip(&self.handled).skip(skipped);
        let mut latencies = both
            .map(|(acknowledged, handled)| {
                let (acknowledged, handled) =
                    (acknowledged.load(Ordering::Acquire), handled.load(Ordering::Acquire));
                let took = handled.saturating_sub(acknowledged) as f64 / 1e3;
                (acknowledged > 0 && handled > 0).then_some(took)
            })
            .collect::<Option<Vec<f64>>>()?;
        latencies.sort_by(f64::total_cmp);
        Some(latencies)
    }
}

/// The handler, told which round is on.
struct Observer(watch::Receiver<Arc<Times>>);

impl Handler for Observer {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let times = Arc::clone(&self.0.borrow());
        let now = times.now();
        for entry in entries.iter() {
            Times::note(&times.handled, entry.command_id, now);
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What sends commands, from a thread that is not the actors' own.
#[derive(Clone)]
struct Sender {
    customers: Entities<Customer>,
}

impl Sender {
    async fn change(&self, number: usize, command_id: Uuid) -> Result<(), Failure> {
        let command = CustomerCommand::Change { draft: draft(number)? };
        let execute = Execute { command_id, command, companions: Vec::new(), only_at: None };
        self.customers.execute(id(number % CUSTOMERS), execute).await?;
        Ok(())
    }

    /// As many as they answer for so long; gives how many a second that is.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    async fn peak(self, duration: Duration) -> Result<f64, Failure> {
        let end = Instant::now() + duration;
        let clients = (0..CUSTOMERS).map(async |number| {
            let mut done = 0_u64;
            while Instant::now() < end {
                self.change(number, Uuid::now_v7()).await?;
                done += 1;
            }
            Ok::<u64, Failure>(done)
        });
        let done = join_all(clients).await.into_iter().sum::<Result<u64, Failure>>()?;
        Ok(done as f64 / duration.as_secs_f64())
    }

    /// Commands with the numbers below `count`, at that rate, whatever they answer.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of commands, from 0 up"
    )]
    async fn at_rate(self, per_second: f64, count: usize) -> Result<(), Failure> {
        let mut under_way = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        let begun = Instant::now();
        let mut sent = 0;
        while sent < count {
            ticks.tick().await;
            let due = (begun.elapsed().as_secs_f64() * per_second) as usize;
            for number in sent..due.min(count) {
                let sender = self.clone();
                under_way.spawn(async move {
                    sender.change(number, Uuid::from_u128(number as u128)).await
                });
            }
            sent = due.clamp(sent, count);
            while let Some(done) = under_way.try_join_next() {
                done??;
            }
            if under_way.len() > MAX_UNDER_WAY {
                return Err(format!("{per_second:.0} a second are too many").into());
            }
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }
}

async fn open(log: &str) -> Result<Arc<dyn EventLog>, Failure> {
    if log.starts_with("redis") {
        return Ok(Arc::new(Redis::open(log, &topics::ALL, redis::Options::default()).await?));
    }
    Ok(Arc::new(Embedded::open(log, &topics::ALL, Options::default())?))
}

async fn measure(log: &str, seconds: f64, rounds: u32) -> Result<(), Failure> {
    let log = open(log).await?;
    support::fill(&*log, CUSTOMERS).await?;
    let (round, current) = watch::channel(Arc::new(Times::of(0)));
    let watched = Watched::new(Arc::clone(&log), {
        let current = current.clone();
        Box::new(move |commands| {
            let times = Arc::clone(&current.borrow());
            let now = times.now();
            for command_id in commands {
                Times::note(&times.acknowledged, *command_id, now);
            }
        })
    });
    let port = || -> Arc<dyn EventLog> { Arc::clone(&watched) as _ };

    let (journal, journal_spec) = Journal::child(port(), cell("journal"));
    let (customers, customers_spec) = Entities::<Customer>::child(
        port(),
        journal.clone(),
        EntityOptions::default(),
        dynamic("customers"),
    );
    let (reader, reader_spec) = Reader::child(port(), cell("reader"));
    let options = SubscriptionOptions {
        name: "observer".into(),
        topics: vec![topics::CUSTOMER],
        start: Start::Cursor,
        batch: BATCH,
        max_set_aside: MAX_SET_ASIDE,
    };
    let observer = move || Observer(current.clone());
    let (_, subscription_spec) =
        Subscription::child(port(), reader, journal, options, cell("observer"), observer);
    let spec = SupervisorSpec::new("bench", Strategy::RestForOne)
        .child(journal_spec)
        .child(customers_spec)
        .child(reader_spec)
        .child(subscription_spec);
    let tree = Tree::start(spec).await?;

    let each = Duration::from_secs_f64(seconds / f64::from(rounds));
    let sender = Sender { customers };
    let (mut peaks, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    let mut at_once = Vec::new();
    for _ in 0..rounds {
        let peak = elsewhere({
            let sender = sender.clone();
            move || sender.peak(each)
        })
        .await?;
        let rate = peak / 2.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = (rate * each.as_secs_f64()) as usize;
        let times = Arc::new(Times::of(count));
        round.send_replace(Arc::clone(&times));
        elsewhere({
            let sender = sender.clone();
            move || sender.at_rate(rate, count)
        })
        .await?;
        let latencies = tokio::time::timeout(PATIENCE, until_handled(&times)).await?;
        at_once.push(part_at_once(&latencies));
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied();
        peaks.push(peak);
        p50.push(at(50).unwrap_or_default());
        p99.push(at(99).unwrap_or_default());
    }
    let peak = median(peaks);
    let row = json!({
        "what": "acknowledged append to handler, at half of the peak",
        "unit": "1/s",
        "ours": peak / 2.0,
        "p50_us": median(p50),
        "p99_us": median(p99),
        "aim": {"p99_us": 2000.0},
        "notes": [format!(
            "the peak is that of changes to {CUSTOMERS} customers in this process, {peak:.0}/s; at \
             half of it commands come every millisecond, all that are due at once; in {:.0} % of \
             them the handler was called before the journal had its answer, which counts as 0",
            median(at_once) * 100.0
        )],
    });
    println!("{row}");
    tree.stop().await;
    Ok(())
}

/// What part of these, rising, took no time.
#[expect(clippy::cast_precision_loss, reason = "a figure for a person")]
fn part_at_once(latencies: &[f64]) -> f64 {
    let count = latencies.partition_point(|latency| *latency <= 0.0);
    count as f64 / latencies.len().max(1) as f64
}

/// The latencies, as soon as the handler has seen every event.
async fn until_handled(times: &Times) -> Vec<f64> {
    loop {
        if let Some(latencies) = times.latencies() {
            return latencies;
        }
        tokio::time::sleep(TICK).await;
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [log, seconds, rounds] = &arguments[..] else {
        println!("`cargo xtask bench handlers` runs this");
        return Ok(());
    };
    actix_rt::System::new().block_on(measure(log, seconds.parse()?, rounds.parse()?))
}
