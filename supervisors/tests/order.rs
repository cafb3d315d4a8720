//! Starts in order, stops in reverse order, and what a stop waits for.

mod support;

use std::time::Duration;

use futures_util::FutureExt;
use ordershop_supervisors::{
    Backoff, Birth, ExitReason, Failure, Restart, Shutdown, StartError, Strategy, Tree, cell,
};
use support::{
    Do, Probe, Record, is_lost, ms, paused, probe, probe_of, supervisor, tree_of, until,
};

#[test]
fn a_tree_starts_in_order_and_stops_in_reverse_order() {
    paused(async {
        let record = Record::default();
        let (_, a) = probe("a", &record);
        let (_, b) = probe("b", &record);
        let (_, c) = probe("c", &record);
        let (_, d) = probe("d", &record);
        let below = supervisor("below", Strategy::OneForOne).child(b).child(c);
        let root = supervisor("root", Strategy::OneForOne).child(a).child(below).child(d);
        let tree = Tree::start(root).await.unwrap();
        assert_eq!(record.take(), ["a up 1", "b up 1", "c up 1", "d up 1"]);
        tree.stop().await;
        let stops = [
            "d stopping",
            "d dropped",
            "c stopping",
            "c dropped",
            "b stopping",
            "b dropped",
            "a stopping",
            "a dropped",
        ];
        assert_eq!(record.take(), stops);
        tree.stop().await;
    });
}

#[test]
fn when_a_stop_returns_even_the_deepest_cell_is_closed() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let low = supervisor("low", Strategy::OneForOne).child(spec);
        let mid = supervisor("mid", Strategy::OneForOne).child(low);
        let tree = tree_of(mid.into()).await;
        tree.stop().await;
        assert!(handle.tell(Do::Answer).is_err());
    });
}

#[test]
fn a_dropped_tree_stops() {
    paused(async {
        let record = Record::default();
        let (handle, a) = probe("a", &record);
        drop(tree_of(a).await);
        until(|| handle.tell(Do::Answer).is_err()).await;
        assert_eq!(record.take(), ["a up 1", "a stopping", "a dropped"]);
    });
}

#[test]
fn each_child_starts_when_the_one_before_is_up() {
    paused(async {
        let record = Record::default();
        let slow = record.clone();
        let (_, a) = cell("a").factory(move |birth: Birth<Probe>| {
            let record = slow.clone();
            async move {
                tokio::time::sleep(ms(500)).await;
                let incarnation = birth.incarnation;
                Ok(Probe::new("a", record, incarnation))
            }
        });
        let (_, b) = probe("b", &record);
        let tree =
            Tree::start(supervisor("root", Strategy::OneForOne).child(a).child(b)).await.unwrap();
        assert_eq!(record.take(), ["a up 1", "b up 1"]);
        tree.stop().await;
    });
}

#[test]
fn a_start_taken_back_before_the_child_saw_it_needs_no_patience() {
    paused(async {
        let record = Record::default();
        let (handle, a) = probe("a", &record);
        let root = supervisor("root", Strategy::OneForOne).child(a);
        assert!(Tree::start(root).now_or_never().is_none());
        let before = tokio::time::Instant::now();
        until(|| handle.tell(Do::Answer).is_err()).await;
        assert!(before.elapsed() < ms(100));
        assert!(!record.contains("a up 1"));
    });
}

/// Starts a tree whose middle child fails at its first start.
async fn fail_first(child: ordershop_supervisors::ChildSpec) -> StartError {
    let record = Record::default();
    let (_, a) = probe("a", &record);
    let (last, c) = probe("c", &record);
    let below = supervisor("below", Strategy::OneForOne).child(child);
    let root = supervisor("root", Strategy::OneForOne).child(a).child(below).child(c);
    let error = Tree::start(root).await.expect_err("its child fails");
    assert_eq!(record.take(), ["a up 1", "a stopping", "a dropped"]);
    assert!(last.tell(Do::Answer).is_err());
    error
}

