//! What happens when restarts are not enough.

mod support;

use std::time::Duration;

use ordershop_supervisors::{
    Backoff, ExitReason, Failure, Intensity, Strategy, TooManyRestarts, Tree, cell,
};
use support::{Do, Probe, Record, is_lost, is_not_delivered, paused, probe, supervisor, tree_of};

#[test]
fn a_root_that_gives_up_says_why_and_closes_its_cells() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe("b", &record);
        let root = supervisor("root", Strategy::OneForOne)
            .intensity(Intensity { restarts: 2, period: Duration::from_secs(5) });
        let tree = Tree::start(root.child(a_spec).child(b_spec)).await.unwrap();
        for _ in 0..3 {
            assert!(is_lost(&b.ask(Do::Panic).await));
        }
        let reason = tree.failed().await;
        let failure = reason.failure().unwrap();
        let given_up = failure.downcast_ref::<TooManyRestarts>().unwrap();
        assert_eq!((&*given_up.path, &*given_up.child), ("root", "root/b"));
        assert!(matches!(given_up.reason, ExitReason::Panicked { .. }));
        assert!(is_not_delivered(&a.ask(Do::Answer).await));
        assert!(is_not_delivered(&b.ask(Do::Answer).await));
        assert!(record.take().contains(&"a stopping".into()));
        tree.stop().await;
    });
}

#[test]
fn restarts_outside_the_window_are_forgiven() {
    paused(async {
        let (a, spec) = probe("a", &Record::default());
        let root = supervisor("root", Strategy::OneForOne)
            .intensity(Intensity { restarts: 1, period: Duration::from_secs(5) });
        let tree = Tree::start(root.child(spec)).await.unwrap();
        for n in 2..10 {
            assert!(is_lost(&a.ask(Do::Panic).await));
            assert_eq!(a.ask(Do::Answer).await.unwrap(), n);
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
        tree.stop().await;
    });
}

#[test]
fn a_failure_climbs_three_levels_and_handles_survive_each_restart() {
    paused(async {
        let record = Record::default();
        let (leaf, leaf_spec) = probe("leaf", &record);
        let (mate, mate_spec) = probe("mate", &record);
        let one = Intensity { restarts: 1, period: Duration::from_secs(100) };
        let low =
            supervisor("low", Strategy::OneForOne).intensity(one).child(mate_spec).child(leaf_spec);
        let mid = supervisor("mid", Strategy::OneForOne).intensity(one).child(low);
        let root = supervisor("root", Strategy::OneForOne).intensity(one).child(mid);
        let tree = Tree::start(root).await.unwrap();
        // Each level bears one restart: of the leaf, of low, of mid. 2 * 2 * 2 crashes in all.
        for n in 1..8 {
            assert_eq!(leaf.ask(Do::Answer).await.unwrap(), n);
            assert!(is_lost(&leaf.ask(Do::Panic).await));
        }
        assert_eq!(leaf.ask(Do::Answer).await.unwrap(), 8);
        // low was started anew after the 2nd, 4th and 6th crash, and the mate with it.
        assert_eq!(mate.ask(Do::Answer).await.unwrap(), 4);
        assert!(is_lost(&leaf.ask(Do::Panic).await));
        let text = tree.failed().await.to_string();
        assert!(text.starts_with("failed: root gave up"), "{text}");
        assert!(text.contains("root/mid/low/leaf panicked: told to"), "{text}");
    });
}

#[test]
fn a_failed_start_during_a_restart_counts_as_another_restart() {
    paused(async {
        let record = Record::default();
        let (a, spec) = cell::<Probe>("a").factory(move |birth| {
            let record = record.clone();
            async move {
                let incarnation = birth.incarnation;
                if (2..=4).contains(&incarnation) {
                    return Err(Failure::new("not yet"));
                }
                Ok(Probe {
                    name: "a".into(),
                    record,
                    incarnation,
                    panic_on_drop: false,
                    linger: None,
                    kept: vec![],
                })
            }
        });
        let tree = tree_of(spec).await;
        assert!(is_lost(&a.ask(Do::Panic).await));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 5);
        // Four of five are spent; two more are too many.
        assert!(is_lost(&a.ask(Do::Panic).await));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 6);
        assert!(is_lost(&a.ask(Do::Panic).await));
        assert!(matches!(tree.failed().await, ExitReason::Failed(_)));
    });
}

#[test]
fn a_backoff_does_not_hide_a_child_that_never_works() {
    paused(async {
        let (a, spec) = probe("a", &Record::default());
        let root = supervisor("root", Strategy::OneForOne)
            .intensity(Intensity { restarts: 3, period: Duration::from_secs(5) })
            .backoff(Backoff {
                initial: Duration::from_secs(10),
                max: Duration::from_secs(30),
                jitter: 0.0,
            });
        let tree = Tree::start(root.child(spec)).await.unwrap();
        let start = tokio::time::Instant::now();
        for _ in 0..4 {
            assert!(is_lost(&a.ask(Do::Panic).await));
        }
        tree.failed().await;
        assert_eq!(start.elapsed().as_secs(), 10 + 20 + 30);
    });
}
