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
use crate::child::{self, Event, Watch};
use crate::commons::Commons;
use crate::crashes::Crashes;
use crate::dynamic::{KeyedFactory, Label, Limits};
use crate::events::Lifecycle;
use crate::key_watch::KeyWatch;
use crate::mailbox::{FEW_PLACES, FIRST_EPOCH};
use crate::shared::Shared;
use crate::word::{Status, Word};
use crate::{ExitReason, Handle, Process};

/// What the dynamic supervisor is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No children; asks wait.
    Down,
    Open,
    /// The children are told to stop; asks wait.
    Stopping,
    /// The children are killed, by an order from outside; asks wait.
    Dying,
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

pub(crate) enum Slot<P: Process> {
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
    path: OnceLock<Arc<str>>,
    /// Another one when the first was abandoned.
    pub(crate) arbiter: Mutex<ArbiterHandle>,
    limits: Limits,
    label: Option<Label<K>>,
    pub(crate) factory: KeyedFactory<K, P>,
    pub(crate) slots: DashMap<K, Slot<P>>,
    /// Slots taken, or about to be.
    taken: AtomicUsize,
    living: AtomicUsize,
    next_number: AtomicU64,
    stage: watch::Sender<Stage>,
    parent: OnceLock<Box<dyn Watch>>,
    pub(crate) commons: OnceLock<Weak<Commons>>,
    incarnation: AtomicU64,
    crashes: Crashes<K>,
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
            arbiter: Mutex::new(arbiter),
            limits,
            label,
            factory,
            slots: DashMap::new(),
            taken: AtomicUsize::new(0),
            living: AtomicUsize::new(0),
            next_number: AtomicU64::new(0),
            stage: watch::Sender::new(Stage::Down),
            parent: OnceLock::new(),
            commons: OnceLock::new(),
            incarnation: AtomicU64::new(0),
            crashes: Crashes::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The path once it is part of a tree, the name before.
    pub(crate) fn path(&self) -> &Arc<str> {
        self.path.get().unwrap_or(&self.name)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn crashes(&self) -> &Crashes<K> {
        &self.crashes
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.stage.borrow() == Stage::Open
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
            match self.start(key) {
                Ok(Some(child)) => return Ok(child),
                Ok(None) => {}
                // The last place may have gone to this very key.
                Err(refusal) => return self.find(key).unwrap_or(Err(refusal)),
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
                shared.close();
                return Ok(None);
            }
            Entry::Vacant(place) => {
                self.living.fetch_add(1, Ordering::SeqCst);
                let handle = Handle::new(Arc::clone(&shared));
                place.insert(Slot::Living { number, handle });
            }
        }
        if shared.mailbox.status() == Status::Closed {
            // Its arbiter is gone, and it may have said so before it could be found here.
            self.remove(key, number);
        }
        shared.mailbox.say(Word::Start);
        // A stop that began before sees either this child in the registry, and its word comes
        // after the start, or its beginning is seen here.
        if !self.is_open() {
            shared.mailbox.say(child::stop_word(self.limits.timing.shutdown));
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

    pub(crate) fn name_of(&self, key: &K) -> Arc<str> {
        match &self.label {
            Some(label) => Arc::from(label(key)),
            None => Arc::clone(&self.name),
        }
    }

    fn launch(self: &Arc<Self>, key: &K, number: u64) -> Arc<Shared<P>> {
        let name = self.name_of(key);
        let shared = Arc::new(Shared::new(Arc::clone(&name), self.limits.capacity, FEW_PLACES));
        let watch = Arc::new(KeyWatch::new(Arc::clone(self), key.clone(), number, name));
        shared.set_watch(Arc::clone(&watch) as Arc<dyn Watch>);
        cell::launch(&self.arbiter(), &shared, FIRST_EPOCH, watch);
        shared
    }

    /// Takes a slot out, unless the key has gone to another child.
    pub(crate) fn remove(&self, key: &K, number: u64) {
        let removed = self.slots.remove_if(key, |_, slot| slot.number() == number);
        let Some((_, slot)) = removed else { return };
        self.taken.fetch_sub(1, Ordering::SeqCst);
        if matches!(slot, Slot::Living { .. }) {
            self.lost_one();
        }
    }

    /// Turns a child's slot into one that cools down, and frees it in time.
    pub(crate) fn cool_down(self: &Arc<Self>, key: &K, number: u64) {
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
        self.arbiter().spawn(async move {
            sleep_until(until).await;
            if let Some(children) = Weak::upgrade(&children) {
                children.remove(&key, number);
            }
        });
    }

    fn arbiter(&self) -> ArbiterHandle {
        self.arbiter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lost_one(&self) {
        if self.living.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.end_stop();
        }
    }

    /// Reports the end of a stop, if there is one and nobody has yet.
    fn end_stop(&self) {
        let mut ended = None;
        self.stage.send_if_modified(|stage| {
            ended = match *stage {
                Stage::Stopping => Some(ExitReason::Shutdown),
                Stage::Dying => Some(ExitReason::Killed),
                Stage::Down | Stage::Open | Stage::Retired | Stage::Closed => None,
            };
            if ended.is_some() {
                *stage = Stage::Down;
            }
            ended.is_some()
        });
        if let Some(reason) = ended {
            let incarnation = self.incarnation.load(Ordering::SeqCst);
            self.report(Event::Exited { incarnation, reason });
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

    /// Tells what happened to a child, if anybody listens.
    pub(crate) fn tell(&self, child: &str, what: impl FnOnce() -> Lifecycle) {
        if let Some(commons) = self.commons.get().and_then(Weak::upgrade)
            && commons.bulletin.is_heard()
        {
            let path = Arc::from(format!("{}/{child}", self.path()));
            commons.bulletin.tell(&path, what());
        }
    }

    fn report(&self, event: Event) {
        if let Some(parent) = self.parent.get() {
            parent.report(event);
        }
    }

    pub(crate) fn living(&self) -> Vec<Handle<P>> {
        let living = self.slots.iter().filter_map(|slot| match slot.value() {
            Slot::Living { handle, .. } => Some(handle.clone()),
            Slot::CoolingDown { .. } => None,
        });
        living.collect()
    }
}

/// What its supervisor does with it.
impl<K, P> Children<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    pub(crate) fn attach(&self, path: &Arc<str>, parent: Box<dyn Watch>, commons: &Arc<Commons>) {
        let _ = self.path.set(Arc::clone(path));
        let _ = self.parent.set(parent);
        let _ = self.commons.set(Arc::downgrade(commons));
    }

    pub(crate) fn open(&self) {
        let incarnation = self.incarnation.fetch_add(1, Ordering::SeqCst) + 1;
        self.set_stage(Stage::Open);
        self.report(Event::Started { incarnation });
    }

    pub(crate) fn stop(&self) {
        if self.set_stage(Stage::Stopping) {
            for child in self.living() {
                child.shared().mailbox.say(child::stop_word(self.limits.timing.shutdown));
            }
            if self.len() == 0 {
                self.end_stop();
            }
        }
    }

    /// Ends all at once, and with them the dynamic supervisor; tells whether it was up.
    pub(crate) fn kill_all(&self) -> bool {
        let was_up = self.stage.send_if_modified(|stage| {
            let open = *stage == Stage::Open;
            if open {
                *stage = Stage::Dying;
            }
            open
        });
        if was_up {
            for child in self.living() {
                child.shared().mailbox.say(Word::Kill);
            }
            if self.len() == 0 {
                self.end_stop();
            }
        }
        was_up
    }

    pub(crate) fn retire(&self) {
        self.set_stage(Stage::Retired);
    }

    pub(crate) fn close(&self) {
        if self.set_stage(Stage::Closed) {
            for child in self.living() {
                child.shared().close();
            }
            self.report(Event::Gone);
        }
    }
}
