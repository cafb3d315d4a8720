//! Ours beside the bare thing: the same load on each, in turn, round by round.

use std::time::Duration;

use super::load::{Load, Round};
use super::options::Options;
use super::row::{Row, Unit};
use super::server::Server;
use super::shop::{Lag, Shop};
use super::table::whole;
use crate::shell::Failed;

/// The aim for subscribers: so long after a load they have nothing before them.
const DRAIN_AIM: Duration = Duration::from_secs(2);
/// How many of the busiest threads are told.
const THREADS: usize = 4;

/// What the rounds of one side measured.
#[derive(Default)]
struct Side {
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Processor time of the server for each request, in microseconds.
    cpu: Vec<f64>,
    client_share: Vec<f64>,
    refused: u64,
}

impl Side {
    fn add(&mut self, round: &Round, cpu: Duration) {
        self.rates.push(round.per_second());
        self.p50.push(round.quantile(0.5).as_secs_f64() * 1e6);
        self.p99.push(round.quantile(0.99).as_secs_f64() * 1e6);
        let answered = round.answered.max(1);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
        self.cpu.push(cpu.as_secs_f64() * 1e6 / answered as f64);
        self.client_share.push(round.client_share);
        self.refused += round.refused;
    }
}

/// Measures one load on the shop and on the bare server; `of_bare` is what the bare one gets, where
/// it is not the same.
pub(super) fn duel(
    what: &str,
    (shop, load): (&Shop, &Load),
    (bare, of_bare): (&Server, &Load),
    options: &Options,
) -> Result<Row, Failed> {
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    let mut lags = Vec::new();
    let mut threads = Vec::new();
    for _ in 0..options.rounds {
        let (cpu, before) = (shop.server.cpu(), shop.server.threads());
        let round = load.run(shop.server.address(), options.round())?;
        threads = busiest(&before, shop.server.threads());
        // What the subscribers still do for these requests counts as theirs, and must be over before
        // the other side is measured.
        lags.push(shop.drain()?);
        ours.add(&round, shop.server.cpu().saturating_sub(cpu));

        let cpu = bare.cpu();
        let round = of_bare.run(bare.address(), options.round())?;
        theirs.add(&round, bare.cpu().saturating_sub(cpu));
    }
    let mut row = Row::new(what, median(&ours.rates), Unit::PerSecond);
    row.bare = Some(median(&theirs.rates));
    (row.p50, row.p99) = (Some(median(&ours.p50)), Some(median(&ours.p99)));
    (row.cpu, row.bare_cpu) = (Some(median(&ours.cpu)), Some(median(&theirs.cpu)));
    add_lag(&mut row, &lags);
    if ours.refused > 0 {
        row.notes
            .push(format!("{} requests were refused with 503, and do not count", ours.refused));
    }
    eprintln!("    {what}: {}", told(&ours, &theirs, &threads));
    Ok(row)
}

/// What helps whoever looks on: rounds, who was busy.
fn told(ours: &Side, theirs: &Side, threads: &[String]) -> String {
    let rates =
        |side: &Side| side.rates.iter().map(|rate| whole(*rate)).collect::<Vec<_>>().join(" ");
    format!(
        "{}/s, bare {}/s; the generator took {:.0} and {:.0} % of a core; busiest: {}",
        rates(ours),
        rates(theirs),
        median(&ours.client_share) * 100.0,
        median(&theirs.client_share) * 100.0,
        threads.join(", "),
    )
}

/// Puts the worst lag at the end of a round, and the longest time until it was gone, into the row.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 entries")]
fn add_lag(row: &mut Row, lags: &[Lag]) {
    let Some(worst) = lags.iter().max_by_key(|lag| lag.entries()).filter(|lag| lag.entries() > 0)
    else {
        return;
    };
    let longest = lags.iter().map(|lag| lag.drained_in).max().unwrap_or_default();
    row.lag = Some(worst.entries() as f64);
    row.drained = Some(longest.as_secs_f64());
    if longest > DRAIN_AIM {
        let behind: Vec<_> =
            worst.behind.iter().map(|(name, entries)| format!("{name} {entries}")).collect();
        row.notes.push(format!("the subscribers lagged too long: {}", behind.join(", ")));
    }
}

/// The threads that took most time since `before`, with what part of a round each was at work.
fn busiest(before: &[(String, Duration)], after: Vec<(String, Duration)>) -> Vec<String> {
    let mut spent: Vec<(String, Duration)> = Vec::new();
    // Threads of one name are told as one; new ones had no time before.
    for (name, time) in after {
        match spent.iter_mut().find(|(found, _)| *found == name) {
            Some((_, all)) => *all += time,
            None => spent.push((name, time)),
        }
    }
    for (name, time) in &mut spent {
        let earlier = before.iter().filter(|(found, _)| found == name).map(|(_, time)| *time);
        *time = time.saturating_sub(earlier.sum());
    }
    spent.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let all: Duration = spent.iter().map(|(_, time)| *time).sum();
    spent
        .iter()
        .take(THREADS)
        .filter(|(_, time)| !time.is_zero())
        .map(|(name, time)| format!("{name} {:.0} %", time.div_duration_f64(all) * 100.0))
        .collect()
}

/// The middle one; of an even number the lower of both in the middle.
pub(super) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn threads_of_one_name_are_one() {
        let ms = Duration::from_millis;
        let named = |name: &str, time| (name.to_owned(), ms(time));
        let before = [named("w", 10), named("x", 5)];
        let after = vec![named("w", 40), named("w", 50), named("x", 25)];
        assert_eq!(busiest(&before, after), ["w 80 %", "x 20 %"]);
    }
}
