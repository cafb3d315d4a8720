//! The loop that carries out the verdicts.
//!
//! Each supervisor is a task on the arbiter its tree was started on. It hears its own supervisor's
//! orders and its children's reports through one channel, so that they have one order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::child::{Child, Event, Kind, Next, Watch};
use crate::verdict::chance;
use crate::{
    Backoff, ChildSpec, ExitReason, Failure, History, Intensity, Policy, Restart, Shutdown,
    StartError, Strategy, SupervisorSpec, TooManyRestarts, Verdict, verdict,
};

/// How long beyond its shutdown time a child may keep its supervisor waiting. A child that is
/// polled at all keeps its time by itself; one that isn't blocks its thread, and is abandoned.
pub(crate) const ABANDON_AFTER: Duration = Duration::from_secs(2);

/// A supervisor's grip on a supervisor below it.
pub(crate) struct SupervisorChild {
    name: String,
    restart: Restart,
    inbox: mpsc::UnboundedSender<Notice>,
}

/// What a supervisor hears. Not bounded, but a child has at most three reports under way.
enum Notice {
    Order(Order),
    Report { child: usize, event: Event },
}

#[derive(Clone, Copy)]
enum Order {
    Start,
    Stop,
    Retire,
    Close,
}

/// Sets up a supervisor and all below it; none starts before it is told to.
pub(crate) fn launch(spec: SupervisorSpec, path: &str, parent: Box<dyn Watch>) -> SupervisorChild {
    let (inbox, notices) = mpsc::unbounded_channel();
    let mut slots = Vec::with_capacity(spec.children.len());
    for (index, ChildSpec(kind)) in spec.children.into_iter().enumerate() {
        let ear = Box::new(Ear {
            child: index,
            inbox: inbox.clone(),
        });
        let (path, child) = match kind {
            Kind::Single(mut child) => {
                let path = format!("{path}/{}", child.name());
                child.attach(&path, ear);
                (path, child)
            }
            Kind::Supervisor(spec) => {
                let path = format!("{path}/{}", spec.name);
                let child: Box<dyn Child> = Box::new(launch(*spec, &path, ear));
                (path, child)
            }
        };
        slots.push(Slot {
            path,
            child,
            state: State::Down,
            was_up: false,
            gone: false,
        });
    }
    actix_rt::spawn(
        Supervisor {
            path: path.to_owned(),
            strategy: spec.strategy,
            intensity: spec.intensity,
            backoff: spec.backoff,
            slots,
            notices,
            deferred: VecDeque::new(),
            parent,
            history: History::default(),
            phase: Phase::Idle,
            incarnation: 0,
            closing: false,
        }
        .run(),
    );
    SupervisorChild {
        name: spec.name,
        restart: spec.restart,
        inbox,
    }
}

impl SupervisorChild {
    fn order(&self, order: Order) {
        // A supervisor that is gone has reported it.
        let _ = self.inbox.send(Notice::Order(order));
    }
}

impl Child for SupervisorChild {
    fn name(&self) -> &str {
        &self.name
    }

    fn restart(&self) -> Restart {
        self.restart
    }

    fn shutdown(&self) -> Shutdown {
        Shutdown::Infinity
    }

    fn attach(&mut self, _path: &str, _watch: Box<dyn Watch>) {
        // It was launched with its path and its watch.
    }

    fn start(&self) {
        self.order(Order::Start);
    }

    fn stop(&self) {
        self.order(Order::Stop);
    }

    fn retire(&self) {
        self.order(Order::Retire);
    }

    fn close(&self) {
        self.order(Order::Close);
    }
}

impl Drop for SupervisorChild {
    fn drop(&mut self) {
        self.close();
    }
}

struct Ear {
    child: usize,
    inbox: mpsc::UnboundedSender<Notice>,
}

impl Watch for Ear {
    fn report(&self, event: Event) -> Next {
        match self.inbox.send(Notice::Report {
            child: self.child,
            event,
        }) {
            Ok(()) => Next::Wait,
            Err(_gone) => Next::Close,
        }
    }
}

