//! The laws of the verdict, as properties.

use std::sync::Arc;
use std::time::Duration;

use ordershop_supervisors::{
    Backoff, ExitReason, Failure, History, Intensity, Panic, Policy, Restart, Verdict, verdict,
};
use proptest::prelude::*;
use tokio::time::Instant;

fn restarts() -> impl Strategy<Value = Restart> {
    prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)]
}

fn exits() -> impl Strategy<Value = ExitReason> {
    let failure = || std::sync::Arc::new(Failure::new("x"));
    prop_oneof![
        Just(ExitReason::Normal),
        Just(ExitReason::Shutdown),
        Just(ExitReason::Killed),
        Just(ExitReason::Blocked),
        Just(ExitReason::StartTimedOut),
        Just(ExitReason::Failed(failure())),
        Just(ExitReason::StartFailed(failure())),
        Just(ExitReason::Panicked(Arc::new(Panic { message: String::new(), place: None }))),
    ]
}

fn backoffs() -> impl Strategy<Value = Backoff> {
    (0_u64..5_000, 0_u64..50_000, 0.0..=1.0_f64).prop_map(|(initial, max, jitter)| Backoff {
        initial: Duration::from_millis(initial),
        max: Duration::from_millis(max),
        jitter,
    })
}

/// Exits of several children, each after a pause in milliseconds.
fn runs() -> impl Strategy<Value = Vec<(usize, ExitReason, u64)>> {
    prop::collection::vec((0_usize..4, exits(), 0_u64..4_000), 1..60)
}

/// What OTP's supervisor does, written down as plainly as can be: all restarts ever, counted anew.
struct Plain {
    restarts: Vec<Instant>,
}

impl Plain {
    fn decide(&mut self, policy: &Policy, exit: &ExitReason, now: Instant) -> &'static str {
        let wanted = match policy.restart {
            Restart::Permanent => true,
            Restart::Transient => exit.is_abnormal(),
            Restart::Temporary => false,
        };
        if !wanted {
            return "leave";
        }
        let period = policy.intensity.period;
        let lately = self.restarts.iter().filter(|at| now.duration_since(**at) <= period).count();
        if lately >= policy.intensity.restarts as usize {
            return "escalate";
        }
        self.restarts.push(now);
        "restart"
    }
}

proptest! {
    #[test]
    fn without_backoff_it_decides_as_otp_does(
        restart in restarts(),
        bearable in 0_u32..6,
        period in 1_u64..20_000,
        run in runs(),
    ) {
        let intensity = Intensity { restarts: bearable, period: Duration::from_millis(period) };
        let policy = Policy { restart, intensity, backoff: Backoff::NONE };
        let (mut history, mut plain) = (History::default(), Plain { restarts: Vec::new() });
        let mut now = Instant::now();
        for (child, exit, pause) in run {
            now += Duration::from_millis(pause);
            let given = verdict(&policy, child, &history, &exit, now, 0.5);
            let expected = plain.decide(&policy, &exit, now);
            match given {
                Verdict::Leave => prop_assert_eq!(expected, "leave"),
                Verdict::Escalate => {
                    prop_assert_eq!(expected, "escalate");
                    // Its own supervisor begins it anew, and the past is forgotten.
                    history.clear();
                    plain.restarts.clear();
                }
                Verdict::Restart { after } => {
                    prop_assert_eq!(expected, "restart");
                    prop_assert_eq!(after, Duration::ZERO);
                    history.push(child, now, after, intensity);
                }
            }
        }
    }

    #[test]
    fn a_delay_lies_between_its_bounds_and_grows_until_it_is_at_its_longest(
        backoff in backoffs(),
        earlier in 0_u32..70,
        chance in 0.0..=1.0_f64,
    ) {
        let delay = backoff.delay(earlier, chance);
        prop_assert!(delay <= backoff.max);
        prop_assert!(delay <= backoff.delay(earlier, 0.0));
        prop_assert!(delay >= backoff.delay(earlier, 1.0));
        prop_assert!(backoff.delay(earlier + 1, chance) >= delay);
        let floor = backoff.delay(earlier, 0.0).mul_f64(1.0 - backoff.jitter);
        // Both are rounded to whole nanoseconds.
        prop_assert!(delay + Duration::from_nanos(1) >= floor);
    }

    #[test]
    fn time_in_backoff_never_forgives(
        backoff in backoffs(),
        bearable in 0_u32..6,
        chance in 0.0..=1.0_f64,
    ) {
        // A child that fails as soon as it is up is given up after exactly the bearable restarts.
        let intensity = Intensity { restarts: bearable, period: Duration::from_secs(5) };
        let policy = Policy { restart: Restart::Permanent, intensity, backoff };
        let mut history = History::default();
        let mut now = Instant::now();
        for _ in 0..bearable {
            match verdict(&policy, 0, &history, &ExitReason::Killed, now, chance) {
                Verdict::Restart { after } => {
                    history.push(0, now, after, intensity);
                    now += after;
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let last = verdict(&policy, 0, &history, &ExitReason::Killed, now, chance);
        prop_assert_eq!(last, Verdict::Escalate);
    }

    #[test]
    fn no_exit_of_one_that_is_not_to_be_restarted_counts(
        exit in exits(),
        restarts in 0_u32..3,
    ) {
        let intensity = Intensity { restarts, period: Duration::from_secs(5) };
        let history = History::default();
        let temporary =
            Policy { restart: Restart::Temporary, intensity, backoff: Backoff::NONE };
        let given = verdict(&temporary, 0, &history, &exit, Instant::now(), 0.0);
        prop_assert_eq!(given, Verdict::Leave);
        let transient = Policy { restart: Restart::Transient, ..temporary };
        let given = verdict(&transient, 0, &history, &exit, Instant::now(), 0.0);
        prop_assert_eq!(given == Verdict::Leave, !exit.is_abnormal());
    }
}
