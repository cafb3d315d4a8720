//! Who is restarted with whom, and how a supervisor ends when its significant children have.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use ordershop_supervisors::{
    AutoShutdown, Backoff, ExitReason, Restart, SpecError, StartError, Strategy, SupervisorSpec,
    Tree,
};
use support::{
    Do, Record, is_lost, is_not_delivered, paused, probe, probe_of, supervisor, tree_of, until,
};

#[test]
fn one_for_all_stops_the_others_in_reverse_order_and_starts_all_in_order_after_the_backoff() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe("b", &record);
        let (c, c_spec) = probe("c", &record);
        let pause = Duration::from_secs(3);
        let root = supervisor("root", Strategy::OneForAll)
            .backoff(Backoff { initial: pause, max: pause, jitter: 0.0 })
            .child(a_spec)
            .child(b_spec)
            .child(c_spec);
        let tree = Tree::start(root).await.unwrap();
        record.take();
        let before = tokio::time::Instant::now();
        let (queued, crash) = futures_util::future::join(a.ask(Do::Answer), b.ask(Do::Panic)).await;
        assert_eq!(queued.unwrap(), 1);
        assert!(is_lost(&crash));
        assert_eq!(c.ask(Do::Answer).await.unwrap(), 2);
        assert_eq!(before.elapsed(), pause);
        let expected = [
            "b dropped",
            "c stopping",
            "c dropped",
            "a stopping",
            "a dropped",
            "a up 2",
            "b up 2",
            "c up 2",
        ];
        assert_eq!(record.take(), expected);
        tree.stop().await;
    });
}

#[test]
fn a_temporary_child_is_not_restarted_by_a_siblings_failure() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        paused(async move {
            let record = Record::default();
            let (a, a_spec) = probe("a", &record);
            let (temporary, temporary_spec) =
                probe_of("t", &record, |cell| cell.restart(Restart::Temporary));
            let (z, z_spec) = probe("z", &record);
            let root = supervisor("root", strategy).child(a_spec).child(temporary_spec);
            let tree = Tree::start(root.child(z_spec)).await.unwrap();
            assert!(is_lost(&a.ask(Do::Panic).await));
            assert_eq!(z.ask(Do::Answer).await.unwrap(), 2);
            assert!(is_not_delivered(&temporary.ask(Do::Answer).await));
            assert!(!record.contains("t up 2"));
            tree.stop().await;
        });
    }
}

#[test]
fn a_crash_in_the_start_phase_spares_a_temporary_child_only_the_second_start() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        paused(async move {
            let record = Record::default();
            let (a, a_spec) = probe("a", &record);
            let (started, started_spec) =
                probe_of("started", &record, |cell| cell.restart(Restart::Temporary));
            let (slow, slow_spec) =
                ordershop_supervisors::cell::<support::Probe>("slow").factory({
                    let record = record.clone();
                    move |birth| {
                        let record = record.clone();
                        async move {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                            Ok(support::Probe::new("slow", record, birth.incarnation))
                        }
                    }
                });
            let (fresh, fresh_spec) =
                probe_of("fresh", &record, |cell| cell.restart(Restart::Temporary));
            let root = supervisor("root", strategy)
                .child(a_spec)
                .child(started_spec)
                .child(slow_spec)
                .child(fresh_spec);
            let crash = async {
                until(|| record.contains("started up 1")).await;
                a.ask(Do::Panic).await
            };
            let (tree, crash) = futures_util::future::join(Tree::start(root), crash).await;
            assert!(is_lost(&crash));
            let tree = tree.unwrap();
            assert_eq!(slow.ask(Do::Answer).await.unwrap(), 2);
            assert_eq!(fresh.ask(Do::Answer).await.unwrap(), 1, "it never had its first start");
            assert!(is_not_delivered(&started.ask(Do::Answer).await));
            tree.stop().await;
        });
    }
}

#[test]
fn a_transient_child_that_ended_begins_anew_with_its_siblings() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (done, done_spec) = probe_of("done", &record, |cell| cell.restart(Restart::Transient));
        let root = supervisor("root", Strategy::OneForAll).child(a_spec).child(done_spec);
        let tree = Tree::start(root).await.unwrap();
        done.ask(Do::Stop).await.unwrap();
        until(|| done.tell(Do::Answer).is_err()).await;
        assert!(is_lost(&a.ask(Do::Panic).await));
        until(|| done.is_running()).await;
        assert_eq!(done.ask(Do::Answer).await.unwrap(), 2);
        tree.stop().await;
    });
}

/// A supervisor with two significant children between two others.
fn with_significant(
    auto: AutoShutdown,
    restart: Restart,
    record: &Record,
) -> (Vec<ordershop_supervisors::Handle<support::Probe>>, SupervisorSpec) {
    let mut spec = supervisor("low", Strategy::OneForOne).auto_shutdown(auto);
    let mut handles = Vec::new();
    for name in ["first", "one", "two", "last"] {
        let (handle, child) = probe_of(name, record, |cell| match name {
            "one" | "two" => cell.restart(restart).significant(),
            _ => cell,
        });
        spec = spec.child(child);
        handles.push(handle);
    }
    (handles, spec)
}

#[test]
fn any_significant_child_that_ends_shuts_its_supervisor_down_in_reverse_order() {
    paused(async {
        let record = Record::default();
        let (handles, low) =
            with_significant(AutoShutdown::AnySignificant, Restart::Transient, &record);
        let tree = Tree::start(low).await.unwrap();
        record.take();
        handles[1].ask(Do::Stop).await.unwrap();
        let reason = tree.ended().await;
        assert!(matches!(reason, ExitReason::Shutdown), "{reason}");
        let expected = [
            "one stopping",
            "one dropped",
            "last stopping",
            "last dropped",
            "two stopping",
            "two dropped",
            "first stopping",
            "first dropped",
        ];
        assert_eq!(record.take(), expected);
        for handle in &handles {
            assert!(is_not_delivered(&handle.ask(Do::Answer).await));
        }
        tree.stop().await;
    });
}

