//! The loop that carries out the verdicts.
//!
//! Each supervisor is a task on the arbiter its tree was started on. It hears its own supervisor's
//! orders and its children's reports through one channel, so that they have one order.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::census::Counted;
use crate::child::{Child, Event, Next, Watch};
use crate::commons::Commons;
use crate::events::Lifecycle;
use crate::introspect::{NodeState, Report, Seen, Sketch};
use crate::subtree::{Notice, Order};
use crate::verdict::chance;
use crate::{
    AutoShutdown, Backoff, ExitReason, Failure, History, Intensity, Policy, Restart, StartError,
    Strategy, TooManyRestarts, Verdict, verdict,
};

/// What is laid down for all children.
#[derive(Clone, Copy)]
pub(crate) struct LaidDown {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) backoff: Backoff,
    pub(crate) auto_shutdown: AutoShutdown,
}

/// A child and what is known of it.
pub(crate) struct Slot {
    pub(crate) path: Arc<str>,
    pub(crate) child: Box<dyn Child>,
    pub(crate) state: State,
    /// Whether a start was tried since the supervisor started.
    was_tried: bool,
    /// Whether it was up since the supervisor started.
    was_up: bool,
    pub(crate) gone: bool,
    /// What incarnations up to this one report is never heard: their thread was abandoned.
    pub(crate) deposed: u64,
    pub(crate) seen: Seen,
}

impl Slot {
    pub(crate) fn new(path: Arc<str>, child: Box<dyn Child>) -> Self {
        Self {
            path,
            child,
            state: State::Down,
            was_tried: false,
            was_up: false,
            gone: false,
            deposed: 0,
            seen: Seen::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Down,
    /// To be started as soon as all before it are settled.
    Queued,
    /// In backoff.
    Waiting(Instant),
    Starting,
    Up,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Starting,
    Running,
}

/// The task of one supervisor.
pub(crate) struct Supervisor {
    pub(crate) path: Arc<str>,
    pub(crate) commons: Arc<Commons>,
    laid_down: LaidDown,
    pub(crate) slots: Vec<Slot>,
    pub(crate) notices: mpsc::UnboundedReceiver<Notice>,
    /// Heard while a stop was waited for, to be dealt with after it.
    pub(crate) deferred: VecDeque<Notice>,
    parent: Box<dyn Watch>,
    history: History,
    phase: Phase,
    incarnation: u64,
    own: Seen,
    /// Significant children ended while the others were still starting.
    shutdown_due: bool,
    pub(crate) closing: bool,
    _counted: Counted,
}

impl Supervisor {
    pub(crate) fn new(
        path: &Arc<str>,
        laid_down: LaidDown,
        slots: Vec<Slot>,
        notices: mpsc::UnboundedReceiver<Notice>,
        parent: Box<dyn Watch>,
        commons: &Arc<Commons>,
    ) -> Self {
        Self {
            path: Arc::clone(path),
            commons: Arc::clone(commons),
            laid_down,
            slots,
            notices,
            deferred: VecDeque::new(),
            parent,
            history: History::default(),
            phase: Phase::Idle,
            incarnation: 0,
            own: Seen::default(),
            shutdown_due: false,
            closing: false,
            _counted: Counted::new("supervisor", path),
        }
    }

    /// Runs until it is closed.
    pub(crate) async fn run(mut self) {
        while !self.closing {
            match self.next().await {
                Some(Notice::Order(Order::Start)) => self.begin(),
                Some(Notice::Order(Order::Stop)) => {
                    if self.phase != Phase::Idle {
                        self.stop_from(0).await;
                        self.exit(ExitReason::Shutdown);
                    }
                }
                Some(Notice::Order(Order::Retire)) => {
                    for slot in &self.slots {
                        slot.child.retire();
                    }
                }
                Some(Notice::Order(Order::Close)) | None => {
                    self.closing = true;
                    self.stop_from(0).await;
                }
                Some(Notice::Order(Order::Fail(reason))) => {
                    self.closing = true;
                    self.stop_from(0).await;
                    self.exit(reason);
                }
                Some(Notice::Order(Order::Abandon { place })) => self.abandon(place).await,
                Some(Notice::Report { child, event }) => self.hear(child, event).await,
                Some(Notice::Kill(asker)) => self.die(asker).await,
                Some(Notice::Look(asker)) => {
                    // Who asked may have given up.
                    let _ = asker.send(self.look());
                }
            }
        }
        self.close().await;
        self.parent.report(Event::Gone);
    }

    /// The next notice; on the way, children whose backoff is over are started.
    async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.deferred.pop_front() {
                return Some(notice);
            }
            let due = self.slots.iter().enumerate().filter_map(|(index, slot)| match slot.state {
                State::Waiting(at) => Some((at, index)),
                State::Down | State::Queued | State::Starting | State::Up => None,
            });
            let Some((at, index)) = due.min() else {
                return self.notices.recv().await;
            };
            if at <= Instant::now() {
                // No timer is as quick as none; what was told before it was due comes first.
                match self.notices.try_recv() {
                    Ok(notice) => return Some(notice),
                    Err(TryRecvError::Disconnected) => return None,
                    Err(TryRecvError::Empty) => {
                        self.start(index);
                        continue;
                    }
                }
            }
            match timeout_at(at, self.notices.recv()).await {
                Ok(notice) => return notice,
                Err(_elapsed) => self.start(index),
            }
        }
    }