#[test]
fn a_failed_first_start_stops_what_was_up_and_names_path_and_reason() {
    paused(async {
        let (_, error) =
            cell("bad").factory(|_: Birth<Probe>| async { Err(Failure::new("no disk")) });
        let error = fail_first(error).await;
        assert_eq!(error.to_string(), "root/below/bad could not start: no disk");

        let (_, panics) = cell("bad").factory(|_: Birth<Probe>| async { panic!("no luck") });
        assert_eq!(
            fail_first(panics).await.to_string(),
            "root/below/bad could not start: panicked: no luck"
        );

        let (_, eager) =
            cell::<Probe>("bad").factory(|_| -> std::future::Ready<_> { panic!("at once") });
        assert_eq!(
            fail_first(eager).await.to_string(),
            "root/below/bad could not start: panicked: at once"
        );

        let (_, slow) = cell::<Probe>("bad")
            .start_timeout(Duration::from_secs(2))
            .factory(|_| std::future::pending());
        assert_eq!(fail_first(slow).await.to_string(), "root/below/bad could not start in time");
    });
}

mod stubborn {
    use ordershop_supervisors::{Context, Failure, Process};

    pub(crate) struct Panics;
    impl Process for Panics {
        fn started(&mut self, _: &mut Context<'_, Self>) -> Result<(), Failure> {
            panic!("in started");
        }
    }
}

#[test]
fn a_panic_in_started_is_a_failed_start() {
    paused(async {
        let (_, spec) = cell("bad").factory(|_| async { Ok(stubborn::Panics) });
        assert_eq!(
            fail_first(spec).await.to_string(),
            "root/below/bad could not start: panicked: in started"
        );
    });
}

#[test]
fn a_stop_waits_for_what_stopping_began_and_for_pauses() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        handle.ask(Do::Linger(ms(300))).await.unwrap();
        let stop = async {
            until(|| handle.depth() == 0).await;
            tree.stop().await;
        };
        let (paused, ()) = futures_util::future::join(handle.ask(Do::Pause(ms(200))), stop).await;
        assert_eq!(paused.unwrap(), 1, "the message in flight was not finished");
        assert_eq!(record.take(), ["a up 1", "a stopping", "a finished", "a dropped"]);
    });
}

#[test]
fn a_stop_does_not_wait_for_what_went_on_before() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        handle.ask(Do::Tick(ms(10))).await.unwrap();
        handle.ask(Do::PauseThenTick(ms(10))).await.unwrap();
        handle.ask(Do::Linger(ms(300))).await.unwrap();
        let before = tokio::time::Instant::now();
        tree.stop().await;
        assert_eq!(before.elapsed(), ms(300));
        assert_eq!(record.take(), ["a up 1", "a stopping", "a finished", "a dropped"]);
    });
}

#[test]
fn a_child_that_takes_longer_than_its_shutdown_time_is_dropped_and_killed() {
    paused(async {
        let record = Record::default();
        let (handle, spec) =
            probe_of("a", &record, |cell| cell.shutdown(Shutdown::Timeout(Duration::from_secs(2))));
        let tree = tree_of(spec).await;
        handle.ask(Do::Linger(Duration::from_mins(1))).await.unwrap();
        let before = tokio::time::Instant::now();
        let stop = async {
            until(|| handle.depth() == 0).await;
            tree.stop().await;
        };
        let (kept, ()) = futures_util::future::join(handle.ask(Do::Keep), stop).await;
        match kept {
            Err(ordershop_supervisors::AskError::Lost(ordershop_supervisors::Lost::Exited(
                ExitReason::Killed,
            ))) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(before.elapsed().as_secs(), 2);
        assert_eq!(record.take(), ["a up 1", "a stopping", "a dropped"]);
    });
}

#[test]
fn a_child_to_be_killed_is_dropped_without_a_word() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe_of("a", &record, |cell| cell.shutdown(Shutdown::Kill));
        let tree = tree_of(spec).await;
        handle.ask(Do::Linger(ms(300))).await.unwrap();
        tree.stop().await;
        assert_eq!(record.take(), ["a up 1", "a dropped"]);
    });
}

