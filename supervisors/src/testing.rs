//! A kit for tests of what is supervised: isolated trees, paused time, and nothing left behind.
//!
//! Behind the feature `testing`, for `[dev-dependencies]`.
//!
//! ```
//! use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, testing};
//! # use ordershop_supervisors::{Context, Failure, Message, Process, Receive, ReplyTo, cell};
//! # struct Fragile;
//! # impl Process for Fragile {}
//! # struct Break;
//! # impl Message for Break { type Reply = (); }
//! # impl Receive<Break> for Fragile {
//! #     fn receive(&mut self, _: Break, _: ReplyTo<()>, _: &mut Context<'_, Self>) -> Result<(), Failure> {
//! #         Err(Failure::new("broken"))
//! #     }
//! # }
//! // A backoff of minutes takes no time here, and a hang is a failure.
//! testing::paused(async {
//!     let (fragile, spec) = cell("fragile").factory(|_| async { Ok(Fragile) });
//!     let root = SupervisorSpec::new("root", Strategy::OneForOne).child(spec);
//!     let tree = Tree::start(root).await.expect("it starts");
//!     fragile.tell(Break).expect("there is room");
//!     testing::restarted(&tree.view(), "root/fragile", 1).await;
//!     tree.stop().await;
//! });
//! ```

use std::future::Future;
use std::time::{Duration, Instant};

use actix_rt::System;

use crate::census::living;
use crate::introspect::{Node, NodeState, TreeView};
use crate::pulse::Pulse;

/// What is taken for ever on paused time, where a wait costs nothing.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// How long a test on real time may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a condition may take to come true; looked at every millisecond, paused time passes, too.
const WAIT: Duration = Duration::from_hours(1);

/// How long threads may take to end after a test.
const LEAVING_TIME: Duration = Duration::from_secs(3);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Runs a test on one thread, with a clock that jumps to the next timer when all is idle.
///
/// # Panics
///
/// When the test does, when it waits for what never comes, and when a cell, a tree or a thread of it
/// is still there after it.
pub fn paused<F: Future<Output = ()>>(test: F) {
    let system = System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime needs no more than a few file descriptors")
    });
    system.block_on(guarded(test, FOREVER));
}

/// Runs a test on the real clock, as those with further threads need it; else as [`paused`].
///
/// # Panics
///
/// As [`paused`].
pub fn on_real_time<F: Future<Output = ()>>(test: F) {
    System::new().block_on(guarded(test, PATIENCE));
}

async fn guarded<F: Future<Output = ()>>(test: F, patience: Duration) {
    let done = tokio::time::timeout(patience, test).await;
    assert!(done.is_ok(), "the test hangs");
    let since = Instant::now();
    loop {
        let left = left_behind();
        if left.is_empty() {
            return;
        }
        assert!(since.elapsed() < LEAVING_TIME, "left behind: {}", left.join(", "));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The cells, trees and threads that are there at this moment, of the present test alone.
///
/// Threads are those on which a cell has lived, but the present one.
pub fn left_behind() -> Vec<String> {
    let Some(system) = System::try_current().map(|system| system.id()) else { return Vec::new() };
    let here = Pulse::place_here();
    let threads = Pulse::all().into_iter().filter(|pulse| {
        pulse.system() == Some(system) && pulse.place() != here && !pulse.has_ended()
    });
    living(system)
        .into_iter()
        .chain(threads.map(|pulse| format!("thread {}", pulse.name())))
        .collect()
}

/// Waits until something can be observed.
///
/// # Panics
///
/// When that takes too long.
pub async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let seen = tokio::time::timeout(WAIT, wait).await;
    assert!(seen.is_ok(), "it never becomes true");
}

/// Waits until the process or supervisor with that path has been restarted so many times, and is up.
///
/// A child of a dynamic supervisor is found while it is among the
/// [notable](TreeView::snapshot) ones, as those are that failed lately.
///
/// # Panics
///
/// When that takes too long.
pub async fn restarted(view: &TreeView, path: &str, times: u64) {
    fn find<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
        if node.path == path {
            return Some(node);
        }
        node.children.iter().find_map(|child| find(child, path))
    }
    let wait = async {
        loop {
            let root = view.snapshot(usize::MAX).await;
            let is_up = |node: &&Node| node.state == NodeState::Running;
            if find(&root, path).filter(is_up).is_some_and(|node| node.incarnations > times) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let seen = tokio::time::timeout(WAIT, wait).await;
    assert!(seen.is_ok(), "{path} has not been restarted {times} times");
}
