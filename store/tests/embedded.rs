//! The embedded log keeps every promise of an event log.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ordershop_store::conformance::{Fixture, TOPICS};
use ordershop_store::embedded::{Clock, Embedded, Options, SystemClock};
use tempfile::TempDir;

/// What the clock shows while it is not stopped.
const RUNNING: i64 = i64::MAX;

/// A clock that can be stopped.
#[derive(Debug)]
struct StoppableClock(AtomicI64);

impl Clock for StoppableClock {
    fn now_us(&self) -> i64 {
        match self.0.load(Ordering::SeqCst) {
            RUNNING => SystemClock.now_us(),
            at_us => at_us,
        }
    }
}

/// A log whose files and pages are so small that every test meets their ends.
struct Small {
    folder: TempDir,
    clock: Arc<StoppableClock>,
}

impl Small {
    fn options(&self) -> Options {
        Options {
            segment_bytes: 4096,
            checkpoint_bytes: 2500,
            tail_entries: 5,
            max_page_bytes: 16 * 1024,
            clock: self.clock.clone(),
            ..Options::default()
        }
    }
}

impl Fixture for Small {
    type Log = Embedded;

    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        Self { folder, clock: Arc::new(StoppableClock(AtomicI64::new(RUNNING))) }
    }

    async fn open(&self) -> Embedded {
        Embedded::open(self.folder.path(), &TOPICS, self.options()).expect("the log opens")
    }

    fn stop_clock(&self, at_us: i64) -> bool {
        self.clock.0.store(at_us, Ordering::SeqCst);
        true
    }
}

/// A log with the settings that programs use.
struct Usual {
    small: Small,
}

impl Fixture for Usual {
    type Log = Embedded;

    async fn new() -> Self {
        Self { small: Small::new().await }
    }

    async fn open(&self) -> Embedded {
        let options = Options { clock: self.small.clock.clone(), ..Options::default() };
        Embedded::open(self.small.folder.path(), &TOPICS, options).expect("the log opens")
    }

    fn stop_clock(&self, at_us: i64) -> bool {
        self.small.stop_clock(at_us)
    }
}

mod small {
    ordershop_store::conformance!(super::Small);
}

mod usual {
    ordershop_store::conformance!(super::Usual);
}
