//! The registry of a dynamic supervisor.
//!
//! It has no task of its own. Whoever asks for a child that is not there starts it; a child that
//! ends asks its watch, in its own thread, what to do next, and is out of the registry before its
//! queued messages go back and before its mailbox closes. So a fresh child comes after the old one
//! is dropped, and an entry never outlives its child. Each child has a number, so that an old exit
//! never takes away a fresh child.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use actix_rt::ArbiterHandle;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::cell;
use crate::child::{self, Child, Event, Next, Watch};
use crate::dynamic::{KeyedFactory, Label, Limits};
use crate::shared::{Shared, Word};
use crate::supervision::ABANDON_AFTER;
use crate::verdict::chance;
use crate::{ExitReason, Handle, History, Process, Restart, Shutdown, Verdict, verdict};

/// What the dynamic supervisor is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No children; asks wait.
    Down,
    Open,
    /// The children are told to stop; asks wait.
    Stopping,
    /// Asks are refused until the next start.
    Retired,
    /// Asks are refused.
    Closed,
}

/// Why there is no child for a key.
pub(crate) enum Refusal {
    Full,
    CoolingDown,
    Closed,
}

enum Slot<P: Process> {
    Living { number: u64, handle: Handle<P> },
    CoolingDown { number: u64, until: Instant },
}

impl<P: Process> Slot<P> {
    fn number(&self) -> u64 {
        match self {
            Self::Living { number, .. } | Self::CoolingDown { number, .. } => *number,
        }
    }
}

/// The registry of a dynamic supervisor.
pub(crate) struct Children<K, P: Process> {
    name: Arc<str>,
    path: OnceLock<String>,
    arbiter: ArbiterHandle,
    limits: Limits,
    label: Option<Label<K>>,
    factory: KeyedFactory<K, P>,
    slots: DashMap<K, Slot<P>>,
    /// Slots taken, or about to be.
    taken: AtomicUsize,
    living: AtomicUsize,
    next_number: AtomicU64,
    stage: watch::Sender<Stage>,
    parent: OnceLock<Box<dyn Watch>>,
    incarnation: AtomicU64,
}

