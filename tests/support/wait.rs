//! Waits for a state of another process, never for a time alone.

use std::time::{Duration, Instant};

/// How long a state may take to come before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until `look` finds something, and fails with its last reason after [`PATIENCE`].
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(reason) if Instant::now() > deadline => {
                panic!("waited {PATIENCE:?} in vain for {what}: {reason}")
            }
            Err(_) => pause(BETWEEN_LOOKS),
        }
    }
}

/// Gives the other process a moment.
#[allow(clippy::disallowed_methods, reason = "another process offers nothing to wait on")]
pub(crate) fn pause(moment: Duration) {
    std::thread::sleep(moment);
}
