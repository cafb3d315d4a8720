//! What all parts of one tree share: its events, its names, and what became of its threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use actix_rt::{Arbiter, ArbiterHandle};
use tokio::sync::{mpsc, oneshot, watch};

use crate::events::{Bulletin, Lifecycle};
use crate::names::Names;
use crate::pulse::Pulse;
use crate::subtree::{Notice, Order};
use crate::tree::State;
use crate::watchdog::Watchdog;
use crate::{ExitReason, Failure, TooManyBlocked};

/// Who lives on a thread: a cell, or a crowd of them.
pub(crate) trait Resident: Send + Sync {
    /// What is added to the path for the cell with that id, if it is one of these.
    fn name_of(&self, id: usize) -> Option<String>;
    /// Whether any of them lives there.
    fn lives_at(&self, place: usize) -> bool;
    /// Has callers of those that live there told that nothing will come of it, for good.
    fn give_up(&self, place: usize);
    /// Ends it at once, or the one of that name, if it is one of these and up.
    fn kill(&self, name: Option<&str>) -> bool;
}

/// A path, and who is to be found there.
type Address = (Arc<str>, Weak<dyn Resident>);

/// What all parts of one tree share.
pub(crate) struct Commons {
    pub(crate) bulletin: Arc<Bulletin>,
    pub(crate) names: Names,
    pub(crate) watchdog: Watchdog,
    /// The thread of the supervisors.
    home: usize,
    state: watch::Sender<State>,
    root: mpsc::UnboundedSender<Notice>,
    residents: Mutex<Vec<Address>>,
    supervisors: Mutex<Vec<(Arc<str>, mpsc::WeakUnboundedSender<Notice>)>>,
    threads: Mutex<Threads>,
}

/// Threads that were given up, and those that took their place.
#[derive(Default)]
struct Threads {
    /// By [`Pulse::place`].
    abandoned: HashMap<usize, Abandoned>,
    fresh: HashMap<usize, Arbiter>,
}

struct Abandoned {
    /// Held, so that no other gets its number.
    _pulse: Arc<Pulse>,
    culprit: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commons {
    /// To be called on the thread of the supervisors.
    pub(crate) fn new(
        watchdog: Watchdog,
        bulletin: Arc<Bulletin>,
        state: watch::Sender<State>,
        root: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        Self {
            bulletin,
            names: Names::default(),
            watchdog,
            home: Pulse::here().place(),
            state,
            root,
            residents: Mutex::default(),
            supervisors: Mutex::default(),
            threads: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> &watch::Sender<State> {
        &self.state
    }

    pub(crate) fn add(&self, path: &Arc<str>, resident: Weak<dyn Resident>) {
        locked(&self.residents).push((Arc::clone(path), resident));
    }

    pub(crate) fn add_supervisor(&self, path: &Arc<str>, inbox: &mpsc::UnboundedSender<Notice>) {
        locked(&self.supervisors).push((Arc::clone(path), inbox.downgrade()));
    }

    /// Ends at once what is up at that path; tells whether there was anything.
    pub(crate) async fn kill(&self, path: &str) -> bool {
        let inbox = {
            let supervisors = locked(&self.supervisors);
            let found = supervisors.iter().find(|(known, _)| **known == *path);
            found.and_then(|(_, inbox)| inbox.upgrade())
        };
        if let Some(inbox) = inbox {
            let (answer, answered) = oneshot::channel();
            // One that is gone, or not up, drops the order unanswered.
            let _ = inbox.send(Notice::Kill(answer));
            return answered.await.is_ok();
        }
        self.residents().iter().any(|(known, resident)| match path.strip_prefix(&**known) {
            Some("") => resident.kill(None),
            Some(below) => below.strip_prefix('/').is_some_and(|name| resident.kill(Some(name))),
            None => false,
        })
    }

    fn residents(&self) -> Vec<(Arc<str>, Arc<dyn Resident>)> {
        let residents = locked(&self.residents);
        residents
            .iter()
            .filter_map(|(path, weak)| Some((Arc::clone(path), weak.upgrade()?)))
            .collect()
    }

    /// The path of the cell with that id, if it is of this tree.
    pub(crate) fn path_of(&self, id: usize) -> Option<Arc<str>> {
        self.residents().iter().find_map(|(path, resident)| {
            resident.name_of(id).map(|name| Arc::from(format!("{path}{name}")))
        })
    }

    /// Whether any cell of this tree lives there.
    pub(crate) fn lives_at(&self, place: usize) -> bool {
        self.residents().iter().any(|(_, resident)| resident.lives_at(place))
    }

    /// Gives a thread up: what lives there is to begin anew elsewhere. Past the bound, or if it is
    /// the thread of the supervisors, the tree fails.
    pub(crate) fn abandon(&self, pulse: &Arc<Pulse>, culprit: &Arc<str>) {
        let place = pulse.place();
        let count = {
            let mut threads = locked(&self.threads);
            if threads.abandoned.contains_key(&place) {
                return;
            }
            let abandoned = Abandoned { _pulse: Arc::clone(pulse), culprit: pulse.sample().0 };
            threads.abandoned.insert(place, abandoned);
            threads.abandoned.len()
        };
        let arbiter: Arc<str> = Arc::from(pulse.name());
        tracing::error!(path = %culprit, %arbiter, count, "blocks its thread, which is abandoned");
        self.bulletin.tell(culprit, Lifecycle::Abandoned { arbiter: Arc::clone(&arbiter) });
        let is_home = place == self.home;
        if is_home || count > self.watchdog.max_abandoned {
            let path = culprit.to_string();
            let arbiter = arbiter.to_string();
            let error = TooManyBlocked { path, arbiter, abandoned: count };
            let reason = ExitReason::Failed(Arc::new(Failure::from(error)));
            if is_home {
                // The supervisors can't say it any more.
                self.state.send_modify(|state| state.exit = Some(reason.clone()));
            }
            // A root that is gone has failed already.
            let _ = self.root.send(Notice::Order(Order::Fail(reason)));
            for (_, resident) in self.residents() {
                resident.give_up(place);
            }
        } else {
            let _ = self.root.send(Notice::Order(Order::Abandon { place }));
        }
        // Should it ever go on, it is to end.
        if let Some(arbiter) = pulse.arbiter().filter(|_| !is_home) {
            arbiter.stop();
        }
    }

    /// The cell that blocks an abandoned thread.
    pub(crate) fn culprit(&self, place: usize) -> usize {
        locked(&self.threads).abandoned.get(&place).map_or(0, |thread| thread.culprit)
    }

    /// The arbiter that takes the place of an abandoned one. To be called on the thread of the
    /// supervisors.
    pub(crate) fn fresh_arbiter(&self, place: usize) -> ArbiterHandle {
        locked(&self.threads).fresh.entry(place).or_insert_with(Arbiter::new).handle()
    }

    /// The end of the tree: its threads end, and the stream of its events.
    pub(crate) fn close(&self) {
        for (_, arbiter) in locked(&self.threads).fresh.drain() {
            arbiter.stop();
        }
        self.bulletin.close();
    }
}