struct Slot {
    path: String,
    child: Box<dyn Child>,
    state: State,
    /// Whether it was up since the supervisor started.
    was_up: bool,
    gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
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

struct Supervisor {
    path: String,
    strategy: Strategy,
    intensity: Intensity,
    backoff: Backoff,
    slots: Vec<Slot>,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// Heard while a stop was waited for, to be dealt with after it.
    deferred: VecDeque<Notice>,
    parent: Box<dyn Watch>,
    history: History,
    phase: Phase,
    incarnation: u64,
    closing: bool,
}

impl Supervisor {
    async fn run(mut self) {
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
                    self.stop_from(0).await;
                    self.closing = true;
                }
                Some(Notice::Report { child, event }) => self.hear(child, event).await,
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
            let due = self
                .slots
                .iter()
                .enumerate()
                .filter_map(|(index, slot)| match slot.state {
                    State::Waiting(at) => Some((at, index)),
                    State::Down | State::Queued | State::Starting | State::Up => None,
                });
            let Some((at, index)) = due.min() else {
                return self.notices.recv().await;
            };
            match timeout_at(at, self.notices.recv()).await {
                Ok(notice) => return notice,
                Err(_elapsed) => self.start(index),
            }
        }
    }

    async fn hear(&mut self, index: usize, event: Event) {
        let slot = &mut self.slots[index];
        slot.gone |= matches!(event, Event::Gone);
        match (event, slot.state) {
            (Event::Started { incarnation }, State::Starting) => {
                slot.state = State::Up;
                slot.was_up = true;
                tracing::info!(path = slot.path, incarnation, "started");
                self.start_queued();
            }
            (
                Event::Exited {
                    incarnation,
                    reason,
                },
                State::Starting | State::Up,
            ) => {
                self.child_exited(index, incarnation, reason).await;
            }
            (Event::Gone, State::Starting | State::Up) => {
                self.child_exited(index, 0, ExitReason::Killed).await;
            }
            // Old news: of a child that was stopped or closed meanwhile.
            (Event::Started { .. } | Event::Exited { .. } | Event::Gone, _) => {}
        }
    }

    fn begin(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Starting;
            self.incarnation += 1;
            self.history.clear();
            for slot in &mut self.slots {
                slot.state = State::Queued;
                slot.was_up = false;
            }
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
            tracing::info!(
                path = self.path,
                incarnation = self.incarnation,
                "supervisor started"
            );
            self.parent.report(Event::Started {
                incarnation: self.incarnation,
            });
        }
    }

    fn start(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.state = State::Starting;
        slot.child.start();
    }

    async fn child_exited(&mut self, index: usize, incarnation: u64, reason: ExitReason) {
        let slot = &mut self.slots[index];
        slot.state = State::Down;
        let path = slot.path.clone();
        if !slot.was_up {
            tracing::error!(path, incarnation, %reason, "start failed");
            self.stop_from(0).await;
            let error = StartError::of_child(path, reason);
            return self.exit(ExitReason::StartFailed(Arc::new(Failure::from(error))));
        }
        if reason.is_abnormal() {
            tracing::warn!(path, incarnation, %reason, "exited");
        } else {
            tracing::info!(path, incarnation, %reason, "exited");
        }
        let policy = Policy {
            restart: slot.child.restart(),
            intensity: self.intensity,
            backoff: self.backoff,
        };
        let now = Instant::now();
        match verdict(&policy, index, &self.history, &reason, now, chance()) {
            Verdict::Leave => {
                slot.child.retire();
                self.start_queued();
            }
            Verdict::Restart { after } => {
                tracing::warn!(path, incarnation, delay = ?after, "restarts");
                self.history.push(index, now, after, self.intensity);
                if self.strategy == Strategy::RestForOne {
                    self.stop_from(index + 1).await;
                    self.queue_from(index + 1);
                }
                self.slots[index].state = State::Waiting(now + after);
            }
            Verdict::Escalate => {
                tracing::error!(path = self.path, child = path, %reason, "gives up: too many restarts");
                let failure = Arc::new(Failure::from(TooManyRestarts {
                    path: self.path.clone(),
                    child: path,
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

    /// Queues stopped children for a start in order. Temporary ones stay down.
    fn queue_from(&mut self, first: usize) {
        for slot in self.slots.iter_mut().skip(first) {
            if slot.child.restart() == Restart::Temporary {
                slot.child.retire();
            } else {
                slot.state = State::Queued;
            }
        }
    }

    /// Tells the own supervisor that all children are down.
    fn exit(&mut self, reason: ExitReason) {
        self.phase = Phase::Idle;
        let incarnation = self.incarnation;
        if self.parent.report(Event::Exited {
            incarnation,
            reason,
        }) == Next::Close
        {
            self.closing = true;
        }
    }

    /// Stops the children from that one on, in reverse order.
    async fn stop_from(&mut self, first: usize) {
        for index in (first..self.slots.len()).rev() {
            let was = std::mem::replace(&mut self.slots[index].state, State::Down);
            if matches!(was, State::Starting | State::Up) {
                self.stop_child(index).await;
            }
        }
    }

    async fn stop_child(&mut self, index: usize) {
        let has_ended = |notice: &Notice| {
            matches!(notice, Notice::Report { child, event: Event::Exited { .. } | Event::Gone }
                if *child == index)
        };
        if let Some(at) = self.deferred.iter().position(has_ended) {
            self.deferred.remove(at);
            return;
        }
        let Slot { child, path, .. } = &self.slots[index];
        child.stop();
        let limit = match child.shutdown() {
            Shutdown::Timeout(time) => Some(Instant::now() + time + ABANDON_AFTER),
            Shutdown::Kill => Some(Instant::now() + ABANDON_AFTER),
            Shutdown::Infinity => None,
        };
        loop {
            match recv_until(&mut self.notices, limit).await {
                Some(notice) if has_ended(&notice) => {
                    if let Notice::Report {
                        event:
                            Event::Exited {
                                incarnation,
                                reason,
                            },
                        ..
                    } = notice
                    {
                        tracing::info!(path, incarnation, %reason, "stopped");
                    }
                    return;
                }
                Some(Notice::Report { child, .. }) if child == index => {}
                Some(notice) => self.deferred.push_back(notice),
                None => {
                    tracing::error!(path, "does not stop, its thread is blocked: abandoned");
                    child.close();
                    self.slots[index].gone = true;
                    return;
                }
            }
        }
    }

    /// Closes all children, and waits for each that can still be waited for.
    async fn close(&mut self) {
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
        if let Notice::Report {
            child,
            event: Event::Gone,
        } = notice
        {
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
