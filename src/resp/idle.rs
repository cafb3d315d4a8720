//! How long a client has sent nothing.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The clock of one client. Its timer is set once and looked after when it goes off: most clients send
/// something long before, and setting a timer anew for each command costs more than many a command.
pub(super) struct Idle {
    patience: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    /// The clock of a client that has just come, and may send nothing for so long.
    pub(super) fn begin(patience: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(patience));
        Self { patience, since: Instant::now(), timer }
    }

    /// The client has sent something.
    pub(super) fn active(&mut self, now: Instant) {
        self.since = now;
    }

    /// Waits until it has sent nothing for too long.
    pub(super) async fn too_long(&mut self) {
        loop {
            self.timer.as_mut().await;
            let end = self.since + self.patience;
            if end <= Instant::now() {
                return;
            }
            self.timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_silence_counts() {
        let patience = Duration::from_millis(40);
        let mut idle = Idle::begin(patience);
        let heard = Instant::now() + patience / 2;
        idle.active(heard);
        idle.too_long().await;
        assert!(heard.elapsed() >= patience, "{:?}", heard.elapsed());
    }
}
