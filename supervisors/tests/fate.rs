//! The fate of a message: one test for each cell of the table in the crate's documentation.
//!
//! Each row is a module, named after where the message is when the incarnation ends; each column is a
//! test in it, named after how that ends.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use ordershop_supervisors::{AskError, ExitReason, Handle, Lost, Shutdown, Strategy, Tree};
use support::{Do, Probe, Record, ms, paused, probe, probe_of, supervisor, until};

/// How the incarnation ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Panic,
    Error,
    StopFromInside,
    SiblingOneForAll,
    SiblingRestForOne,
    KilledAfterShutdownTime,
    StoppedForGood,
}

/// Where the message is then.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Queued,
    InFlight,
    WaitingForRoom,
}

/// What became of an ask.
#[derive(Debug, PartialEq)]
enum Fate {
    AnsweredBy(u64),
    NotDelivered,
    Lost(&'static str),
}

/// The shutdown time of the one that is to be killed.
const SHORT: Duration = Duration::from_millis(50);

struct Scene {
    tree: Tree,
    sibling: Handle<Probe>,
    subject: Handle<Probe>,
    record: Record,
    end: End,
}

impl Scene {
    async fn set(end: End, place: Place) -> Self {
        let record = Record::default();
        let strategy = match end {
            End::SiblingRestForOne => Strategy::RestForOne,
            _ => Strategy::OneForAll,
        };
        let capacity = if place == Place::WaitingForRoom { 1 } else { 8 };
        let (sibling, first) = probe("sibling", &record);
        let (subject, second) = probe_of("subject", &record, |cell| {
            let cell = cell.capacity(capacity);
            match end {
                End::KilledAfterShutdownTime => cell.shutdown(Shutdown::Timeout(SHORT)),
                _ => cell,
            }
        });
        let root = supervisor("root", strategy).child(first).child(second);
        let tree = Tree::start(root).await.unwrap();
        Self { tree, sibling, subject, record, end }
    }

    /// Keeps the mailbox from being read; where it is to be killed, for longer than it may.
    async fn hold(&self) {
        let time = if self.end == End::KilledAfterShutdownTime { 20 * SHORT } else { ms(10) };
        self.subject.tell(Do::Pause(time)).unwrap();
        until(|| self.subject.depth() == 0).await;
    }

    /// The message by which it ends, or one that takes its place.
    fn tell_end(&self) {
        let end = match self.end {
            End::Panic => Do::Panic,
            End::Error => Do::Fail,
            End::StopFromInside => Do::Stop,
            _ => Do::Note(0),
        };
        self.subject.tell(end).unwrap();
    }

    /// What else it takes for the end to come.
    async fn strike(&self) {
        match self.end {
            End::Panic | End::Error | End::StopFromInside => {}
            End::StoppedForGood => self.tree.stop().await,
            End::SiblingOneForAll | End::SiblingRestForOne | End::KilledAfterShutdownTime => {
                self.sibling.tell(Do::Panic).unwrap();
            }
        }
    }