impl<K, P> Children<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    pub(crate) fn new(
        name: String,
        arbiter: ArbiterHandle,
        limits: Limits,
        label: Option<Label<K>>,
        factory: KeyedFactory<K, P>,
    ) -> Self {
        Self {
            name: Arc::from(name),
            path: OnceLock::new(),
            arbiter,
            limits,
            label,
            factory,
            slots: DashMap::new(),
            taken: AtomicUsize::new(0),
            living: AtomicUsize::new(0),
            next_number: AtomicU64::new(0),
            stage: watch::Sender::new(Stage::Down),
            parent: OnceLock::new(),
            incarnation: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn len(&self) -> usize {
        self.living.load(Ordering::SeqCst)
    }

    pub(crate) fn get(&self, key: &K) -> Option<Handle<P>> {
        match &*self.slots.get(key)? {
            Slot::Living { handle, .. } => Some(handle.clone()),
            Slot::CoolingDown { .. } => None,
        }
    }

    /// The living child with that key, or a fresh one.
    pub(crate) async fn find_or_start(self: &Arc<Self>, key: &K) -> Result<Handle<P>, Refusal> {
        loop {
            if let Some(found) = self.find(key) {
                return found;
            }
            let mut stage = self.stage.subscribe();
            let settled =
                |stage: &Stage| matches!(stage, Stage::Open | Stage::Retired | Stage::Closed);
            match stage.wait_for(settled).await.map(|stage| *stage) {
                Ok(Stage::Open) => {}
                Ok(_) | Err(_) => return Err(Refusal::Closed),
            }
            if let Some(child) = self.start(key)? {
                return Ok(child);
            }
        }
    }

    fn find(&self, key: &K) -> Option<Result<Handle<P>, Refusal>> {
        let outdated = match &*self.slots.get(key)? {
            Slot::Living { handle, .. } => return Some(Ok(handle.clone())),
            Slot::CoolingDown { until, .. } if Instant::now() < *until => {
                return Some(Err(Refusal::CoolingDown));
            }
            Slot::CoolingDown { number, .. } => *number,
        };
        self.remove(key, outdated);
        None
    }

    /// Starts a child, unless another was quicker.
    fn start(self: &Arc<Self>, key: &K) -> Result<Option<Handle<P>>, Refusal> {
        self.take_place()?;
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        // The cell waits for its word, so that one that came second has done nothing yet.
        let shared = self.launch(key, number);
        match self.slots.entry(key.clone()) {
            Entry::Occupied(_) => {
                self.taken.fetch_sub(1, Ordering::SeqCst);
                child::close(&shared);
                return Ok(None);
            }
            Entry::Vacant(place) => {
                self.living.fetch_add(1, Ordering::SeqCst);
                let handle = Handle::new(Arc::clone(&shared));
                place.insert(Slot::Living { number, handle });
            }
        }
        shared.say(Word::Start);
        // A stop that began before sees either this child in the registry, and its word comes
        // after the start, or its beginning is seen here.
        if *self.stage.borrow() != Stage::Open {
            shared.say(child::stop_word(self.limits.timing.shutdown));
        }
        Ok(Some(Handle::new(shared)))
    }

    fn take_place(&self) -> Result<(), Refusal> {
        let max = self.limits.max_children;
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
                (taken < max).then_some(taken + 1)
            })
            .map_or(Err(Refusal::Full), |_| Ok(()))
    }

    fn launch(self: &Arc<Self>, key: &K, number: u64) -> Arc<Shared<P>> {
        let name = match &self.label {
            Some(label) => Arc::from(label(key)),
            None => Arc::clone(&self.name),
        };
        let shared = Arc::new(Shared::new(name, self.limits.capacity));
        shared.set_watch(Box::new(KeyWatch {
            children: Arc::clone(self),
            key: key.clone(),
            number,
            history: Mutex::new(History::default()),
        }));
        let factory = Arc::clone(&self.factory);
        let key = key.clone();
        cell::launch(&self.arbiter, &shared, self.limits.timing, move || {
            Box::new(move |birth| factory(key.clone(), birth))
        });
        shared
    }

    /// Takes a slot out, unless the key has gone to another child.
    fn remove(&self, key: &K, number: u64) {
        let removed = self.slots.remove_if(key, |_, slot| slot.number() == number);
        let Some((_, slot)) = removed else { return };
        self.taken.fetch_sub(1, Ordering::SeqCst);
        if matches!(slot, Slot::Living { .. }) {
            self.lost_one();
        }
    }

    /// Turns a child's slot into one that cools down, and frees it in time.
    fn cool_down(self: &Arc<Self>, key: &K, number: u64) {
        let until = Instant::now() + self.limits.cool_down;
        let living = match self.slots.get_mut(key) {
            Some(mut slot) if slot.number() == number => {
                std::mem::replace(&mut *slot, Slot::CoolingDown { number, until })
            }
            _ => return,
        };
        drop(living);
        self.lost_one();
        let (children, key) = (Arc::downgrade(self), key.clone());
        self.arbiter.spawn(async move {
            sleep_until(until).await;
            if let Some(children) = Weak::upgrade(&children) {
                children.remove(&key, number);
            }
        });
    }

    fn lost_one(&self) {
        if self.living.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.end_stop();
        }
    }

    /// Reports the end of a stop, if there is one and nobody has yet.
    fn end_stop(&self) {
        let ended = self.stage.send_if_modified(|stage| {
            let stopping = *stage == Stage::Stopping;
            if stopping {
                *stage = Stage::Down;
            }
            stopping
        });
        if ended {
            let incarnation = self.incarnation.load(Ordering::SeqCst);
            self.report(Event::Exited {
                incarnation,
                reason: ExitReason::Shutdown,
            });
        }
    }

    fn set_stage(&self, to: Stage) -> bool {
        self.stage.send_if_modified(|stage| {
            let differs = *stage != Stage::Closed && *stage != to;
            if differs {
                *stage = to;
            }
            differs
        })
    }

    fn report(&self, event: Event) {
        if let Some(parent) = self.parent.get() {
            parent.report(event);
        }
    }

    fn living(&self) -> Vec<Handle<P>> {
        let living = self.slots.iter().filter_map(|slot| match slot.value() {
            Slot::Living { handle, .. } => Some(handle.clone()),
            Slot::CoolingDown { .. } => None,
        });
        living.collect()
    }
}

