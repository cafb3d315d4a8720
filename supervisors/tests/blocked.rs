//! Handlers that block their thread: told by name, their callers answered, their thread given up.

#![allow(clippy::unwrap_used)]

mod support;

use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use actix_rt::{Arbiter, System};
use futures_util::future::{join, join3};
use futures_util::poll;
use ordershop_supervisors::{
    AskError, ExitReason, Heard, Lifecycle, Lost, Strategy, TooManyBlocked, Tree, Watchdog, dynamic,
};
use support::{Do, Probe, Record, is_not_delivered, probe_of, supervisor, until};

/// Soon, but not for a hiccup of a busy machine.
const SOON: Watchdog = Watchdog {
    report_after: Duration::from_millis(200),
    abandon_after: Duration::from_millis(600),
    max_abandoned: 1,
};

fn is_blocked<T>(result: &Result<T, AskError<Do>>) -> bool {
    matches!(result, Err(AskError::Lost(Lost::Exited(ExitReason::Blocked))))
}

#[test]
fn a_blocked_handler_is_told_by_name_and_all_of_its_thread_begins_anew_elsewhere() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let record = Record::default();
        let (a, a_spec) = probe_of("a", &record, |cell| cell.on(&arbiter.handle()));
        let (mate, mate_spec) = probe_of("mate", &record, |cell| cell.on(&arbiter.handle()));
        let root = supervisor("root", Strategy::OneForOne).child(a_spec).child(mate_spec);
        let prepared = Tree::prepare(root).watchdog(SOON);
        let mut events = prepared.events();
        let tree = prepared.start().await.unwrap();
        record.take();

        let barrier = Arc::new(Barrier::new(2));
        let blocked = a.ask(Do::Block(Arc::clone(&barrier)));
        let behind = async {
            until(|| a.depth() == 0).await;
            a.tell(Do::Note(7)).unwrap();
            join(a.ask(Do::Answer), mate.ask(Do::Answer)).await
        };
        let (blocked, (queued, mates)) = join(blocked, behind).await;
        assert!(is_blocked(&blocked), "{blocked:?}");
        assert_eq!(queued.unwrap(), 2, "what was queued came to the next incarnation");
        assert_eq!(mates.unwrap(), 2, "what shares the thread was moved, too");
        assert!(record.contains("a notes 7"));
        assert!(!record.contains("a dropped"), "its process still hangs on the blocked thread");

        let mut told = Vec::new();
        while !told.iter().any(|line: &String| line.contains("mate started as incarnation 2")) {
            match events.next().await {
                Some(Heard::Event(event)) => told.push(event.to_string()),
                other => panic!("{other:?}"),
            }
        }
        assert!(told.iter().any(|line| line.starts_with("root/a has blocked ")), "{told:#?}");
        assert!(told.iter().any(|line| line.starts_with("root/a blocks ")), "{told:#?}");
        assert!(told.iter().any(|line| line == "root/a blocked its thread"), "{told:#?}");
        assert!(told.iter().any(|line| line == "root/mate killed"), "{told:#?}");

        // When it goes on after all, the old process is dropped without a word to anybody.
        barrier.wait();
        until(|| record.contains("a dropped") && record.contains("mate dropped")).await;
        arbiter.join().unwrap();
        assert!(!record.contains("a stopping"));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        tree.stop().await;
    });
}

#[test]
fn an_asker_that_looks_late_waits_for_the_incarnation_that_took_its_message_meanwhile() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let (a, spec) = probe_of("a", &Record::default(), |cell| cell.on(&arbiter.handle()));
        let root = supervisor("root", Strategy::OneForOne).child(spec);
        let tree = Tree::prepare(root).watchdog(SOON).start().await.unwrap();

        let barrier = Arc::new(Barrier::new(2));
        let mut blocked = pin!(a.ask(Do::Block(Arc::clone(&barrier))));
        assert!(poll!(&mut blocked).is_pending());
        until(|| a.depth() == 0).await;
        let mut queued = pin!(a.ask(Do::Keep));
        assert!(poll!(&mut queued).is_pending());
        assert!(is_blocked(&blocked.await));
        until(|| a.depth() == 0).await;

        assert!(poll!(&mut queued).is_pending(), "it is with the second incarnation");
        let answer = Do::with(|probe, _| {
            probe.kept.remove(0).send(probe.incarnation);
            Ok(())
        });
        assert_eq!(a.ask(answer).await.unwrap(), 2);
        assert_eq!(queued.await.unwrap(), 2);
        barrier.wait();
        arbiter.join().unwrap();
        tree.stop().await;
    });
}

