//! Every failure that counts, each with the restart that follows.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream;
use ordershop_supervisors::{
    Context, Failure, Message, Node, Process, Receive, ReplyTo, Strategy, Tree, cell,
};
use support::{Do, Probe, Record, is_lost, ms, paused, probe, supervisor, tree_of, until};

type Act = Box<dyn FnOnce(&mut Probe, &mut Context<'_, Probe>) -> Result<(), Failure> + Send>;

fn act(
    act: impl FnOnce(&mut Probe, &mut Context<'_, Probe>) -> Result<(), Failure> + Send + 'static,
) -> Act {
    Box::new(act)
}

/// What the snapshot says of the only child's last failure, after it has been made anew.
async fn failure_after(what: Act) -> (String, String) {
    let (handle, spec) = probe("a", &Record::default());
    let tree = tree_of(spec).await;
    let monitor = handle.monitor();
    handle.tell(Do::with(what)).unwrap();
    monitor.await;
    assert_eq!(handle.ask(Do::Answer).await.unwrap(), 2);
    let seen: Node = tree.view().snapshot(1).await;
    tree.stop().await;
    let last = seen.children[0].last_failure.clone().expect("it failed");
    (last.reason, last.place.expect("it has a place").to_string())
}

#[test]
fn each_is_told_with_its_message_and_its_place() {
    paused(async {
        let all: [(&str, Act); 10] = [
            ("panicked: in a handler", act(|_, _| panic!("in a handler"))),
            (
                "panicked: at the first poll",
                act(|_, ctx| {
                    ctx.spawn(async { panic!("at the first poll") }, |_, (), _| Ok(()));
                    Ok(())
                }),
            ),
            (
                "panicked: at a later poll",
                act(|_, ctx| {
                    let late = async {
                        tokio::time::sleep(ms(3)).await;
                        panic!("at a later poll");
                    };
                    ctx.spawn(late, |_, (), _| Ok(()));
                    Ok(())
                }),
            ),
            (
                "panicked: in a pause",
                act(|_, ctx| {
                    ctx.pause(async { panic!("in a pause") }, |_, (), _| Ok(()));
                    Ok(())
                }),
            ),
            (
                "panicked: in a timer",
                act(|_, ctx| {
                    ctx.after(ms(3), |_, _| panic!("in a timer"));
                    Ok(())
                }),
            ),
            (
                "panicked: in an interval",
                act(|_, ctx| {
                    let mut rounds = 0;
                    ctx.every(ms(3), move |_, _| {
                        rounds += 1;
                        assert!(rounds < 3, "in an interval");
                        Ok(())
                    });
                    Ok(())
                }),
            ),
            (
                "panicked: with an item",
                act(|_, ctx| {
                    ctx.stream(stream::iter(0..9), |_, item, _| {
                        assert!(item < Some(5), "with an item");
                        Ok(())
                    });
                    Ok(())
                }),
            ),
            (
                "panicked: in a stream",
                act(|_, ctx| {
                    let broken = stream::poll_fn(|_| -> std::task::Poll<Option<()>> {
                        panic!("in a stream")
                    });
                    ctx.stream(broken, |_, _, _| Ok(()));
                    Ok(())
                }),
            ),
            ("failed: an error", act(|_, _| Err(Failure::new("an error")))),
            (
                "failed: an error in a timer",
                act(|_, ctx| {
                    ctx.after(ms(3), |_, _| Err(Failure::new("an error in a timer")));
                    Ok(())
                }),
            ),
        ];
        for (expected, what) in all {
            let (reason, place) = failure_after(what).await;
            assert_eq!(reason, expected);
            assert!(place.contains("tests/failures.rs:"), "{expected}: {place}");
        }
    });
}

#[test]
fn a_panic_in_drop_neither_stops_a_restart_nor_a_stop() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        // After an error, after a panic, after a stop from inside: never while unwinding.
        for (n, end) in [(2, Do::Fail), (3, Do::Panic), (4, Do::Stop)] {
            handle
                .ask(Do::with(|probe, _| {
                    probe.panic_on_drop = true;
                    Ok(())
                }))
                .await
                .unwrap();
            let _ = handle.ask(end).await;
            assert_eq!(handle.ask(Do::Answer).await.unwrap(), n);
        }
        handle
            .ask(Do::with(|probe, _| {
                probe.panic_on_drop = true;
                Ok(())
            }))
            .await
            .unwrap();
        tree.stop().await;
        assert_eq!(record.take().last().unwrap(), "a dropped");
    });
}

struct DropBomb;
impl Drop for DropBomb {
    fn drop(&mut self) {
        panic!("in a value's drop");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_future_cancelled_with_its_incarnation_is_survived() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let tree = tree_of(spec).await;
        let bomb = Do::with(|_, ctx| {
            let bomb = DropBomb;
            ctx.spawn(
                async move {
                    let _bomb = bomb;
                    std::future::pending::<()>().await;
                },
                |_, (), _| Ok(()),
            );
            Ok(())
        });
        handle.ask(bomb).await.unwrap();
        assert!(is_lost(&handle.ask(Do::Panic).await));
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 2);
        tree.stop().await;
    });
}

