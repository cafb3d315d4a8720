//! What OTP would do: a supervision tree as plain data, with neither time of its own nor tasks.

use std::time::Duration;

use ordershop_supervisors::{Restart, Strategy};
use tokio::time::Instant;

/// A supervisor or an actor.
pub(crate) enum Node {
    Supervisor(Supervisor),
    Actor(Actor),
}

pub(crate) struct Supervisor {
    pub(crate) name: String,
    pub(crate) strategy: Strategy,
    pub(crate) restarts: usize,
    pub(crate) period: Duration,
    pub(crate) restart: Restart,
    pub(crate) children: Vec<Node>,
    history: Vec<Instant>,
}

pub(crate) struct Actor {
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) restart: Restart,
    pub(crate) incarnation: u64,
    pub(crate) is_up: bool,
    /// How its next starts fail.
    pub(crate) bad_starts: Vec<BadStart>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BadStart {
    Error,
    Panic,
    /// It is made, but panics in `started`.
    InStarted,
}

/// What happens, in order.
pub(crate) type Log = Vec<String>;

impl Actor {
    pub(crate) fn new(number: usize, name: String, restart: Restart) -> Self {
        Self { number, name, restart, incarnation: 0, is_up: false, bad_starts: Vec::new() }
    }
}

impl Supervisor {
    pub(crate) fn new(
        name: String,
        (strategy, restart): (Strategy, Restart),
        (restarts, period): (usize, Duration),
        children: Vec<Node>,
    ) -> Self {
        Self { name, strategy, restarts, period, restart, children, history: Vec::new() }
    }

    /// Starts all children in order; if one fails, those before it are stopped.
    pub(crate) fn start(&mut self, log: &mut Log) -> bool {
        self.history.clear();
        for index in 0..self.children.len() {
            if !self.children[index].start(log) {
                self.stop_from(0, log);
                return false;
            }
        }
        true
    }

    fn stop_from(&mut self, first: usize, log: &mut Log) {
        for child in self.children[first..].iter_mut().rev() {
            child.stop(log);
        }
    }

    /// A child ended; whether the supervisor lives on.
    fn child_ended(&mut self, child: usize, abnormal: bool, now: Instant, log: &mut Log) -> bool {
        let wanted = match self.children[child].restart() {
            Restart::Permanent => true,
            Restart::Transient => abnormal,
            Restart::Temporary => false,
        };
        !wanted || self.restart_child(child, now, log)
    }

    fn restart_child(&mut self, mut failed: usize, now: Instant, log: &mut Log) -> bool {
        loop {
            let lately = |at: &&Instant| now.duration_since(**at) <= self.period;
            if self.history.iter().filter(lately).count() >= self.restarts {
                self.stop_from(0, log);
                return false;
            }
            self.history.push(now);
            let group = match self.strategy {
                Strategy::OneForAll => 0..self.children.len(),
                Strategy::RestForOne => failed..self.children.len(),
                _ => failed..failed + 1,
            };
            if self.strategy != Strategy::OneForOne {
                self.stop_from(group.start, log);
            }
            let bad = group.into_iter().find(|index| {
                let child = &mut self.children[*index];
                child.restart() != Restart::Temporary && !child.start(log)
            });
            match bad {
                None => return true,
                Some(bad) => failed = bad,
            }
        }
    }

    /// The actor with that number ended by itself; whether the supervisor lives on.
    pub(crate) fn actor_ended(
        &mut self,
        number: usize,
        abnormal: bool,
        now: Instant,
        log: &mut Log,
    ) -> Option<bool> {
        for index in 0..self.children.len() {
            let ended = match &mut self.children[index] {
                Node::Actor(actor) if actor.number == number => {
                    actor.is_up = false;
                    log.push(format!("{} dropped", actor.name));
                    Some(abnormal)
                }
                Node::Actor(_) => None,
                Node::Supervisor(below) => match below.actor_ended(number, abnormal, now, log) {
                    // It gave up, which is a failure whatever the actor did.
                    Some(false) => Some(true),
                    Some(true) => return Some(true),
                    None => None,
                },
            };
            if let Some(abnormal) = ended {
                return Some(self.child_ended(index, abnormal, now, log));
            }
        }
        None
    }

    /// All actors below it.
    pub(crate) fn actors(&mut self) -> Vec<&mut Actor> {
        let each = self.children.iter_mut().flat_map(|child| match child {
            Node::Actor(actor) => vec![actor],
            Node::Supervisor(below) => below.actors(),
        });
        each.collect()
    }
}

impl Node {
    fn restart(&self) -> Restart {
        match self {
            Self::Supervisor(supervisor) => supervisor.restart,
            Self::Actor(actor) => actor.restart,
        }
    }

    fn start(&mut self, log: &mut Log) -> bool {
        match self {
            Self::Supervisor(supervisor) => supervisor.start(log),
            Self::Actor(actor) => {
                actor.incarnation += 1;
                if actor.bad_starts.is_empty() {
                    actor.is_up = true;
                    log.push(format!("{} up {}", actor.name, actor.incarnation));
                } else if actor.bad_starts.remove(0) == BadStart::InStarted {
                    log.push(format!("{} dropped", actor.name));
                }
                actor.is_up
            }
        }
    }

    fn stop(&mut self, log: &mut Log) {
        match self {
            Self::Supervisor(supervisor) => supervisor.stop_from(0, log),
            Self::Actor(actor) => {
                if std::mem::take(&mut actor.is_up) {
                    log.push(format!("{} dropped", actor.name));
                }
            }
        }
    }
}
