//! The bound of a mailbox, the flood, and the fate of what waits.

mod support;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use ordershop_supervisors::{AskError, SendError, Strategy, Tree};
use support::{
    Do, Record, is_lost, is_not_delivered, ms, paused, probe, probe_of, supervisor, tree_of, until,
};

#[test]
fn a_full_mailbox_refuses_tells_and_lets_asks_wait() {
    paused(async {
        let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.capacity(2));
        let tree = tree_of(spec).await;
        handle.tell(Do::Pause(ms(100))).unwrap();
        until(|| handle.depth() == 0).await;
        handle.tell(Do::Answer).unwrap();
        handle.tell(Do::Answer).unwrap();
        assert_eq!(handle.depth(), 2);
        assert!(matches!(handle.tell(Do::Answer), Err(SendError::Full(Do::Answer))));
        assert!(matches!(handle.try_ask(Do::Answer).await, Err(AskError::Full(Do::Answer))));
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 1);
        assert_eq!(handle.depth(), 0);
        tree.stop().await;
    });
}

#[test]
fn a_message_taken_out_gives_its_place_back_before_it_is_handled() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe_of("a", &record, |cell| cell.capacity(1));
        let tree = tree_of(spec).await;
        handle.ask(Do::TellSelf(7)).await.unwrap();
        handle.ask(Do::Answer).await.unwrap();
        assert!(record.take().contains(&"a notes 7".into()));
        tree.stop().await;
    });
}

#[test]
fn messages_sent_before_the_tree_starts_queue_up() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        handle.tell(Do::Answer).unwrap();
        assert!(!handle.is_running());
        let (answer, tree) =
            futures_util::future::join(handle.ask(Do::Answer), tree_of(spec)).await;
        assert_eq!(answer.unwrap(), 1);
        assert!(handle.is_running());
        tree.stop().await;
        assert!(!handle.is_running());
    });
}

#[test]
fn a_spec_that_is_never_started_sends_its_messages_back() {
    paused(async {
        let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.capacity(1));
        let (queued, waiting, ()) =
            futures_util::future::join3(handle.ask(Do::Answer), handle.ask(Do::Answer), async {
                drop(spec);
            })
            .await;
        assert!(is_not_delivered(&queued) && is_not_delivered(&waiting));
        assert!(matches!(handle.tell(Do::Answer), Err(SendError::Stopped(_))));
    });
}

#[test]
fn a_tree_that_stops_answers_every_pending_ask_with_a_typed_error() {
    paused(async {
        let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.capacity(4));
        let tree = tree_of(supervisor("below", Strategy::OneForOne).child(spec).into()).await;
        let kept = handle.ask(Do::Keep);
        let held = handle.ask(Do::FailInPause(Duration::from_secs(100)));
        let others = join_all((0..20).map(|_| handle.ask(Do::Answer)));
        let stop = async {
            until(|| handle.depth() == 4).await;
            tree.stop().await;
        };
        let (kept, held, others, ()) = futures_util::future::join4(kept, held, others, stop).await;
        assert!(is_lost(&kept), "{kept:?}");
        assert!(is_lost(&held), "{held:?}");
        assert!(others.iter().all(is_not_delivered));
        assert!(matches!(handle.tell(Do::Answer), Err(SendError::Stopped(_))));
        assert!(is_not_delivered(&handle.ask(Do::Answer).await));
        assert!(is_not_delivered(&handle.try_ask(Do::Answer).await));
    });
}

#[test]
fn an_ask_during_the_down_time_waits_and_is_answered() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let root =
            supervisor("root", Strategy::OneForOne).backoff(ordershop_supervisors::Backoff {
                initial: Duration::from_secs(3),
                max: Duration::from_secs(3),
                jitter: 0.0,
            });
        let tree = Tree::start(root.child(spec)).await.unwrap();
        assert!(is_lost(&handle.ask(Do::Panic).await));
        let before = tokio::time::Instant::now();
        assert!(!handle.is_running());
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 2);
        assert_eq!(before.elapsed().as_secs(), 3);
        tree.stop().await;
    });
}

/// A process that floods itself: there is always a next message.
mod flood {
    use ordershop_supervisors::{Context, Failure, Message, Process, Receive, ReplyTo};

    pub(crate) struct Flooded {
        pub(crate) ticks: u64,
    }

    pub(crate) struct Again;

    impl Message for Again {
        type Reply = u64;
    }

