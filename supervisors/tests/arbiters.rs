//! Cells on other threads than their supervisor, on the real clock.

mod support;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use actix_rt::{Arbiter, System};
use futures_util::future::{join, join_all};
use ordershop_supervisors::{Shutdown, Strategy, Tree};
use support::{Do, Record, is_lost, is_not_delivered, probe_of, supervisor, tree_of, until};

#[test]
fn a_cell_on_another_thread_crashes_restarts_and_stops_like_any_other() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let record = Record::default();
        let (handle, spec) = probe_of("a", &record, |cell| cell.on(&arbiter.handle()).capacity(16));
        let tree = tree_of(spec).await;
        for n in 1..=5 {
            assert_eq!(handle.ask(Do::Answer).await.unwrap(), n);
            let (crash, others) = join(
                handle.ask(Do::Panic),
                join_all((0..100).map(|_| handle.ask(Do::Answer))),
            )
            .await;
            assert!(is_lost(&crash));
            assert!(others.into_iter().all(|answer| answer.unwrap() == n + 1));
        }
        tree.stop().await;
        assert!(is_not_delivered(&handle.ask(Do::Answer).await));
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

#[test]
fn a_dead_arbiter_answers_all_and_ends_in_escalation() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.on(&arbiter.handle()));
        let tree = tree_of(spec).await;
        let kept = async {
            until(|| handle.depth() == 0).await;
            arbiter.stop();
        };
        let (kept, ()) = join(handle.ask(Do::Keep), kept).await;
        assert!(is_lost(&kept));
        assert!(tree.failed().await.is_abnormal());
        assert!(is_not_delivered(&handle.ask(Do::Answer).await));
        let (late, spec) = probe_of("late", &Record::default(), |cell| {
            cell.on(&arbiter.handle())
        });
        arbiter.join().unwrap();
        let error = Tree::start(supervisor("root", Strategy::OneForOne).child(spec)).await;
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("its arbiter has stopped")
        );
        assert!(is_not_delivered(&late.ask(Do::Answer).await));
    });
}

#[test]
fn a_stop_does_not_wait_for_ever_for_a_thread_that_is_blocked() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let (handle, spec) = probe_of("a", &Record::default(), |cell| {
            cell.on(&arbiter.handle()).shutdown(Shutdown::Kill)
        });
        let tree = tree_of(spec).await;
        let barrier = Arc::new(Barrier::new(2));
        handle.tell(Do::Block(Arc::clone(&barrier))).unwrap();
        until(|| handle.depth() == 0).await;
        let (waiting, stopped) = join(
            handle.ask(Do::Answer),
            tokio::time::timeout(Duration::from_secs(20), async {
                tree.stop().await;
                barrier.wait();
            }),
        )
        .await;
        assert!(stopped.is_ok());
        assert!(is_not_delivered(&waiting));
        arbiter.stop();
        arbiter.join().unwrap();
    });
}