#[test]
fn one_abandoned_thread_more_than_is_bearable_fails_the_tree() {
    System::new().block_on(async {
        let arbiters = [Arbiter::new(), Arbiter::new()];
        let record = Record::default();
        let mut root = supervisor("root", Strategy::OneForOne);
        let mut handles = Vec::new();
        for (name, arbiter) in ["a", "b"].iter().zip(&arbiters) {
            let (handle, spec) = probe_of(name, &record, |cell| cell.on(&arbiter.handle()));
            root = root.child(spec);
            handles.push(handle);
        }
        let tree = Tree::prepare(root).watchdog(SOON).start().await.unwrap();
        let barrier = Arc::new(Barrier::new(3));
        let block = |n: usize| handles[n].ask(Do::Block(Arc::clone(&barrier)));
        let (first, second, failed) = join3(block(0), block(1), tree.failed()).await;
        assert!(is_blocked(&first) && is_blocked(&second));
        let failure = failed.failure().and_then(|failure| failure.downcast_ref::<TooManyBlocked>());
        assert_eq!(failure.unwrap().abandoned, 2, "{failed}");
        for handle in &handles {
            assert!(is_not_delivered(&handle.ask(Do::Answer).await));
        }
        barrier.wait();
        for arbiter in arbiters {
            arbiter.join().unwrap();
        }
        tree.stop().await;
    });
}

#[test]
fn a_tree_whose_supervisors_are_blocked_fails_for_whoever_waits_on_another_thread() {
    let barrier = Arc::new(Barrier::new(2));
    let (sender, receiver) = std::sync::mpsc::channel();
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let home = std::thread::spawn(move || {
        System::new().block_on(async move {
            let (handle, spec) = probe_of("a", &Record::default(), |cell| cell);
            let root = supervisor("root", Strategy::OneForOne).child(spec);
            let tree = Arc::new(Tree::prepare(root).watchdog(SOON).start().await.unwrap());
            sender.send((handle, Arc::clone(&tree))).unwrap();
            released.await.unwrap();
            tree.stop().await;
        });
    });
    let (handle, tree) = receiver.recv().unwrap();
    let elsewhere = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    elsewhere.block_on(async {
        let blocked = handle.ask(Do::Block(Arc::clone(&barrier)));
        let behind = async {
            until(|| handle.depth() == 0).await;
            handle.ask(Do::Answer).await
        };
        let (blocked, queued, failed) = join3(blocked, behind, tree.failed()).await;
        assert!(is_blocked(&blocked), "{blocked:?}");
        assert!(is_not_delivered(&queued), "{queued:?}");
        assert!(failed.to_string().contains("root/a blocks"), "{failed}");
    });
    barrier.wait();
    release.send(()).unwrap();
    home.join().unwrap();
}

#[test]
fn a_child_by_key_that_blocks_cools_down_and_the_others_go_on_elsewhere() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let record = Record::default();
        let made = record.clone();
        let (crowd, spec) = dynamic("crowd")
            .on(&arbiter.handle())
            .label(|key: &u32| key.to_string())
            .factory(move |key, birth| {
                let record = made.clone();
                async move { Ok(Probe::new(&key.to_string(), record, birth.incarnation)) }
            });
        let root = supervisor("root", Strategy::OneForOne).child(spec);
        let prepared = Tree::prepare(root).watchdog(SOON);
        let mut events = prepared.events();
        let tree = prepared.start().await.unwrap();
        crowd.ask(&2, Do::Answer).await.unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let waits = async {
            let blocks = |event: &Lifecycle| matches!(event, Lifecycle::Blocked { .. });
            loop {
                match events.next().await {
                    Some(Heard::Event(event)) if blocks(&event.what) => break event.path,
                    Some(_) => {}
                    None => panic!("the tree is gone"),
                }
            }
        };
        let behind = async {
            let path = waits.await;
            assert_eq!(&*path, "root/crowd/1");
            join(crowd.ask(&1, Do::Answer), crowd.ask(&2, Do::Answer)).await
        };
        let (blocked, (queued, other)) =
            join(crowd.ask(&1, Do::Block(Arc::clone(&barrier))), behind).await;
        assert!(is_blocked(&blocked), "{blocked:?}");
        assert!(matches!(queued, Err(AskError::Unavailable(_))), "{queued:?}");
        assert_eq!(other.unwrap(), 1);
        barrier.wait();
        arbiter.join().unwrap();
        tree.stop().await;
    });
}

#[test]
fn a_stop_that_gives_a_blocked_child_up_answers_the_ask_in_flight() {
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let (handle, spec) = probe_of("a", &Record::default(), |cell| {
            cell.on(&arbiter.handle()).shutdown(ordershop_supervisors::Shutdown::Kill)
        });
        let root = supervisor("root", Strategy::OneForOne).child(spec);
        let tree = Tree::start(root).await.unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let stop = async {
            until(|| handle.depth() == 0).await;
            tree.stop().await;
        };
        let (blocked, ()) = join(handle.ask(Do::Block(Arc::clone(&barrier))), stop).await;
        assert!(is_blocked(&blocked), "{blocked:?}");
        barrier.wait();
        arbiter.stop();
        arbiter.join().unwrap();
    });
}
