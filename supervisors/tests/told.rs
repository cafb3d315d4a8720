//! Who is told what: events, names, monitors and links.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use futures_util::FutureExt;
use ordershop_supervisors::{
    Backoff, Context, Down, EVENTS_KEPT, Events, ExitReason, Handle, Heard, Intensity, LinkBroken,
    Process, Restart, Strategy, Tree, dynamic,
};
use support::{
    Do, Probe, Record, is_lost, ms, paused, probe, probe_of, supervisor, tree_of, until,
};

/// All that can be heard at this moment.
fn heard(events: &mut Events) -> Vec<String> {
    let mut lines = Vec::new();
    // Without a share of the budget that tokio gives a task for one turn.
    while let Some(Some(heard)) = tokio::task::unconstrained(events.next()).now_or_never() {
        match heard {
            Heard::Event(event) => lines.push(event.to_string()),
            Heard::Missed(missed) => lines.push(format!("missed {missed}")),
        }
    }
    lines
}

#[test]
fn events_tell_of_starts_exits_backoff_restarts_escalation_and_stops_in_order() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (_, b_spec) = probe("b", &record);
        let second = Duration::from_secs(1);
        let low = supervisor("low", Strategy::OneForAll)
            .intensity(Intensity { restarts: 1, period: Duration::from_secs(10) })
            .backoff(Backoff { initial: second, max: second, jitter: 0.0 })
            .child(a_spec)
            .child(b_spec);
        let prepared = Tree::prepare(supervisor("root", Strategy::OneForOne).child(low));
        let mut events = prepared.events();
        let tree = prepared.start().await.unwrap();
        let started = [
            "root/low/a started as incarnation 1",
            "root/low/b started as incarnation 1",
            "root/low started as incarnation 1",
            "root started as incarnation 1",
        ];
        assert_eq!(heard(&mut events), started);

        assert!(is_lost(&a.ask(Do::Panic).await));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        until(|| record.contains("b up 2")).await;
        tokio::time::sleep(ms(1)).await;
        let restarted = [
            "root/low/a panicked: told to",
            "root/low/a begins anew in 1s",
            "root/low/b was stopped: shut down",
            "root/low/a started as incarnation 2",
            "root/low/b started as incarnation 2",
        ];
        assert_eq!(heard(&mut events), restarted);

        assert!(is_lost(&a.ask(Do::Panic).await));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 3);
        tokio::time::sleep(ms(1)).await;
        let lines = heard(&mut events);
        assert_eq!(lines[0], "root/low/a panicked: told to");
        assert!(
            lines[1].starts_with("root/low gives up: root/low/a failed too often"),
            "{lines:?}"
        );
        assert_eq!(lines[2], "root/low/b was stopped: shut down");
        assert!(lines[3].starts_with("root/low failed: root/low gave up"), "{lines:?}");
        assert_eq!(lines[4], "root/low begins anew in 0ns");

        tree.stop().await;
        let stopped = ["root/low/b was stopped: shut down", "root/low/a was stopped: shut down"];
        assert_eq!(heard(&mut events)[..2], stopped);
        assert!(events.next().await.is_none(), "the tree is gone");
    });
}

#[test]
fn a_listener_that_lags_is_told_how_much_it_missed() {
    paused(async {
        let (crowd, spec) =
            dynamic::<usize, Probe>("crowd").max_children(10 * EVENTS_KEPT).factory(
                |_, birth| async move { Ok(Probe::new("x", Record::default(), birth.incarnation)) },
            );
        let tree = tree_of(spec).await;
        let mut events = tree.events();
        for key in 0..EVENTS_KEPT + 5 {
            crowd.ask(&key, Do::Answer).await.unwrap();
        }
        let lines = heard(&mut events);
        assert_eq!(lines[0], "missed 5");
        assert_eq!(lines.len(), 1 + EVENTS_KEPT);
        tree.stop().await;
    });
}

struct Other;
impl Process for Other {}

#[test]
fn a_name_stands_while_its_process_is_up_and_leads_to_its_handle() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (done, done_spec) = probe_of("done", &record, |cell| cell.restart(Restart::Transient));
        let second = Duration::from_secs(1);
        let low = supervisor("low", Strategy::OneForOne)
            .backoff(Backoff { initial: second, max: second, jitter: 0.0 })
            .child(a_spec)
            .child(done_spec);
        let tree = tree_of(low.into()).await;
        let names = tree.names();
        let paths: Vec<_> = names.paths().iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["root/low/a", "root/low/done"]);
        let found = names.find::<Probe>("root/low/a").expect("it is up");
        assert_eq!(found.ask(Do::Answer).await.unwrap(), 1);
        assert!(names.find::<Other>("root/low/a").is_none(), "it is no such process");
        assert!(names.find::<Probe>("root/a").is_none());

        // Gone when an asker learns of the end, and back with the next incarnation.
        assert!(is_lost(&a.ask(Do::Panic).await));
        assert!(!names.contains("root/low/a"));
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        assert!(names.contains("root/low/a"));
        let mut monitor = done.monitor();
        done.ask(Do::Stop).await.unwrap();
        (&mut monitor).await;
        assert!(!names.contains("root/low/done"));
        tree.stop().await;
        assert!(names.paths().is_empty());
    });
}