    impl Process for Flooded {
        fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
            fn tick(ctx: &mut Context<'_, Flooded>) {
                ctx.spawn(tokio::task::yield_now(), |flooded, (), ctx| {
                    flooded.ticks += 1;
                    tick(ctx);
                    Ok(())
                });
            }
            tick(ctx);
            Ok(())
        }
    }

    impl Receive<Again> for Flooded {
        fn receive(
            &mut self,
            _: Again,
            reply: ReplyTo<u64>,
            ctx: &mut Context<'_, Self>,
        ) -> Result<(), Failure> {
            reply.send(self.ticks);
            ctx.handle().tell(Again)?;
            Ok(())
        }
    }
}

#[test]
fn a_flood_starves_neither_futures_nor_a_stop_nor_other_actors() {
    paused(async {
        let (handle, spec) = ordershop_supervisors::cell("flooded")
            .factory(|_| async { Ok(flood::Flooded { ticks: 0 }) });
        let tree = tree_of(spec).await;
        handle.tell(flood::Again).unwrap();
        // Each ask is a turn of this task, and each finds the futures further on.
        let mut last = 0;
        for _ in 0..10 {
            let ticks = handle.ask(flood::Again).await.unwrap();
            assert!(ticks > last || last == 0, "the futures starve: {ticks} after {last}");
            last = ticks;
        }
        tree.stop().await;
    });
}

#[test]
fn a_child_that_ended_for_good_sends_back_what_is_queued_and_who_waits_for_room() {
    paused(async {
        let (handle, spec) = probe_of("a", &Record::default(), |cell| {
            cell.capacity(2).restart(ordershop_supervisors::Restart::Transient)
        });
        let tree = tree_of(spec).await;
        let asks = join_all((0..10).map(|_| handle.ask(Do::Answer)));
        let (end, asks) = futures_util::future::join(handle.ask(Do::Stop), asks).await;
        assert_eq!(end.unwrap(), 1);
        assert!(asks.iter().all(is_not_delivered));
        tree.stop().await;
    });
}

#[test]
fn nobody_takes_a_place_before_those_who_wait_and_who_gives_up_hands_its_turn_on() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe_of("a", &record, |cell| cell.capacity(1));
        let tree = tree_of(spec).await;
        handle.tell(Do::Pause(ms(100))).unwrap();
        until(|| handle.depth() == 0).await;
        handle.tell(Do::Note(1)).unwrap();
        let mut first = Box::pin(handle.ask(Do::Note(2)));
        let mut second = Box::pin(handle.ask(Do::Note(3)));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        // There is no moment at which a tell could slip in before the one that waits.
        while record.take().iter().all(|line| line != "a notes 3") {
            assert!((&mut second).now_or_never().is_none() || record.contains("a notes 3"));
            assert!(handle.tell(Do::Note(4)).is_err() || record.contains("a notes 3"));
            tokio::time::sleep(ms(10)).await;
        }
        tree.stop().await;
    });
}

#[test]
fn no_wake_up_is_lost_between_threads() {
    actix_rt::System::new().block_on(async {
        let arbiter = actix_rt::Arbiter::new();
        let (handle, spec) =
            probe_of("a", &Record::default(), |cell| cell.on(&arbiter.handle()).capacity(2));
        let tree = tree_of(spec).await;
        let asks = join_all((0..20_000).map(|_| handle.ask(Do::Answer)));
        let answers = tokio::time::timeout(Duration::from_mins(1), asks).await.expect("one hangs");
        assert!(answers.iter().all(Result::is_ok));
        tree.stop().await;
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

#[test]
fn ten_times_the_load_that_can_be_served_leaves_the_mailbox_at_its_bound() {
    paused(async {
        let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.capacity(10));
        let tree = tree_of(spec).await;
        let (mut taken, mut refused, mut deepest) = (0, 0, 0);
        for _ in 0..200 {
            // One is served in the time in which ten are sent.
            for _ in 0..10 {
                match handle.tell(Do::Pause(ms(10))) {
                    Ok(()) => taken += 1,
                    Err(SendError::Full(_)) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
                deepest = deepest.max(handle.depth());
                tokio::time::sleep(ms(1)).await;
            }
        }
        assert_eq!(deepest, 10);
        assert!(taken < 250 && refused > 1700, "{taken} taken, {refused} refused");
        tree.stop().await;
    });
}
