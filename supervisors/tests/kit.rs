//! The test kit: what it waits for, and what it finds left behind.

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ordershop_supervisors::{Strategy, Tree, testing};
use support::{Do, Record, probe, probe_of, supervisor, tree_of};

#[test]
fn it_waits_for_restarts() {
    testing::paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let low = supervisor("low", Strategy::OneForOne).child(spec);
        let tree = tree_of(low.into()).await;
        for n in 1..4 {
            handle.tell(Do::Panic).unwrap();
            testing::restarted(&tree.view(), "root/low/a", n).await;
            assert_eq!(handle.ask(Do::Answer).await.unwrap(), n + 1);
        }
        tree.stop().await;
    });
}

/// What the kit says of a test that leaves something behind.
fn complaint(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("it complains");
    match payload.downcast::<String>() {
        Ok(said) => *said,
        Err(other) => (*other.downcast::<&'static str>().unwrap()).to_owned(),
    }
}

#[test]
fn it_finds_a_tree_and_cells_that_outlive_their_test() {
    let mut kept = None;
    let said = complaint(|| {
        testing::paused(async {
            let (_, spec) = probe("a", &Record::default());
            kept = Some(tree_of(spec).await);
            assert_eq!(testing::left_behind().len(), 2);
        });
    });
    assert_eq!(said, "left behind: supervisor root, cell a");
}

#[test]
fn it_finds_a_thread_that_outlives_its_test() {
    let arbiter = std::sync::Mutex::new(None);
    let said = complaint(|| {
        testing::on_real_time(async {
            let fresh = actix_rt::Arbiter::new();
            let (_, spec) = probe_of("a", &Record::default(), |cell| cell.on(&fresh.handle()));
            *arbiter.lock().unwrap() = Some(fresh);
            let root = supervisor("root", Strategy::OneForOne).child(spec);
            Tree::start(root).await.unwrap().stop().await;
        });
    });
    assert!(said.starts_with("left behind: thread actix-rt|system:"), "{said}");
    let arbiter = arbiter.lock().unwrap().take().unwrap();
    arbiter.stop();
    arbiter.join().unwrap();
}

#[test]
fn a_test_that_waits_for_what_never_comes_fails() {
    let said = complaint(|| testing::paused(std::future::pending()));
    assert_eq!(said, "the test hangs");
}
