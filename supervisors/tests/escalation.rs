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
        assert!(matches!(given_up.reason, ExitReason::Panicked(_)));
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
                Ok(Probe::new("a", record, incarnation))
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

#[test]
fn an_escalation_from_leaf_to_root_stops_in_reverse_order_and_starts_in_order_at_each_level() {
    paused(async {
        let record = Record::default();
        let (leaf, leaf_spec) = probe("leaf", &record);
        let mate = |name: &str| probe(name, &record).1;
        let one = Intensity { restarts: 1, period: Duration::from_secs(100) };
        // Three levels, each with one who stands before and one who stands after.
        let low = supervisor("low", Strategy::OneForAll)
            .intensity(one)
            .child(mate("low-1"))
            .child(leaf_spec)
            .child(mate("low-2"));
        let mid = supervisor("mid", Strategy::RestForOne)
            .intensity(one)
            .child(mate("mid-1"))
            .child(low)
            .child(mate("mid-2"));
        let root = supervisor("root", Strategy::OneForOne)
            .intensity(one)
            .child(mate("root-1"))
            .child(mid)
            .child(mate("root-2"));
        let tree = Tree::start(root).await.unwrap();
        let ups = |names: &[&str], n: &[u64]| -> Vec<String> {
            names.iter().zip(n).map(|(name, n)| format!("{name} up {n}")).collect()
        };
        let downs = |names: &[&str]| -> Vec<String> {
            let each = |name: &&str| [format!("{name} stopping"), format!("{name} dropped")];
            names.iter().flat_map(each).collect()
        };
        let all = ["root-1", "mid-1", "low-1", "leaf", "low-2", "mid-2", "root-2"];
        assert_eq!(record.take(), ups(&all, &[1; 7]));

        let crash = async |survives: bool| {
            assert!(is_lost(&leaf.ask(Do::Panic).await));
            if survives {
                leaf.ask(Do::Answer).await.unwrap();
                // Those who stand after it are up, too, when nothing happens any more.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let mut lines = record.take();
            assert_eq!(lines.remove(0), "leaf dropped");
            lines
        };
        let low = ["low-1", "leaf", "low-2"];
        let from_low = ["low-1", "leaf", "low-2", "mid-2"];
        let from_mid = ["mid-1", "low-1", "leaf", "low-2", "mid-2"];

        // Within low: all of it. The leaf is down already.
        let expected = [downs(&["low-2", "low-1"]), ups(&low, &[2; 3])].concat();
        assert_eq!(crash(true).await, expected);
        // low gives up: mid restarts it and what stands after it.
        let expected =
            [downs(&["low-2", "low-1", "mid-2"]), ups(&from_low, &[3, 3, 3, 2])].concat();
        assert_eq!(crash(true).await, expected);
        assert_eq!(crash(true).await, [downs(&["low-2", "low-1"]), ups(&low, &[4; 3])].concat());
        // low gives up again, and with it mid: root restarts mid.
        let expected =
            [downs(&["low-2", "low-1", "mid-2", "mid-1"]), ups(&from_mid, &[2, 5, 5, 5, 3])]
                .concat();
        assert_eq!(crash(true).await, expected);
        // Three more are borne, by low, by mid, by low; the next is too much for all three.
        for _ in 0..3 {
            crash(true).await;
        }
        let lines = {
            assert!(is_lost(&leaf.ask(Do::Panic).await));
            tree.failed().await;
            record.take()
        };
        let stops = ["low-2", "low-1", "mid-2", "mid-1", "root-2", "root-1"];
        assert_eq!(lines, [vec!["leaf dropped".to_owned()], downs(&stops)].concat());
    });
}