#[test]
fn a_monitor_tells_once_how_the_incarnation_ended() {
    paused(async {
        let (a, spec) = probe("a", &Record::default());
        assert!(matches!(a.monitor().await, Down::NoProcess), "it is not up yet");
        let second = Duration::from_secs(1);
        let root = supervisor("root", Strategy::OneForOne).backoff(Backoff {
            initial: second,
            max: second,
            jitter: 0.0,
        });
        let tree = Tree::start(root.child(spec)).await.unwrap();
        let (first, second) = (a.monitor(), a.monitor());
        assert!(is_lost(&a.ask(Do::Panic).await));
        for monitor in [first, second] {
            match monitor.await {
                Down::Exited { incarnation: 1, reason: ExitReason::Panicked(_) } => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(a.monitor().await, Down::NoProcess), "it is gone already");
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        let next = a.monitor();
        drop(a.monitor());
        tree.stop().await;
        assert!(matches!(
            next.await,
            Down::Exited { incarnation: 2, reason: ExitReason::Shutdown }
        ));
        assert!(matches!(a.monitor().await, Down::NoProcess), "it is gone for good");
    });
}

#[test]
fn a_process_is_told_of_the_exit_that_it_monitors() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe("b", &record);
        let root = supervisor("root", Strategy::OneForOne).child(a_spec).child(b_spec);
        let tree = Tree::start(root).await.unwrap();
        let other = b.clone();
        a.ask(Do::with(move |_, ctx| {
            ctx.monitor(&other, |probe, down, _| {
                probe.record.add(format!("told: {down}"));
                Ok(())
            });
            Ok(())
        }))
        .await
        .unwrap();
        assert!(is_lost(&b.ask(Do::Panic).await));
        until(|| record.contains("told: panicked: told to")).await;
        tree.stop().await;
    });
}

/// Two processes, the first linked to the second.
async fn linked(record: &Record) -> (Handle<Probe>, Handle<Probe>, Tree) {
    let (a, a_spec) = probe("a", record);
    let (b, b_spec) = probe("b", record);
    let root = supervisor("root", Strategy::OneForOne).child(a_spec).child(b_spec);
    let tree = Tree::start(root).await.unwrap();
    link(&a, &b).await;
    (a, b, tree)
}

async fn link(from: &Handle<Probe>, to: &Handle<Probe>) {
    let to = to.clone();
    let link = move |_: &mut Probe, ctx: &mut Context<'_, Probe>| {
        ctx.link(&to);
        Ok(())
    };
    from.ask(Do::with(link)).await.unwrap();
}

#[test]
fn a_link_has_each_fail_with_the_other() {
    for which in [0, 1] {
        paused(async move {
            let record = Record::default();
            let (a, b, tree) = linked(&record).await;
            let (crashed, other) = if which == 0 { (&a, &b) } else { (&b, &a) };
            let monitor = other.monitor();
            assert!(is_lost(&crashed.ask(Do::Panic).await));
            let Down::Exited { reason, .. } = monitor.await else { panic!("it was up") };
            let failure = reason.failure().expect("it failed");
            let broken = failure.downcast_ref::<LinkBroken>().expect("of its link");
            assert_eq!(&*broken.name, crashed.name());
            // Both are restarted, and no link binds the new ones.
            assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
            assert_eq!(b.ask(Do::Answer).await.unwrap(), 2);
            assert!(is_lost(&crashed.ask(Do::Panic).await));
            assert_eq!(crashed.ask(Do::Answer).await.unwrap(), 3);
            assert_eq!(other.ask(Do::Answer).await.unwrap(), 2);
            tree.stop().await;
        });
    }
}

#[test]
fn a_link_to_one_that_ends_well_or_begins_anew_harms_nobody() {
    paused(async {
        let record = Record::default();
        let (a, b, tree) = linked(&record).await;
        b.ask(Do::Stop).await.unwrap();
        assert_eq!(b.ask(Do::Answer).await.unwrap(), 2);
        assert!(is_lost(&b.ask(Do::Panic).await));
        assert_eq!(b.ask(Do::Answer).await.unwrap(), 3);
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 1);
        tree.stop().await;
    });
}

#[test]
fn a_link_to_what_is_not_running_fails_at_once() {
    paused(async {
        let record = Record::default();
        let (gone, spec) = probe("gone", &record);
        drop(spec);
        let (a, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        link(&a, &gone).await;
        assert_eq!(a.ask(Do::Answer).await.unwrap(), 2);
        tree.stop().await;
    });
}
