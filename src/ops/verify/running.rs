//! The check of a running shop's log, for whoever asks over HTTP: one at a time, off the threads of the
//! actors, at half speed at most, and only as long as somebody listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ordershop_store::embedded::Embedded;
use ordershop_store::{EventLog, LogError};
use tokio::sync::mpsc::Sender;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::files::FileCheck;
use super::line::Line;
use super::streams::StreamCheck;

/// How many lines wait for the client at most; the check waits with them.
pub const LINES_WAITING: usize = 16;
/// For how long a client may take nothing until it is given up.
const CLIENT_PATIENCE: Duration = Duration::from_secs(30);
/// How long the check rests between two steps at most; else as long as the last one took.
const MAX_REST: Duration = Duration::from_secs(1);
/// How many checks there are at once in this process.
const MAX_AT_ONCE: usize = 1;

static ROOM: Semaphore = Semaphore::const_new(MAX_AT_ONCE);

/// A check that has its place.
pub struct RunningCheck(Kind);

enum Kind {
    Files(Box<FileCheck>, SemaphorePermit<'static>),
    Streams(Box<StreamCheck>),
}

impl RunningCheck {
    /// A check of all that the log holds now: of its files, where it has such, else of its streams.
    /// `None` while another one is under way.
    pub fn begin(log: &Arc<dyn EventLog>, files: Option<&Embedded>) -> Option<Self> {
        let permit = ROOM.try_acquire().ok()?;
        let Some(files) = files else {
            let check = StreamCheck::new(Arc::clone(log)).holding(permit);
            return Some(Self(Kind::Streams(Box::new(check))));
        };
        let check = FileCheck::new(files.verification());
        Some(Self(Kind::Files(Box::new(check), permit)))
    }

    /// Checks to the end, and sends all there is to tell, a line of JSON each.
    ///
    /// It ends early when nobody takes the lines. Dropped, it ends with the step at hand.
    pub async fn tell(mut self, lines: &Sender<Bytes>) {
        loop {
            let begun = Instant::now();
            let told = match self.step().await {
                Ok((check, told)) => {
                    self = check;
                    told
                }
                Err(error) => {
                    let line = Line::Failed(error.to_string());
                    // Whoever has gone need not know.
                    let _ = send(lines, &line).await;
                    return;
                }
            };
            let rest = begun.elapsed().min(MAX_REST);
            for line in &told {
                if !send(lines, line).await || line.is_last() {
                    return;
                }
            }
            tokio::time::sleep(rest).await;
        }
    }

    async fn step(self) -> Result<(Self, Vec<Line>), LogError> {
        match self.0 {
            Kind::Files(mut check, permit) => {
                // The permit goes along, so that no other begins before this step has ended.
                let step = move || (check.step(), check, permit);
                let (told, check, permit) =
                    spawn_blocking(step).await.map_err(|_| LogError::Closed)?;
                Ok((Self(Kind::Files(check, permit)), told?))
            }
            Kind::Streams(mut check) => {
                let told = check.step().await?;
                Ok((Self(Kind::Streams(check)), told))
            }
        }
    }
}

/// Sends a line; `false` where the client has gone, or takes nothing.
async fn send(lines: &Sender<Bytes>, line: &Line) -> bool {
    let text = Bytes::from(line.to_json() + "\n");
    matches!(tokio::time::timeout(CLIENT_PATIENCE, lines.send(text)).await, Ok(Ok(())))
}