/// The ear for one child: what a supervisor decides is decided here, in the child's own thread.
struct KeyWatch<K, P: Process> {
    children: Arc<Children<K, P>>,
    key: K,
    number: u64,
    history: Mutex<History>,
}

impl<K, P> KeyWatch<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn exited(&self, incarnation: u64, reason: &ExitReason) -> Next {
        let Children {
            limits,
            name,
            path,
            label,
            ..
        } = &*self.children;
        let path = path.get().map_or(&**name, String::as_str);
        let child = label.as_ref().map(|label| label(&self.key));
        tracing::debug!(path, child, incarnation, %reason, "exited");
        let stage = *self.children.stage.borrow();
        if stage != Stage::Open || matches!(reason, ExitReason::Shutdown) {
            self.children.remove(&self.key, self.number);
            return Next::Close;
        }
        let now = Instant::now();
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        match verdict(&limits.policy, 0, &history, reason, now, chance()) {
            Verdict::Leave => {
                self.children.remove(&self.key, self.number);
                Next::Close
            }
            Verdict::Restart { after } => {
                history.push(0, now, after, limits.policy.intensity);
                tracing::debug!(path, child, incarnation, delay = ?after, "restarts");
                Next::RestartAfter(after)
            }
            Verdict::Escalate => {
                let cool_down = limits.cool_down;
                tracing::warn!(path, child, incarnation, %reason, ?cool_down, "unavailable: too many restarts");
                self.children.cool_down(&self.key, self.number);
                Next::Close
            }
        }
    }
}

impl<K, P> Watch for KeyWatch<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn report(&self, event: Event) -> Next {
        match event {
            Event::Started { incarnation } => {
                tracing::debug!(name = %self.children.name, incarnation, "started");
                Next::Wait
            }
            Event::Exited {
                incarnation,
                reason,
            } => self.exited(incarnation, &reason),
            Event::Gone => {
                if self.children.get(&self.key).is_some() {
                    self.children.remove(&self.key, self.number);
                }
                Next::Close
            }
        }
    }
}

/// The supervisor's grip on a dynamic supervisor; dropped, it closes it.
pub(crate) struct DynamicChild<K, P>(pub(crate) Arc<Children<K, P>>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process;

impl<K, P> Child for DynamicChild<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn name(&self) -> &str {
        &self.0.name
    }

    fn restart(&self) -> Restart {
        Restart::Permanent
    }

    fn shutdown(&self) -> Shutdown {
        match self.0.limits.timing.shutdown {
            Shutdown::Timeout(time) => Shutdown::Timeout(time + ABANDON_AFTER),
            Shutdown::Kill => Shutdown::Timeout(ABANDON_AFTER),
            Shutdown::Infinity => Shutdown::Infinity,
        }
    }

    fn attach(&mut self, path: &str, watch: Box<dyn Watch>) {
        let _ = self.0.path.set(path.to_owned());
        let _ = self.0.parent.set(watch);
    }

    fn start(&self) {
        let incarnation = self.0.incarnation.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.set_stage(Stage::Open);
        self.0.report(Event::Started { incarnation });
    }

    fn stop(&self) {
        if self.0.set_stage(Stage::Stopping) {
            for child in self.0.living() {
                child
                    .shared()
                    .say(child::stop_word(self.0.limits.timing.shutdown));
            }
            if self.0.len() == 0 {
                self.0.end_stop();
            }
        }
    }

    fn retire(&self) {
        self.0.set_stage(Stage::Retired);
    }

    fn close(&self) {
        if self.0.set_stage(Stage::Closed) {
            for child in self.0.living() {
                child::close(child.shared());
            }
            self.0.report(Event::Gone);
        }
    }
}

impl<K, P> Drop for DynamicChild<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    fn drop(&mut self) {
        self.close();
    }
}
