//! How long it takes from a command's acknowledgement to the call of a subscription's handler.
//! `cargo xtask bench` builds and runs it.
//!
//! `handlers FOLDER SECONDS ROUNDS` runs journal, entities, reader and one subscription on a new log,
//! as the shop does, and has customers changed by a thread of its own: first as fast as they answer,
//! which gives the peak, then at half of that, whatever they answer. It prints a row of figures.
#![expect(clippy::print_stdout, reason = "it tells figures")]

mod support;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ordershop_actors::runtime::{
    Entities, EntityOptions, Execute, Handler, HandlerFuture, Journal, Reader, Start, Subscription,
    SubscriptionOptions,
};
use ordershop_actors::shop::topics;
use ordershop_domain::{Customer, CustomerCommand};
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Entry, EventLog};
use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, cell, dynamic};
use serde_json::json;
use support::{Failure, draft, id, median};
use tokio::sync::oneshot;
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

/// When each command of a round was acknowledged, and when the handler was called with its event: in
/// nanoseconds, 0 where it was not yet.
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

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// From acknowledgement to handler, in microseconds, rising; an event that was handled first
    /// took no time. `None` while one is missing.
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
struct Observer(tokio::sync::watch::Receiver<Arc<Times>>);

impl Handler for Observer {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let times = Arc::clone(&self.0.borrow());
        let now = times.now();
        for entry in entries.iter() {
            // A command's number is its id; other ids are far above all numbers.
            let number = usize::try_from(entry.command_id.as_u128()).ok();
            if let Some(handled) = number.and_then(|number| times.handled.get(number)) {
                handled.store(now, Ordering::Release);
            }
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
    async fn change(&self, number: usize, command_id: Uuid) -> Result<(), String> {
        let draft = draft(number).map_err(|error| error.to_string())?;
        let command = CustomerCommand::Change { draft };
        let execute = Execute { command_id, command, companions: Vec::new(), only_at: None };
        let done = self.customers.execute(id(number % CUSTOMERS), execute).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    /// As many as they answer for so long; gives how many a second that is.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more precision")]
    async fn peak(self, duration: Duration) -> Result<f64, String> {
        let end = Instant::now() + duration;
        let clients = (0..CUSTOMERS).map(async |number| {
            let mut done = 0_u64;
            while Instant::now() < end {
                self.change(number, Uuid::now_v7()).await?;
                done += 1;
            }
            Ok::<u64, String>(done)
        });
        let done = join_all(clients).await.into_iter().sum::<Result<u64, String>>()?;
        Ok(done as f64 / duration.as_secs_f64())
    }

    /// One for each number of the times, at that rate, whatever they answer.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of commands, from 0 up"
    )]
    async fn at_rate(self, per_second: f64, times: Arc<Times>) -> Result<(), String> {
        let count = times.acknowledged.len();
        let mut under_way = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        let begun = Instant::now();
        let mut sent = 0;
        while sent < count {
            ticks.tick().await;
            let due = (begun.elapsed().as_secs_f64() * per_second) as usize;
            for number in sent..due.min(count) {
                let (sender, times) = (self.clone(), Arc::clone(&times));
                under_way.spawn(async move {
                    sender.change(number, Uuid::from_u128(number as u128)).await?;
                    times.acknowledged[number].store(times.now(), Ordering::Release);
                    Ok::<(), String>(())
                });
            }
            sent = due.clamp(sent, count);
            while let Some(done) = under_way.try_join_next() {
                done.map_err(|error| error.to_string())??;
            }
            if under_way.len() > MAX_UNDER_WAY {
                return Err(format!("{per_second:.0} a second are too many"));
            }
        }
        while let Some(done) = under_way.join_next().await {
            done.map_err(|error| error.to_string())??;
        }
        Ok(())
    }
}

/// Runs something on a thread of its own, with a runtime of its own.
async fn elsewhere<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>>,
{
    let (answer, done) = oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let result =
            runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(work()));
        // Whoever waits cannot be gone: it waits below.
        drop(answer.send(result));
    });
    let result = done.await;
    thread.join().map_err(|_| "the sender panicked")?;
    Ok(result??)
}

async fn measure(folder: &str, seconds: f64, rounds: u32) -> Result<(), Failure> {
    let log = Arc::new(Embedded::open(folder, &topics::ALL, Options::default())?);
    support::fill(&*log, CUSTOMERS).await?;
    let port = || -> Arc<dyn EventLog> { Arc::clone(&log) as _ };

    let (round, current) = tokio::sync::watch::channel(Arc::new(Times::of(0)));
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
    };
    let observer = move || Observer(current.clone());
    let subscription_spec =
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
    for _ in 0..rounds {
        let peak = elsewhere({
            let sender = sender.clone();
            move || sender.peak(each)
        })
        .await?;
        let rate = peak / 2.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let times = Arc::new(Times::of((rate * each.as_secs_f64()) as usize));
        round.send_replace(Arc::clone(&times));
        elsewhere({
            let (sender, times) = (sender.clone(), Arc::clone(&times));
            move || sender.at_rate(rate, times)
        })
        .await?;
        let latencies = tokio::time::timeout(PATIENCE, until_handled(&times)).await?;
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied();
        peaks.push(peak);
        p50.push(at(50).unwrap_or_default());
        p99.push(at(99).unwrap_or_default());
    }
    let peak = median(peaks);
    let row = json!({
        "what": "acknowledged command to handler, at half of the peak",
        "unit": "1/s",
        "ours": peak / 2.0,
        "p50_us": median(p50),
        "p99_us": median(p99),
        "aim": {"p99_us": 2000.0},
        "notes": [format!(
            "the peak is that of changes to {CUSTOMERS} customers in this process, {peak:.0}/s; at \
             half of it commands come every millisecond, all that are due at once"
        )],
    });
    println!("{row}");
    tree.stop().await;
    log.close();
    Ok(())
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
    let [folder, seconds, rounds] = &arguments[..] else {
        println!("`cargo xtask bench handlers` runs this");
        return Ok(());
    };
    actix_rt::System::new().block_on(measure(folder, seconds.parse()?, rounds.parse()?))
}