    /// Waits until the next incarnation is up, and has nothing left to do.
    async fn settle(&self) {
        if self.end == End::StoppedForGood {
            return self.tree.stop().await;
        }
        until(|| self.record.contains("subject up 2")).await;
        assert_eq!(self.subject.ask(Do::Answer).await.unwrap(), 2);
        self.tree.stop().await;
    }
}

/// A message that notes who handles it.
fn noted(record: &Record) -> Do {
    let record = record.clone();
    Do::with(move |probe, _| {
        record.add(format!("handled by {}", probe.incarnation));
        Ok(())
    })
}

async fn ask(place: Place, end: End) -> Fate {
    let scene = Scene::set(end, place).await;
    let (subject, record) = (&scene.subject, &scene.record);
    let strikes = async |arrived: usize| {
        until(|| subject.depth() == arrived).await;
        scene.strike().await;
    };
    let outcome = match place {
        Place::InFlight => {
            let ends = async {
                until(|| record.contains("kept")).await;
                if end == End::KilledAfterShutdownTime {
                    scene.hold().await;
                } else if !matches!(end, End::StoppedForGood) {
                    scene.tell_end();
                }
                scene.strike().await;
            };
            let kept = record.clone();
            let keep = Do::With(Box::new(move |probe, reply, _| {
                probe.kept.push(reply);
                kept.add("kept");
                Ok(())
            }));
            futures_util::future::join(subject.ask(keep), ends).await.0
        }
        Place::Queued | Place::WaitingForRoom => {
            scene.hold().await;
            scene.tell_end();
            let arrived = if place == Place::Queued { 2 } else { 1 };
            futures_util::future::join(subject.ask(noted(record)), strikes(arrived)).await.0
        }
    };
    scene.settle().await;
    let handled = record.take().iter().filter(|line| line.starts_with("handled")).count();
    match outcome {
        Ok(incarnation) => {
            assert_eq!(handled, 1, "handled more than once, or by nobody");
            Fate::AnsweredBy(incarnation)
        }
        Err(AskError::NotDelivered(_)) => {
            assert_eq!(handled, 0, "handled after all");
            Fate::NotDelivered
        }
        Err(AskError::Lost(Lost::Exited(reason))) => Fate::Lost(match reason {
            ExitReason::Panicked(_) => "panicked",
            ExitReason::Failed(_) => "failed",
            ExitReason::Normal => "normal",
            ExitReason::Shutdown => "shutdown",
            ExitReason::Killed => "killed",
            other => panic!("{other}"),
        }),
        Err(other) => panic!("{other:?}"),
    }
}

/// Who handled a tell: each incarnation that did, once.
async fn tell(place: Place, end: End) -> Vec<String> {
    let scene = Scene::set(end, place).await;
    let (subject, record) = (&scene.subject, &scene.record);
    if place == Place::InFlight {
        let inner = record.clone();
        subject
            .tell(Do::with(move |probe, ctx| {
                inner.add(format!("handled by {}", probe.incarnation));
                ctx.spawn(tokio::time::sleep(Duration::from_mins(1)), move |_, (), _| {
                    inner.add("handled to its end");
                    Ok(())
                });
                Ok(())
            }))
            .unwrap();
        until(|| record.contains("handled by 1")).await;
        if end == End::KilledAfterShutdownTime {
            scene.hold().await;
        }
        scene.tell_end();
    } else {
        scene.hold().await;
        scene.tell_end();
        subject.tell(noted(record)).unwrap();
    }
    scene.strike().await;
    scene.settle().await;
    // Whatever was to come late would have come by now.
    tokio::time::sleep(Duration::from_mins(5)).await;
    record.take().into_iter().filter(|line| line.starts_with("handled")).collect()
}

/// One row of the table: a module with one test for each column.
macro_rules! row {
    ($row:ident: $fate:ident($place:ident) { $($column:ident($end:ident) => $expected:expr,)* }) => {
        mod $row {
            use super::*;
            $(
                #[test]
                fn $column() {
                    paused(async {
                        assert_eq!($fate(Place::$place, End::$end).await, $expected);
                    });
                }
            )*
        }
    };
}

row!(ask_queued: ask(Queued) {
    panic(Panic) => Fate::AnsweredBy(2),
    error(Error) => Fate::AnsweredBy(2),
    stop_from_inside(StopFromInside) => Fate::AnsweredBy(2),
    restart_of_a_sibling_one_for_all(SiblingOneForAll) => Fate::AnsweredBy(2),
    restart_of_a_sibling_rest_for_one(SiblingRestForOne) => Fate::AnsweredBy(2),
    killed_after_shutdown_time(KilledAfterShutdownTime) => Fate::AnsweredBy(2),
    stopped_for_good(StoppedForGood) => Fate::NotDelivered,
});

row!(ask_waiting_for_room: ask(WaitingForRoom) {
    panic(Panic) => Fate::AnsweredBy(2),
    error(Error) => Fate::AnsweredBy(2),
    stop_from_inside(StopFromInside) => Fate::AnsweredBy(2),
    restart_of_a_sibling_one_for_all(SiblingOneForAll) => Fate::AnsweredBy(2),
    restart_of_a_sibling_rest_for_one(SiblingRestForOne) => Fate::AnsweredBy(2),
    killed_after_shutdown_time(KilledAfterShutdownTime) => Fate::AnsweredBy(2),
    stopped_for_good(StoppedForGood) => Fate::NotDelivered,
});

row!(ask_in_flight: ask(InFlight) {
    panic(Panic) => Fate::Lost("panicked"),
    error(Error) => Fate::Lost("failed"),
    stop_from_inside(StopFromInside) => Fate::Lost("normal"),
    restart_of_a_sibling_one_for_all(SiblingOneForAll) => Fate::Lost("shutdown"),
    restart_of_a_sibling_rest_for_one(SiblingRestForOne) => Fate::Lost("shutdown"),
    killed_after_shutdown_time(KilledAfterShutdownTime) => Fate::Lost("killed"),
    stopped_for_good(StoppedForGood) => Fate::Lost("shutdown"),
});

row!(tell_queued: tell(Queued) {
    panic(Panic) => ["handled by 2"],
    error(Error) => ["handled by 2"],
    stop_from_inside(StopFromInside) => ["handled by 2"],
    restart_of_a_sibling_one_for_all(SiblingOneForAll) => ["handled by 2"],
    restart_of_a_sibling_rest_for_one(SiblingRestForOne) => ["handled by 2"],
    killed_after_shutdown_time(KilledAfterShutdownTime) => ["handled by 2"],
    stopped_for_good(StoppedForGood) => Vec::<String>::new(),
});

row!(tell_in_flight: tell(InFlight) {
    panic(Panic) => ["handled by 1"],
    error(Error) => ["handled by 1"],
    stop_from_inside(StopFromInside) => ["handled by 1"],
    restart_of_a_sibling_one_for_all(SiblingOneForAll) => ["handled by 1"],
    restart_of_a_sibling_rest_for_one(SiblingRestForOne) => ["handled by 1"],
    killed_after_shutdown_time(KilledAfterShutdownTime) => ["handled by 1"],
    stopped_for_good(StoppedForGood) => ["handled by 1"],
});
