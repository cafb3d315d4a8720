//! Whatever stands at a path can be made to fail by an operator's order, and supervision mends it.

#![allow(clippy::unwrap_used)]

mod support;

use ordershop_supervisors::{
    AskError, Context, Events, ExitReason, Failure, Heard, Lifecycle, Lost, Message, Process,
    Receive, ReplyTo, Strategy, Tree, dynamic,
};
use support::{Do, Record, paused, probe, supervisor, tree_of, until};

struct Number;
impl Process for Number {}

struct Incarnation;
impl Message for Incarnation {
    type Reply = u64;
}

impl Receive<Incarnation> for Number {
    fn receive(
        &mut self,
        _: Incarnation,
        reply: ReplyTo<u64>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        reply.send(ctx.incarnation());
        Ok(())
    }
}

/// The next exit or stop that is told, with its path.
async fn next_end(events: &mut Events) -> String {
    loop {
        if let Some(Heard::Event(event)) = events.next().await
            && matches!(event.what, Lifecycle::Exited { .. } | Lifecycle::Stopped { .. })
        {
            return event.to_string();
        }
    }
}

#[test]
fn a_killed_process_loses_what_is_in_flight_and_nothing_that_is_queued() {
    paused(async {
        let record = Record::default();
        let (a, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        let in_flight = tokio::task::spawn_local({
            let a = a.clone();
            async move { a.ask(Do::Pause(std::time::Duration::MAX / 4)).await }
        });
        until(|| tree.names().contains("root/a") && a.depth() == 0).await;
        tokio::task::yield_now().await;
        let queued = tokio::task::spawn_local({
            let a = a.clone();
            async move { a.ask(Do::Answer).await }
        });
        until(|| a.depth() == 1).await;
        tree.kill("root/a").await.unwrap();
        let lost = in_flight.await.unwrap();
        assert!(matches!(lost, Err(AskError::Lost(Lost::Exited(ExitReason::Killed)))), "{lost:?}");
        assert_eq!(queued.await.unwrap().unwrap(), 2, "the next incarnation answers");
        tree.stop().await;
    });
}

#[test]
fn a_killed_supervisor_takes_its_children_with_it_and_all_begin_anew() {
    paused(async {
        let record = Record::default();
        let [(a, a_spec), (b, b_spec), (c, c_spec)] =
            ["a", "b", "c"].map(|name| probe(name, &record));
        let low = supervisor("low", Strategy::OneForOne).child(a_spec).child(b_spec);
        let root = supervisor("root", Strategy::RestForOne).child(low).child(c_spec);
        let tree = Tree::start(root).await.unwrap();
        let mut events = tree.events();
        tree.kill("root/low").await.unwrap();
        let ends = [
            next_end(&mut events).await,
            next_end(&mut events).await,
            next_end(&mut events).await,
            next_end(&mut events).await,
        ];
        let expected = [
            "root/low/b was stopped: shut down",
            "root/low/a was stopped: shut down",
            "root/low killed",
            "root/c was stopped: shut down",
        ];
        assert_eq!(ends, expected);
        for probe in [a, b, c] {
            assert_eq!(probe.ask(Do::Answer).await.unwrap(), 2);
        }
        tree.stop().await;
    });
}

#[test]
fn one_child_by_key_is_killed_by_its_label_and_all_by_their_supervisor() {
    paused(async {
        let (numbers, spec) = dynamic::<u8, Number>("numbers")
            .label(|key| format!("number {key}"))
            .factory(|_, _| async { Ok(Number) });
        let tree = tree_of(spec).await;
        let mut events = tree.events();
        for key in [1, 2] {
            assert_eq!(numbers.ask(&key, Incarnation).await.unwrap(), 1);
        }
        tree.kill("root/numbers/number 1").await.unwrap();
        assert_eq!(next_end(&mut events).await, "root/numbers/number 1 killed");
        assert_eq!(numbers.ask(&1, Incarnation).await.unwrap(), 2);
        assert_eq!(numbers.ask(&2, Incarnation).await.unwrap(), 1, "no concern of another one");

        tree.kill("root/numbers").await.unwrap();
        let mut ends = vec![next_end(&mut events).await, next_end(&mut events).await];
        ends.sort();
        assert_eq!(ends, ["root/numbers/number 1 killed", "root/numbers/number 2 killed"]);
        assert_eq!(next_end(&mut events).await, "root/numbers killed");
        assert_eq!(numbers.ask(&2, Incarnation).await.unwrap(), 1, "a fresh child, on demand");
        tree.stop().await;
    });
}

#[test]
fn a_kill_counts_against_the_intensity_as_any_failure() {
    paused(async {
        let record = Record::default();
        let (a, spec) = probe("a", &record);
        // It bears 5 restarts.
        let tree = tree_of(spec).await;
        for incarnation in 1..=6 {
            assert_eq!(a.ask(Do::Answer).await.unwrap(), incarnation);
            tree.kill("root/a").await.unwrap();
        }
        let reason = tree.failed().await;
        assert!(reason.to_string().contains("root/a killed"), "{reason}");
    });
}

#[test]
fn what_does_not_run_cannot_be_killed_and_with_the_root_all_ends() {
    paused(async {
        let record = Record::default();
        let (a, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        for path in ["root/b", "root/a/b", "roo", "root/", ""] {
            let refused = tree.kill(path).await.unwrap_err();
            assert_eq!(refused.to_string(), format!("{path} is not running"));
        }
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 1);
        tree.kill("root").await.unwrap();
        assert!(matches!(tree.failed().await, ExitReason::Killed));
        assert!(tree.kill("root/a").await.is_err() && tree.kill("root").await.is_err());
    });
}
