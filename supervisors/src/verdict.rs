//! The decision after an exit, as a pure function of policy, history, exit and time.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::{ExitReason, Restart};

/// How many restarts within which time are still bearable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// The restarts allowed within the period; one more is too many.
    pub restarts: u32,
    /// The length of the sliding window. Time spent waiting in backoff does not count.
    pub period: Duration,
}

impl Default for Intensity {
    /// 10 restarts in 10 seconds.
    fn default() -> Self {
        Self { restarts: 10, period: Duration::from_secs(10) }
    }
}

/// How long to wait before a restart: `initial`, then doubled each time up to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The delay before the first restart.
    pub initial: Duration,
    /// The longest delay.
    pub max: Duration,
    /// The part of each delay, from 0 to 1, that is left to chance, so that parts that failed
    /// together do not come back together.
    pub jitter: f64,
}

impl Backoff {
    /// Restarts at once.
    pub const NONE: Self = Self { initial: Duration::ZERO, max: Duration::ZERO, jitter: 0.0 };

    /// The delay after `earlier` restarts; `chance` is from 0 to 1.
    pub fn delay(&self, earlier: u32, chance: f64) -> Duration {
        let factor = 1_u32.checked_shl(earlier).unwrap_or(u32::MAX);
        let full = self.initial.saturating_mul(factor).min(self.max);
        full.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0))
    }
}

impl Default for Backoff {
    /// From 100 milliseconds to 10 seconds, half of it left to chance.
    fn default() -> Self {
        Self { initial: Duration::from_millis(100), max: Duration::from_secs(10), jitter: 0.5 }
    }
}

/// What is laid down for one child.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Policy {
    /// Which of its exits call for a restart.
    pub restart: Restart,
    /// How many restarts are bearable.
    pub intensity: Intensity,
    /// How long to wait before one.
    pub backoff: Backoff,
}

/// What is to be done after an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The child stays down.
    Leave,
    /// The child, and by the strategy its siblings, begins anew after a while.
    Restart {
        /// How long to wait first.
        after: Duration,
    },
    /// The supervisor gives up, and fails to its own.
    Escalate,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    child: usize,
    at: Instant,
    delay: Duration,
}

/// The restarts that a supervisor remembers.
#[derive(Clone, Debug, Default)]
pub struct History(VecDeque<Entry>);

