//! What can be seen of a running tree.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use ordershop_supervisors::{
    AskError, Backoff, Context, Failure, Message, Node, NodeKind, NodeState, Process, Receive,
    ReplyTo, Strategy, Tree, dynamic,
};
use support::{Do, Record, is_lost, ms, paused, probe, supervisor};

struct Frail;

impl Process for Frail {}

#[derive(Debug)]
struct Break;

impl Message for Break {
    type Reply = ();
}

impl Receive<Break> for Frail {
    fn receive(
        &mut self,
        _: Break,
        _: ReplyTo<()>,
        _: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        Err(Failure::new("broken"))
    }
}

fn find<'a>(node: &'a Node, path: &str) -> &'a Node {
    fn search<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
        if node.path == path {
            return Some(node);
        }
        node.children.iter().find_map(|child| search(child, path))
    }
    search(node, path).unwrap_or_else(|| panic!("no {path} in {node:#?}"))
}

#[test]
fn a_snapshot_tells_of_restarts_failures_backoff_and_uptime() {
    paused(async {
        let record = Record::default();
        let (a, a_spec) = probe("a", &record);
        let (b, b_spec) = probe("b", &record);
        let backoff = Backoff { initial: ms(100), max: ms(100), jitter: 0.0 };
        let low = supervisor("low", Strategy::OneForOne).backoff(backoff).child(b_spec);
        let root = supervisor("root", Strategy::RestForOne).child(a_spec).child(low);
        let tree = Tree::start(root).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let view = tree.view();
        let seen = view.snapshot(3).await;
        let paths: Vec<_> = seen.children.iter().map(|child| &*child.path).collect();
        assert_eq!(paths, ["root/a", "root/low"]);
        assert_eq!(seen.kind, NodeKind::Supervisor(Strategy::RestForOne));
        for path in ["root", "root/a", "root/low", "root/low/b"] {
            let node = find(&seen, path);
            assert_eq!((node.state, node.incarnations), (NodeState::Running, 1), "{path}");
            assert!(node.uptime >= Some(Duration::from_secs(5)), "{path}");
            assert_eq!(node.last_failure, None, "{path}");
        }

        assert!(is_lost(&b.ask(Do::Panic).await));
        let seen = view.snapshot(3).await;
        let failed = find(&seen, "root/low/b");
        assert_eq!((failed.state, failed.uptime), (NodeState::BackingOff, None));
        let last = failed.last_failure.as_ref().unwrap();
        assert!(last.reason.starts_with("panicked: "));
        assert!(last.place.as_ref().unwrap().contains("support/mod.rs:"), "{last:?}");
        assert_eq!((failed.restarts_in_window, failed.handled), (1, Some(1)));
        assert_eq!(find(&seen, "root/low").restarts_in_window, 1);
        assert_eq!(find(&seen, "root/a").restarts_in_window, 0);
        let thread = std::thread::current();
        assert_eq!(failed.arbiter.as_deref(), thread.name());
        assert_eq!(find(&seen, "root/a").incarnations, 1);

        assert_eq!(b.ask(Do::Answer).await.unwrap(), 2);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = view.snapshot(3).await;
        let again = find(&seen, "root/low/b");
        assert_eq!((again.state, again.incarnations), (NodeState::Running, 2));
        assert!(again.last_failure.as_ref().unwrap().ago >= Duration::from_secs(1));

        a.tell(Do::Pause(Duration::from_secs(1))).unwrap();
        tokio::time::sleep(ms(10)).await;
        a.tell(Do::Note(1)).unwrap();
        let seen = view.snapshot(3).await;
        assert_eq!(find(&seen, "root/a").kind, NodeKind::Process { depth: 1 });

        tree.stop().await;
        assert_eq!(view.snapshot(3).await.state, NodeState::Unknown);
    });
}

#[test]
fn of_a_crowd_the_count_is_told_and_who_failed() {
    paused(async {
        let (handle, spec) = dynamic("crowd")
            .label(|key: &u32| format!("child-{key}"))
            .factory(|_, _| async { Ok(Frail) });
        let root = supervisor("root", Strategy::OneForOne).child(spec);
        let tree = Tree::start(root).await.unwrap();
        for key in 0..10 {
            assert!(handle.ask(&key, Break).await.is_err());
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let seen = tree.view().snapshot(3).await;
        let crowd = find(&seen, "root/crowd");
        assert_eq!(crowd.kind, NodeKind::Dynamic { living: 10, cooling_down: 0, failures: 10 });
        let names: Vec<_> = crowd.children.iter().map(|child| &*child.path).collect();
        assert_eq!(names, ["root/crowd/child-9", "root/crowd/child-8", "root/crowd/child-7"]);
        let last = &crowd.children[0];
        assert_eq!((last.state, last.incarnations), (NodeState::Running, 2));
        assert_eq!(last.last_failure.as_ref().unwrap().reason, "failed: broken");

        // One that fails too often cools down, and says so.
        while handle.ask(&3, Break).await.is_err_and(|error| is_lost_by(&error)) {}
        let seen = tree.view().snapshot(3).await;
        let crowd = find(&seen, "root/crowd");
        assert!(matches!(crowd.kind, NodeKind::Dynamic { living: 9, cooling_down: 1, .. }));
        assert_eq!(crowd.children[0].path, "root/crowd/child-3");
        assert_eq!(crowd.children[0].state, NodeState::CoolingDown);
        tree.stop().await;
    });
}

fn is_lost_by(error: &AskError<Break>) -> bool {
    matches!(error, AskError::Lost(_))
}