    async fn hear(&mut self, index: usize, event: Event) {
        let slot = &mut self.slots[index];
        slot.gone |= matches!(event, Event::Gone);
        if let Event::Started { incarnation } | Event::Exited { incarnation, .. } = event
            && (1..=slot.deposed).contains(&incarnation)
        {
            return;
        }
        match (event, slot.state) {
            (Event::Started { incarnation }, State::Starting) => {
                slot.state = State::Up;
                slot.was_up = true;
                slot.seen.started(incarnation);
                tracing::info!(path = %slot.path, incarnation, "started");
                self.commons.bulletin.tell(&slot.path, Lifecycle::Started { incarnation });
                self.start_queued();
                self.shut_down_if_due().await;
            }
            (Event::Exited { incarnation, reason }, State::Starting | State::Up) => {
                self.child_exited(index, incarnation, reason).await;
            }
            (Event::Gone, State::Starting | State::Up) => {
                self.child_exited(index, 0, ExitReason::Killed).await;
            }
            // Old news: of a child that was stopped or closed meanwhile.
            (Event::Started { .. } | Event::Exited { .. } | Event::Gone, _) => {}
        }
    }

    /// What people see of it.
    fn look(&self) -> Report {
        let (history, now) = (&self.history, Instant::now());
        let period = self.laid_down.intensity.period;
        let children = self.slots.iter().enumerate().map(|(index, slot)| {
            let state = match slot.state {
                State::Down => NodeState::Down,
                State::Queued | State::Starting => NodeState::Starting,
                State::Waiting(_) => NodeState::BackingOff,
                State::Up => NodeState::Running,
            };
            let sketch = Sketch {
                path: slot.path.to_string(),
                state,
                restarts_in_window: history.count_of(index, period, now),
                seen: slot.seen.clone(),
            };
            (sketch, slot.child.look())
        });
        Report {
            strategy: self.laid_down.strategy,
            own: self.own.clone(),
            restarts_in_window: history.count(period, now),
            running: self.phase == Phase::Running,
            children: children.collect(),
        }
    }

