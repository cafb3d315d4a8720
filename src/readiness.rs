//! Whether the queries of a server have caught up with the log since it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a client is told while it is not so.
pub(crate) const NOT_READY: &str = "the store is away, and the queries wait for it";

/// Whether queries can be answered; clones share it. Once they can, they can for good: a server that
/// begins anew has another one.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// They can.
    pub(crate) fn reach(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether they can.
    pub(crate) fn is_reached(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
