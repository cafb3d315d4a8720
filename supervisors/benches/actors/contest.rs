//! Contenders measured in turn, again and again, and the medians as rows.

use std::time::{Duration, Instant};

use actix_rt::SystemRunner;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::contender::{Contender, SCALE};
use crate::{Failure, Plan};

/// Fewer rounds than that are no median.
const LEAST_ROUNDS: usize = 5;
/// How many samples of one contender are taken in its turn, after one that does not count: it finds
/// the caches and the heap as another contender left them.
const SAMPLES_A_TURN: usize = 3;

/// Measures one contender once, and tells how long [`SCALE`] operations took.
pub(crate) type Sample<'a> = Box<dyn FnMut() -> Duration + 'a>;

/// A sample whose asker is a task of the actors' own arbiter.
pub(crate) fn on_arbiter<'a, C, F>(
    system: &'a SystemRunner,
    actor: &C,
    sample: impl Fn(C) -> F + 'a,
) -> Sample<'a>
where
    C: Contender,
    F: Future<Output = Duration> + Send + 'static,
{
    let actor = actor.clone();
    Box::new(move || {
        let sample = sample(actor.clone());
        let done = system.block_on(async { actix_rt::spawn(sample).await });
        done.expect("a sample does not panic")
    })
}

/// A sample whose asker is a task of the actors' own runtime.
pub(crate) fn on_runtime<'a, C, F>(
    runtime: &'a Runtime,
    actor: &C,
    sample: impl Fn(C) -> F + 'a,
) -> Sample<'a>
where
    C: Contender,
    F: Future<Output = Duration> + Send + 'static,
{
    let actor = actor.clone();
    Box::new(move || {
        let sample = sample(actor.clone());
        let done = runtime.block_on(async { tokio::spawn(sample).await });
        done.expect("a sample does not panic")
    })
}

/// A sample whose asker is what the runtime was started with, as that of `#[tokio::main]` is.
pub(crate) fn on_main<'a, C, F>(
    runtime: &'a Runtime,
    actor: &C,
    sample: impl Fn(C) -> F + 'a,
) -> Sample<'a>
where
    C: Contender,
    F: Future<Output = Duration>,
{
    let actor = actor.clone();
    Box::new(move || runtime.block_on(sample(actor.clone())))
}

/// Contenders for one point.
pub(crate) struct Contest<'a> {
    what: String,
    contenders: Vec<(&'static str, Sample<'a>)>,
}

impl<'a> Contest<'a> {
    /// Nobody contends yet.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), contenders: Vec::new() }
    }

    /// Takes a contender in.
    pub(crate) fn enter(&mut self, name: &'static str, sample: Sample<'a>) {
        self.contenders.push((name, sample));
    }

    /// Measures all of them, in turn, unless the plan has no such point.
    pub(crate) fn run(mut self, plan: &Plan) -> Results {
        if !plan.wants(&self.what) {
            return Results { what: self.what, rates: Vec::new() };
        }
        let mut samples: Vec<Vec<Duration>> = self.contenders.iter().map(|_| Vec::new()).collect();
        let begun = Instant::now();
        let mut rounds = 0;
        while rounds < LEAST_ROUNDS || begun.elapsed() < plan.time {
            for ((_, sample), samples) in self.contenders.iter_mut().zip(&mut samples) {
                sample();
                samples.extend((0..SAMPLES_A_TURN).map(|_| sample()));
            }
            rounds += 1;
        }
        let names = self.contenders.iter().map(|(name, _)| *name);
        let rates = names.zip(samples).map(|(name, mut samples)| {
            (name, f64::from(SCALE) / quantile(&mut samples, 50).as_secs_f64())
        });
        Results { what: self.what, rates: rates.collect() }
    }
}

/// Below which so many of a hundred are.
pub(crate) fn quantile(samples: &mut [Duration], part: usize) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len().saturating_sub(1) * part / 100).copied().unwrap_or_default()
}

/// What came of a contest: operations a second, the median of all rounds; nothing if it was not held.
pub(crate) struct Results {
    what: String,
    rates: Vec<(&'static str, f64)>,
}

impl Results {
    fn rate(&self, name: &str) -> Result<f64, Failure> {
        let found = self.rates.iter().find(|(found, _)| *found == name);
        found.map(|(_, rate)| *rate).ok_or_else(|| format!("{name} did not contend").into())
    }

    /// Prints one beside another, and which part of it is aimed at.
    pub(crate) fn row(&self, ours: &str, other: &str, aim: Option<f64>) -> Result<(), Failure> {
        if self.rates.is_empty() {
            return Ok(());
        }
        let row = json!({
            "what": format!("{}: {ours} / {other}", self.what),
            "unit": "1/s",
            "ours": self.rate(ours)?,
            "bare": self.rate(other)?,
            "aim": aim.map(|ratio| json!({"ratio": ratio})),
        });
        print(&row);
        Ok(())
    }

    /// Prints one beside each of the others.
    pub(crate) fn rows(&self, ours: &str, others: &[&str]) -> Result<(), Failure> {
        others.iter().try_for_each(|other| self.row(ours, other, None))
    }
}

/// Prints a row.
pub(crate) fn print(row: &Value) {
    println!("{row}");
}