#[test]
fn a_panic_in_stopping_is_an_exit_like_any_other() {
    struct Bad(Record);
    impl Process for Bad {
        fn stopping(&mut self, _: &mut Context<'_, Self>) {
            self.0.add("stopping");
            panic!("in stopping");
        }
    }
    struct End;
    impl Message for End {
        type Reply = ();
    }
    impl Receive<End> for Bad {
        fn receive(
            &mut self,
            _: End,
            reply: ReplyTo<()>,
            ctx: &mut Context<'_, Self>,
        ) -> Result<(), Failure> {
            ctx.stop();
            reply.send(());
            Ok(())
        }
    }
    paused(async {
        let record = Record::default();
        let inner = record.clone();
        let (handle, spec) = cell("a").factory(move |_| {
            let record = inner.clone();
            async move { Ok(Bad(record)) }
        });
        let tree = tree_of(spec).await;
        handle.ask(End).await.unwrap();
        handle.ask(End).await.unwrap();
        tree.stop().await;
        assert_eq!(record.take().len(), 3);
    });
}

#[test]
fn at_a_restart_the_factory_and_started_may_fail_and_panic_and_are_tried_again() {
    struct Starts(u64);
    impl Process for Starts {
        fn started(&mut self, _: &mut Context<'_, Self>) -> Result<(), Failure> {
            match self.0 {
                4 => Err(Failure::new("not yet")),
                5 => panic!("not yet"),
                _ => Ok(()),
            }
        }
    }
    struct Ask(bool);
    impl Message for Ask {
        type Reply = u64;
    }
    impl Receive<Ask> for Starts {
        fn receive(
            &mut self,
            Ask(fails): Ask,
            reply: ReplyTo<u64>,
            _: &mut Context<'_, Self>,
        ) -> Result<(), Failure> {
            assert!(!fails, "told to");
            reply.send(self.0);
            Ok(())
        }
    }
    paused(async {
        let (handle, spec) = cell::<Starts>("a").factory(|birth| {
            assert!(birth.incarnation != 6, "before the future");
            async move {
                match birth.incarnation {
                    2 => Err(Failure::new("not yet")),
                    3 => panic!("in the future"),
                    n => Ok(Starts(n)),
                }
            }
        });
        let tree = tree_of(spec).await;
        assert!(handle.ask(Ask(true)).await.is_err());
        // The restart after the panic, and one for each of the five starts that fail.
        assert_eq!(handle.ask(Ask(false)).await.ok(), None, "one more than is bearable");
        let reason = tree.failed().await.to_string();
        assert!(reason.contains("root/a could not start"), "{reason}");

        let (handle, spec) = cell::<Starts>("a").factory(|birth| async move {
            match birth.incarnation {
                2 => Err(Failure::new("not yet")),
                3 => panic!("in the future"),
                n => Ok(Starts(n)),
            }
        });
        let tree = tree_of(spec).await;
        assert!(handle.ask(Ask(true)).await.is_err());
        assert_eq!(handle.ask(Ask(false)).await.unwrap(), 6);
        tree.stop().await;
    });
}

#[test]
fn a_stream_waits_for_its_process_and_ends_with_its_incarnation() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        let asked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&asked);
        let feed = Do::with(move |_, ctx| {
            let items = stream::unfold(0_u64, move |n| {
                let flag = Arc::clone(&flag);
                async move {
                    assert!(
                        !flag.swap(true, Ordering::SeqCst),
                        "asked before the last was handled"
                    );
                    tokio::time::sleep(ms(1)).await;
                    (n < 3).then_some((n, n + 1))
                }
            });
            let flag = Arc::clone(&asked);
            ctx.stream(items, move |probe, item, _| {
                flag.store(false, Ordering::SeqCst);
                probe.record.add(format!("item {item:?}"));
                Ok(())
            });
            Ok(())
        });
        record.take();
        handle.ask(feed).await.unwrap();
        until(|| record.contains("item None")).await;
        assert_eq!(record.take(), ["item Some(0)", "item Some(1)", "item Some(2)", "item None"]);

        let endless = Do::with(|_, ctx| {
            let ticks = stream::unfold((), |()| async {
                tokio::time::sleep(ms(1)).await;
                Some(((), ()))
            });
            ctx.stream(ticks, |probe, _, _| {
                probe.record.add("tick");
                Ok(())
            });
            Ok(())
        });
        handle.ask(endless).await.unwrap();
        until(|| record.contains("tick")).await;
        assert!(is_lost(&handle.ask(Do::Panic).await));
        record.take();
        tokio::time::sleep(ms(50)).await;
        assert!(!record.contains("tick"));
        tree.stop().await;
    });
}

#[test]
fn one_that_cannot_start_in_the_start_phase_of_a_group_fails_the_group() {
    paused(async {
        let record = Record::default();
        let (_, good) = probe("good", &record);
        let (_, bad) = cell::<Probe>("bad").factory(|_| async { Err(Failure::new("no")) });
        let low = supervisor("low", Strategy::OneForAll).child(good).child(bad);
        let error = Tree::start(supervisor("root", Strategy::OneForOne).child(low)).await;
        assert_eq!(error.unwrap_err().to_string(), "root/low/bad could not start: no");
        assert_eq!(record.take(), ["good up 1", "good stopping", "good dropped"]);
    });
}