impl History {
    /// Remembers that at `at` a restart of the child was decided, to come after `delay`.
    ///
    /// Entries that `intensity` will never ask for again are forgotten.
    pub fn push(&mut self, child: usize, at: Instant, delay: Duration, intensity: Intensity) {
        self.0.push_back(Entry { child, at, delay });
        let bearable = usize::try_from(intensity.restarts).unwrap_or(usize::MAX);
        let keep = self.within(intensity.period, at).count().min(bearable.max(1));
        self.0.drain(..self.0.len() - keep);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The entries inside the window that ends now, newest first.
    ///
    /// A window of wall time would forgive a child that never works, once its backoff is long
    /// enough; so the time spent waiting is taken out of each entry's age.
    fn within(&self, period: Duration, now: Instant) -> impl Iterator<Item = &Entry> {
        let mut waited = Duration::ZERO;
        self.0.iter().rev().take_while(move |entry| {
            let age = now.saturating_duration_since(entry.at);
            waited = waited.saturating_add(entry.delay);
            age.saturating_sub(waited) <= period
        })
    }

    pub(crate) fn count(&self, period: Duration, now: Instant) -> u32 {
        u32::try_from(self.within(period, now).count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn count_of(&self, child: usize, period: Duration, now: Instant) -> u32 {
        let own = self.within(period, now).filter(|entry| entry.child == child);
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    }
}

/// Decides what is to be done after an exit of the child with that number.
///
/// The history is that of all children of the supervisor. `chance`, from 0 to 1, is the random
/// number for the backoff's jitter.
pub fn verdict(
    policy: &Policy,
    child: usize,
    history: &History,
    exit: &ExitReason,
    now: Instant,
    chance: f64,
) -> Verdict {
    let Policy { restart, intensity, backoff } = *policy;
    let wanted = match restart {
        Restart::Permanent => true,
        Restart::Transient => exit.is_abnormal(),
        Restart::Temporary => false,
    };
    if !wanted {
        Verdict::Leave
    } else if history.count(intensity.period, now) >= intensity.restarts {
        Verdict::Escalate
    } else {
        let earlier = history.count_of(child, intensity.period, now);
        Verdict::Restart { after: backoff.delay(earlier, chance) }
    }
}

/// A number from 0 to 1 for a backoff's jitter; no secret, so that the standard library will do.
pub(crate) fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    // The upper half is enough, and fits without loss.
    let upper = u32::try_from(random >> 32).unwrap_or_default();
    f64::from(upper) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Panic};
    use std::sync::Arc;

    const SECOND: Duration = Duration::from_secs(1);
    const BACKOFF: Backoff = Backoff { initial: SECOND, max: Duration::from_secs(10), jitter: 0.5 };

    fn policy(restart: Restart, restarts: u32, backoff: Backoff) -> Policy {
        Policy { restart, intensity: Intensity { restarts, period: 10 * SECOND }, backoff }
    }

    fn exits() -> [(ExitReason, bool); 7] {
        let failure = Arc::new(Failure::new("x"));
        [
            (ExitReason::Normal, false),
            (ExitReason::Shutdown, false),
            (ExitReason::Killed, true),
            (ExitReason::Failed(Arc::clone(&failure)), true),
            (ExitReason::Panicked(Arc::new(Panic { message: String::new(), place: None })), true),
            (ExitReason::StartFailed(failure), true),
            (ExitReason::StartTimedOut, true),
        ]
    }

    #[test]
    fn who_is_restarted_after_what() {
        let history = History::default();
        for (exit, abnormal) in exits() {
            for (restart, wanted) in [
                (Restart::Permanent, true),
                (Restart::Transient, abnormal),
                (Restart::Temporary, false),
            ] {
                let policy = policy(restart, 1, Backoff::NONE);
                let expected = if wanted {
                    Verdict::Restart { after: Duration::ZERO }
                } else {
                    Verdict::Leave
                };
                let given = verdict(&policy, 0, &history, &exit, Instant::now(), 0.0);
                assert_eq!(given, expected, "{restart:?} after {exit:?}");
            }
        }
    }

    /// The verdicts on exits at these seconds.
    fn verdicts(policy: &Policy, exits: &[(usize, u64)]) -> Vec<Verdict> {
        let start = Instant::now();
        let mut history = History::default();
        let mut given = Vec::new();
        for (child, second) in exits {
            let now = start + u32::try_from(*second).unwrap() * SECOND;
            let verdict = verdict(policy, *child, &history, &ExitReason::Killed, now, 0.0);
            if let Verdict::Restart { after } = verdict {
                history.push(*child, now, after, policy.intensity);
            }
            given.push(verdict);
        }
        given
    }

    const NOW: Verdict = Verdict::Restart { after: Duration::ZERO };

    #[test]
    fn one_restart_more_than_the_window_bears_escalates() {
        let policy = policy(Restart::Permanent, 3, Backoff::NONE);
        let burst = [(0, 0), (0, 1), (0, 2), (0, 3)];
        assert_eq!(verdicts(&policy, &burst), [NOW, NOW, NOW, Verdict::Escalate]);
        // All children count together.
        let all = [(0, 0), (1, 0), (2, 0), (3, 0)];
        assert_eq!(verdicts(&policy, &all), [NOW, NOW, NOW, Verdict::Escalate]);
        // At the edge of the window the first still counts, behind it no longer.
        let edge = [(0, 0), (0, 5), (0, 9), (0, 10)];
        assert_eq!(verdicts(&policy, &edge), [NOW, NOW, NOW, Verdict::Escalate]);
        let behind = [(0, 0), (0, 5), (0, 9), (0, 11), (0, 16)];
        assert_eq!(verdicts(&policy, &behind), [NOW; 5]);
    }

    #[test]
    fn an_intensity_of_zero_bears_nothing() {
        let policy = policy(Restart::Permanent, 0, Backoff::NONE);
        assert_eq!(verdicts(&policy, &[(0, 0)]), [Verdict::Escalate]);
    }

    #[test]
    fn what_needs_no_restart_never_escalates() {
        let policy = policy(Restart::Temporary, 0, Backoff::NONE);
        let history = History::default();
        let given = verdict(&policy, 0, &history, &ExitReason::Killed, Instant::now(), 0.0);
        assert_eq!(given, Verdict::Leave);
    }

    #[test]
    fn time_spent_in_backoff_does_not_count_towards_the_period() {
        let slow = Backoff { initial: 60 * SECOND, max: 60 * SECOND, jitter: 0.0 };
        let policy = policy(Restart::Permanent, 2, slow);
        let waits = Verdict::Restart { after: 60 * SECOND };
        let given = verdicts(&policy, &[(0, 0), (0, 61), (0, 122)]);
        assert_eq!(given, [waits, waits, Verdict::Escalate]);
        // A child that stayed up for longer than the period starts from the beginning.
        let given = verdicts(&policy, &[(0, 0), (0, 61), (0, 140)]);
        assert_eq!(given, [waits; 3]);
    }

    #[test]
    fn the_backoff_grows_for_each_child_by_itself_up_to_its_bound() {
        let policy = policy(Restart::Permanent, 100, BACKOFF);
        let seconds = |given: Vec<Verdict>| -> Vec<u64> {
            let delays = given.into_iter().map(|verdict| match verdict {
                Verdict::Restart { after } => after.as_secs(),
                Verdict::Leave | Verdict::Escalate => panic!("{verdict:?}"),
            });
            delays.collect()
        };
        let one = [(0, 0), (0, 2), (0, 5), (0, 10), (0, 19), (0, 30), (0, 41)];
        assert_eq!(seconds(verdicts(&policy, &one)), [1, 2, 4, 8, 10, 10, 10]);
        let two = [(0, 0), (1, 1), (0, 2), (1, 3)];
        assert_eq!(seconds(verdicts(&policy, &two)), [1, 1, 2, 2]);
        let recovered = [(0, 0), (0, 2), (0, 60)];
        assert_eq!(seconds(verdicts(&policy, &recovered)), [1, 2, 1]);
    }

    #[test]
    fn chance_shortens_a_delay_by_up_to_the_jitter() {
        assert_eq!(BACKOFF.delay(1, 0.0), 2 * SECOND);
        assert_eq!(BACKOFF.delay(1, 1.0), SECOND);
        assert_eq!(BACKOFF.delay(u32::MAX, 0.0), 10 * SECOND);
        assert_eq!(BACKOFF.delay(3, 7.0), 4 * SECOND);
        for _ in 0..1000 {
            assert!((0.0..=1.0).contains(&chance()));
        }
    }

    #[test]
    fn the_history_stays_short() {
        let intensity = Intensity { restarts: 3, period: SECOND };
        let mut history = History::default();
        let now = Instant::now();
        for _ in 0..100 {
            history.push(0, now, Duration::ZERO, intensity);
        }
        assert_eq!(history.0.len(), 3);
        history.push(0, now + 5 * SECOND, Duration::ZERO, intensity);
        assert_eq!(history.0.len(), 1);
    }
}
