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
            let (crash, others) =
                join(handle.ask(Do::Panic), join_all((0..100).map(|_| handle.ask(Do::Answer))))
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
        let (late, spec) = probe_of("late", &Record::default(), |cell| cell.on(&arbiter.handle()));
        arbiter.join().unwrap();
        let error = Tree::start(supervisor("root", Strategy::OneForOne).child(spec)).await;
        assert!(error.unwrap_err().to_string().contains("its arbiter has stopped"));
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

#[test]
fn a_busy_process_neither_escapes_its_shutdown_time_nor_starves_the_others() {
    System::new().block_on(async {
        let record = Record::default();
        let (handle, spec) = probe_of("a", &record, |cell| {
            cell.shutdown(Shutdown::Timeout(Duration::from_millis(50)))
        });
        let tree = tree_of(spec).await;
        handle.ask(Do::Spin).await.unwrap();
        handle.ask(Do::Linger(Duration::from_mins(1))).await.unwrap();
        let before = std::time::Instant::now();
        tree.stop().await;
        // Its supervisor would give it up for a blocked thread after 2 seconds.
        assert!(before.elapsed() < Duration::from_millis(1500));
        assert_eq!(record.take(), ["a up 1", "a stopping", "a dropped"]);
    });
}

#[test]
fn whatever_happens_between_three_threads_every_ask_ends() {
    System::new().block_on(async {
        let arbiters = [Arbiter::new(), Arbiter::new()];
        for round in 0..100 {
            let record = Record::default();
            let mut root = supervisor("root", Strategy::RestForOne);
            let mut handles = Vec::new();
            for n in 0..4 {
                let arbiter = arbiters[n % 2].handle();
                let (handle, spec) =
                    probe_of(&n.to_string(), &record, |cell| cell.on(&arbiter).capacity(4));
                root = root.child(spec);
                handles.push(handle);
            }
            let tree = Tree::start(root).await.unwrap();
            let asks = handles.iter().cycle().take(40).enumerate().map(|(n, handle)| async move {
                let _ = match (n + round) % 13 {
                    0 => handle.ask(Do::Panic).await,
                    1 => handle.ask(Do::Keep).await,
                    2 => handle.ask(Do::Stop).await,
                    3 => handle.ask(Do::Pause(Duration::from_millis(1))).await,
                    _ => handle.ask(Do::Answer).await,
                };
            });
            // Some rounds stop at once, others in the middle of it all.
            let stop = async {
                tokio::time::sleep(Duration::from_micros(50 * (round as u64 % 20))).await;
                tree.stop().await;
            };
            let all = join(join_all(asks), stop);
            let done = tokio::time::timeout(Duration::from_secs(10), all).await;
            assert!(done.is_ok(), "an ask or the stop hangs in round {round}");
            let lines = record.take();
            let ups = lines.iter().filter(|line| line.contains(" up ")).count();
            let drops = lines.iter().filter(|line| line.ends_with("dropped")).count();
            // One that was stopped on its way up is dropped without having been up.
            assert!(ups <= drops, "a process outlives its tree: {lines:?}");
        }
        for arbiter in arbiters {
            arbiter.stop();
            arbiter.join().unwrap();
        }
    });
}