    fn begin(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Starting;
            self.incarnation += 1;
            self.history.clear();
            for slot in &mut self.slots {
                slot.state = State::Queued;
                slot.was_tried = false;
                slot.was_up = false;
            }
            self.shutdown_due = false;
            self.start_queued();
        }
    }

    /// Starts the next queued child, unless one before it is on its way up.
    fn start_queued(&mut self) {
        for index in 0..self.slots.len() {
            match self.slots[index].state {
                State::Down | State::Up => {}
                State::Starting | State::Waiting(_) => return,
                State::Queued => return self.start(index),
            }
        }
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            self.own.started(self.incarnation);
            let incarnation = self.incarnation;
            tracing::info!(path = %self.path, incarnation, "supervisor started");
            if self.is_root() {
                self.commons.bulletin.tell(&self.path, Lifecycle::Started { incarnation });
            }
            self.parent.report(Event::Started { incarnation: self.incarnation });
        }
    }

    fn start(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.state = State::Starting;
        slot.was_tried = true;
        slot.child.start();
    }

    async fn child_exited(&mut self, index: usize, incarnation: u64, reason: ExitReason) {
        let slot = &mut self.slots[index];
        slot.state = State::Down;
        slot.seen.exited(incarnation, &reason);
        let path = Arc::clone(&slot.path);
        let what = Lifecycle::Exited { incarnation, reason: reason.clone() };
        self.commons.bulletin.tell(&path, what);
        if !slot.was_up {
            tracing::error!(%path, incarnation, %reason, "start failed");
            self.stop_from(0).await;
            let error = StartError::of_child(path.to_string(), reason);
            return self.exit(ExitReason::StartFailed(Arc::new(Failure::from(error))));
        }
        if reason.is_abnormal() {
            tracing::warn!(%path, incarnation, %reason, "exited");
        } else {
            tracing::info!(%path, incarnation, %reason, "exited");
        }
        let policy = Policy {
            restart: slot.child.restart(),
            intensity: self.laid_down.intensity,
            backoff: self.laid_down.backoff,
        };
        let now = Instant::now();
        match verdict(&policy, index, &self.history, &reason, now, chance()) {
            Verdict::Leave => {
                slot.child.retire();
                self.note_end(index);
                self.start_queued();
                self.shut_down_if_due().await;
            }
            Verdict::Restart { after } => {
                tracing::warn!(%path, incarnation, delay = ?after, "restarts");
                self.commons.bulletin.tell(&path, Lifecycle::Restarting { after });
                self.history.push(index, now, after, self.laid_down.intensity);
                let first = match self.laid_down.strategy {
                    Strategy::OneForOne => index,
                    Strategy::OneForAll => self.restart_from(0, index).await,
                    Strategy::RestForOne => self.restart_from(index, index).await,
                };
                self.slots[first].state = State::Waiting(now + after);
            }
            Verdict::Escalate => {
                let what =
                    Lifecycle::Escalated { child: Arc::clone(&path), reason: reason.clone() };
                self.commons.bulletin.tell(&self.path, what);
                tracing::error!(path = %self.path, child = %path, %reason, "gives up: too many restarts");
                let failure = Arc::new(Failure::from(TooManyRestarts {
                    path: self.path.to_string(),
                    child: path.to_string(),
                    reason,
                }));
                self.stop_from(0).await;
                self.exit(match self.phase {
                    Phase::Starting => ExitReason::StartFailed(failure),
                    Phase::Idle | Phase::Running => ExitReason::Failed(failure),
                });
            }
        }
    }

    /// Stops the children from that one on, and queues them and the one that failed for a start in
    /// order; the first of them is returned. What is temporary and was started stays down.
    async fn restart_from(&mut self, first: usize, failed: usize) -> usize {
        // In the start phase, temporary ones may still have their first start before them.
        let fresh: Vec<bool> = self.slots.iter().map(|slot| !slot.was_tried).collect();
        self.stop_soon_from(first).await;
        let mut begins = failed;
        for (index, slot) in self.slots.iter_mut().enumerate().skip(first).rev() {
            if slot.child.restart() == Restart::Temporary && !fresh[index] {
                slot.child.retire();
            } else {
                slot.state = State::Queued;
                begins = index;
            }
        }
        begins
    }

    /// Notes that a child ended by itself and stays down: it may have been the last that mattered.
    fn note_end(&mut self, index: usize) {
        let significant_lives =
            || self.slots.iter().any(|slot| slot.child.significant() && slot.state != State::Down);
        self.shutdown_due |= self.slots[index].child.significant()
            && match self.laid_down.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !significant_lives(),
            };
    }

    /// Ends in good order once significant children have ended, but not before all are started.
    async fn shut_down_if_due(&mut self) {
        if self.shutdown_due && self.phase == Phase::Running {
            tracing::info!(path = %self.path, "shuts down: its significant children have ended");
            self.stop_from(0).await;
            self.exit(ExitReason::Shutdown);
        }
    }

    /// Takes up elsewhere what lives on an abandoned thread.
    async fn abandon(&mut self, place: usize) {
        let culprit = self.commons.culprit(place);
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            let Some(incarnation) = slot.child.abandon(place) else { continue };
            slot.deposed = incarnation;
            if matches!(slot.state, State::Starting | State::Up) {
                let blocks = slot.child.id() == culprit;
                let reason = if blocks { ExitReason::Blocked } else { ExitReason::Killed };
                self.child_exited(index, incarnation, reason).await;
            }
        }
    }

    /// Fails because somebody wants it to, but not on its way up or down.
    async fn die(&mut self, asker: oneshot::Sender<()>) {
        if self.phase == Phase::Running {
            // Who asked may have given up.
            let _ = asker.send(());
            self.stop_from(0).await;
            self.exit(ExitReason::Killed);
        }
    }

    /// Whether nobody stands above it to tell of its starts.
    fn is_root(&self) -> bool {
        !self.path.contains('/')
    }

    /// Tells the own supervisor that all children are down.
    fn exit(&mut self, reason: ExitReason) {
        self.phase = Phase::Idle;
        let incarnation = self.incarnation;
        if self.parent.report(Event::Exited { incarnation, reason }) == Next::Close {
            self.closing = true;
        }
    }
}