#[test]
fn a_tree_can_be_stopped_while_a_child_is_starting_and_while_one_waits_for_its_restart() {
    paused(async {
        let record = Record::default();
        let (_, a) = probe("a", &record);
        let (stuck, b) = cell::<Probe>("b").factory(|_| std::future::pending());
        let root = supervisor("root", Strategy::OneForOne).child(a).child(b);
        let cut = tokio::time::timeout(Duration::from_secs(1), Tree::start(root)).await;
        assert!(cut.is_err());
        until(|| stuck.tell(Do::Answer).is_err()).await;
        assert_eq!(record.take(), ["a up 1", "a stopping", "a dropped"]);

        let (handle, a) = probe("a", &record);
        let hour = Duration::from_hours(1);
        let root = supervisor("root", Strategy::OneForOne).backoff(Backoff {
            initial: hour,
            max: hour,
            jitter: 0.0,
        });
        let tree = Tree::start(root.child(a)).await.unwrap();
        assert!(is_lost(&handle.ask(Do::Panic).await));
        let before = tokio::time::Instant::now();
        tree.stop().await;
        assert!(before.elapsed() < Duration::from_secs(1));
        assert_eq!(record.take(), ["a up 1", "a dropped"]);
    });
}

#[test]
fn rest_for_one_restarts_the_later_ones_in_order_but_not_the_temporary() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe("b", &record);
        let (c, c_spec) = probe("c", &record);
        let (temporary, temporary_spec) =
            probe_of("t", &record, |cell| cell.restart(Restart::Temporary));
        let (d, d_spec) = probe("d", &record);
        let root = supervisor("root", Strategy::RestForOne)
            .child(a_spec)
            .child(b_spec)
            .child(c_spec)
            .child(temporary_spec)
            .child(d_spec);
        let tree = Tree::start(root).await.unwrap();
        record.take();
        let (in_flight, crash) =
            futures_util::future::join(c.ask(Do::Keep), b.ask(Do::Panic)).await;
        assert!(is_lost(&in_flight) && is_lost(&crash));
        assert_eq!(d.ask(Do::Answer).await.unwrap(), 2);
        let expected = [
            "b dropped",
            "d stopping",
            "d dropped",
            "t stopping",
            "t dropped",
            "c stopping",
            "c dropped",
            "b up 2",
            "c up 2",
            "d up 2",
        ];
        assert_eq!(record.take(), expected);
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 1);
        assert!(temporary.ask(Do::Answer).await.is_err());
        tree.stop().await;
    });
}

#[test]
fn one_for_one_leaves_the_others_alone_even_while_one_waits() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe("b", &record);
        let minute = Duration::from_mins(1);
        let root = supervisor("root", Strategy::OneForOne)
            .backoff(Backoff { initial: minute, max: minute, jitter: 0.0 })
            .child(a_spec)
            .child(b_spec);
        let tree = Tree::start(root).await.unwrap();
        let start = tokio::time::Instant::now();
        assert!(is_lost(&a.ask(Do::Panic).await));
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(b.ask(Do::Answer).await.unwrap(), 1);
        assert!(is_lost(&b.ask(Do::Panic).await));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        assert_eq!(start.elapsed().as_secs(), 60);
        assert_eq!(b.ask(Do::Answer).await.unwrap(), 2);
        assert_eq!(start.elapsed().as_secs(), 90);
        tree.stop().await;
    });
}

#[test]
fn a_child_with_patience_does_not_keep_the_sibling_down_for_which_it_waits() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe_of("b", &record, |builder| {
            builder.shutdown(Shutdown::Timeout(ms(10_000))).patience(ms(100))
        });
        let root = supervisor("root", Strategy::RestForOne).child(a_spec).child(b_spec);
        let tree = Tree::start(root).await.unwrap();
        b.ask(Do::Linger(ms(60_000))).await.unwrap();
        let begun = tokio::time::Instant::now();
        a.tell(Do::Panic).unwrap();
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        assert!((ms(100)..ms(200)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(b.ask(Do::Answer).await.unwrap(), 2);

        // For a stop that is no restart it has its whole time.
        b.ask(Do::Linger(ms(5_000))).await.unwrap();
        let begun = tokio::time::Instant::now();
        tree.stop().await;
        assert!((ms(5_000)..ms(5_100)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert!(record.contains("b finished"));
    });
}