#[test]
fn all_significant_children_must_have_ended_where_all_are_asked_for() {
    paused(async {
        let record = Record::default();
        let (handles, low) =
            with_significant(AutoShutdown::AllSignificant, Restart::Transient, &record);
        let tree = Tree::start(low).await.unwrap();
        handles[1].ask(Do::Stop).await.unwrap();
        until(|| handles[1].tell(Do::Answer).is_err()).await;
        assert_eq!(handles[0].ask(Do::Answer).await.unwrap(), 1);
        handles[2].ask(Do::Stop).await.unwrap();
        assert!(matches!(tree.ended().await, ExitReason::Shutdown));
        tree.stop().await;
    });
}

#[test]
fn a_significant_child_that_crashes_shuts_down_only_if_it_is_temporary() {
    for (restart, ends) in [(Restart::Transient, false), (Restart::Temporary, true)] {
        paused(async move {
            let record = Record::default();
            let (handles, low) = with_significant(AutoShutdown::AnySignificant, restart, &record);
            let tree = Tree::start(low).await.unwrap();
            assert!(is_lost(&handles[1].ask(Do::Panic).await));
            if ends {
                assert!(matches!(tree.ended().await, ExitReason::Shutdown));
            } else {
                assert_eq!(handles[1].ask(Do::Answer).await.unwrap(), 2);
                assert_eq!(handles[0].ask(Do::Answer).await.unwrap(), 1);
            }
            tree.stop().await;
        });
    }
}

#[test]
fn after_an_auto_shutdown_the_supervisor_above_restarts_a_permanent_one_only() {
    for (restart, again) in
        [(Restart::Permanent, true), (Restart::Transient, false), (Restart::Temporary, false)]
    {
        paused(async move {
            let record = Record::default();
            let (handles, low) =
                with_significant(AutoShutdown::AnySignificant, Restart::Transient, &record);
            let tree = tree_of(low.restart(restart).into()).await;
            handles[1].ask(Do::Stop).await.unwrap();
            until(|| record.contains("first dropped")).await;
            let next = handles[0].ask(Do::Answer).await;
            assert_eq!(next.ok(), again.then_some(2), "{restart:?}");
            tree.stop().await;
        });
    }
}

#[test]
fn an_auto_shutdown_climbs_through_significant_supervisors() {
    paused(async {
        let record = Record::default();
        let (handles, low) =
            with_significant(AutoShutdown::AnySignificant, Restart::Transient, &record);
        let (_, mate) = probe("mate", &record);
        let root = supervisor("root", Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(mate)
            .child(low.restart(Restart::Transient).significant());
        let tree = Tree::start(root).await.unwrap();
        handles[2].ask(Do::Stop).await.unwrap();
        assert!(matches!(tree.ended().await, ExitReason::Shutdown));
        assert_eq!(record.take().last().unwrap(), "mate dropped");
        tree.stop().await;
    });
}

#[test]
fn an_auto_shutdown_that_comes_due_in_the_start_phase_waits_until_all_are_started() {
    paused(async {
        let record = Record::default();
        let (quick, quick_spec) =
            probe_of("quick", &record, |cell| cell.restart(Restart::Transient).significant());
        let (_, slow_spec) = ordershop_supervisors::cell::<support::Probe>("slow").factory({
            let record = record.clone();
            move |birth| {
                let record = record.clone();
                async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(support::Probe::new("slow", record, birth.incarnation))
                }
            }
        });
        quick.tell(Do::Stop).unwrap();
        let root = supervisor("root", Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(quick_spec)
            .child(slow_spec);
        let tree = Tree::start(root).await.expect("all were started");
        assert!(matches!(tree.ended().await, ExitReason::Shutdown));
        let expected = [
            "quick up 1",
            "quick stopping",
            "quick dropped",
            "slow up 1",
            "slow stopping",
            "slow dropped",
        ];
        assert_eq!(record.take(), expected);
    });
}

#[test]
fn a_specification_that_makes_no_sense_starts_nothing() {
    paused(async {
        let record = Record::default();
        let child = |name: &str, restart, significant| {
            let build = |cell: ordershop_supervisors::CellBuilder<_>| {
                let cell = cell.restart(restart);
                if significant { cell.significant() } else { cell }
            };
            probe_of(name, &record, build).1
        };
        let plain = |name: &str| child(name, Restart::Permanent, false);
        let spec = |name: &str| supervisor(name, Strategy::OneForOne);
        let below = |low| spec("root").child(plain("a")).child(low);
        let path = || "root/low/x".to_owned();
        let any = AutoShutdown::AnySignificant;
        let bad = [
            (
                spec("low").child(plain("x")).child(plain("x")),
                SpecError::NameTaken { path: path() },
            ),
            (
                spec("low").auto_shutdown(any).child(child("x", Restart::Permanent, true)),
                SpecError::SignificantPermanent { path: path() },
            ),
            (
                spec("low").child(child("x", Restart::Transient, true)),
                SpecError::SignificantToNobody { path: path() },
            ),
        ];
        for (low, expected) in bad {
            match Tree::start(below(low)).await {
                Err(StartError::Spec(error)) => assert_eq!(error, expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(record.take().is_empty());
    });
}
