//! How a supervisor stops its children.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::child::Event;
use crate::events::Lifecycle;
use crate::subtree::Notice;
use crate::supervision::{Slot, State, Supervisor};
use crate::{ExitReason, Shutdown};

/// How long beyond its shutdown time a child may keep its supervisor waiting. A child that is
/// polled at all keeps its time by itself; one that isn't blocks its thread, and is abandoned.
pub(crate) const ABANDON_AFTER: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Stops the children from that one on, in reverse order.
    pub(crate) async fn stop_from(&mut self, first: usize) {
        self.stop_those_from(first, false).await;
    }

    /// The same because a sibling begins anew, which what a child waits for may depend on.
    pub(crate) async fn stop_soon_from(&mut self, first: usize) {
        self.stop_those_from(first, true).await;
    }

    async fn stop_those_from(&mut self, first: usize, soon: bool) {
        for index in (first..self.slots.len()).rev() {
            let was = std::mem::replace(&mut self.slots[index].state, State::Down);
            if matches!(was, State::Starting | State::Up) {
                self.stop_child(index, soon).await;
            }
        }
    }

    async fn stop_child(&mut self, index: usize, soon: bool) {
        let told_before = self.deferred.iter().find_map(|notice| last_report(notice, index));
        match told_before {
            Some(last) => self.slots[index].gone |= last.gone,
            None => self.tell_to_stop(index, soon).await,
        }
        // What else it reported is old news, and must not be taken for news of its next start.
        self.deferred.retain(|notice| {
            !matches!(notice, Notice::Report { child, event: Event::Started { .. } | Event::Exited { .. } }
                if *child == index)
        });
    }

    async fn tell_to_stop(&mut self, index: usize, soon: bool) {
        let Slot { child, path, gone, seen, .. } = &mut self.slots[index];
        child.stop();
        let limit = match child.shutdown() {
            Shutdown::Timeout(time) => Some(Instant::now() + time + ABANDON_AFTER),
            Shutdown::Kill => Some(Instant::now() + ABANDON_AFTER),
            Shutdown::Infinity => None,
        };
        let mut patience = child.patience().filter(|_| soon).map(|time| Instant::now() + time);
        loop {
            let Some(notice) = recv_until(&mut self.notices, patience.or(limit)).await else {
                if patience.take().is_some() {
                    child.kill();
                    continue;
                }
                return self.leave_behind(index);
            };
            if let Some(last) = last_report(&notice, index) {
                *gone |= last.gone;
                if let Some((incarnation, reason)) = last.exit {
                    seen.exited(incarnation, reason);
                    tracing::info!(%path, incarnation, %reason, "stopped");
                    let what = Lifecycle::Stopped { incarnation, reason: reason.clone() };
                    self.commons.bulletin.tell(path, what);
                }
                return;
            }
            self.deferred.push_back(notice);
        }
    }

    /// Goes on without a child that does not stop: its thread is blocked.
    fn leave_behind(&mut self, index: usize) {
        let Slot { child, path, gone, deposed, seen, .. } = &mut self.slots[index];
        tracing::error!(%path, "does not stop, its thread is blocked");
        let moved = child.thread().filter(|_| !self.closing).and_then(|thread| {
            self.commons.abandon(&thread, path);
            child.abandon(thread.place())
        });
        let incarnation = if let Some(incarnation) = moved {
            *deposed = incarnation;
            incarnation
        } else {
            child.give_up();
            *gone = true;
            seen.incarnations
        };
        let reason = ExitReason::Blocked;
        seen.exited(incarnation, &reason);
        self.commons.bulletin.tell(path, Lifecycle::Stopped { incarnation, reason });
    }

    /// Closes all children, and waits for each that can still be waited for.
    pub(crate) async fn close(&mut self) {
        for slot in self.slots.iter().rev() {
            slot.child.close();
        }
        let limit = Some(Instant::now() + ABANDON_AFTER);
        for notice in std::mem::take(&mut self.deferred) {
            self.note_gone(&notice);
        }
        while self.slots.iter().any(|slot| !slot.gone) {
            match recv_until(&mut self.notices, limit).await {
                Some(notice) => self.note_gone(&notice),
                None => return,
            }
        }
    }

    fn note_gone(&mut self, notice: &Notice) {
        if let Notice::Report { child, event: Event::Gone } = notice {
            self.slots[*child].gone = true;
        }
    }
}

async fn recv_until(
    notices: &mut mpsc::UnboundedReceiver<Notice>,
    limit: Option<Instant>,
) -> Option<Notice> {
    match limit {
        Some(limit) => timeout_at(limit, notices.recv()).await.ok().flatten(),
        None => notices.recv().await,
    }
}

/// The report that a child's incarnation is over.
struct LastReport<'a> {
    exit: Option<(u64, &'a ExitReason)>,
    gone: bool,
}

fn last_report(notice: &Notice, index: usize) -> Option<LastReport<'_>> {
    let Notice::Report { child, event } = notice else { return None };
    match event {
        _ if *child != index => None,
        Event::Exited { incarnation, reason } => {
            Some(LastReport { exit: Some((*incarnation, reason)), gone: false })
        }
        Event::Gone => Some(LastReport { exit: None, gone: true }),
        Event::Started { .. } => None,
    }
}
