//! A delivery that is being worked on, as a state machine: what comes next, and what an outcome
//! means.
//!
//! First all that is not held back is handled at once. What turns out unfit leaves that batch
//! together with the later entries of its entity, so that the others do not wait for it; then each
//! such entity is tried again, one entry at a time, in rounds with growing waits; and at last what
//! still cannot be handled is set aside, with whatever must wait behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::Entry;

use super::attempt::{Entries, Trouble};
use crate::runtime::quarantine::{Quarantine, SetAside};

/// How often an unfit entry is tried until it is set aside.
pub(super) const MAX_ATTEMPTS: u32 = 5;
/// The first wait before something is tried again; it doubles up to [`MAX_RETRY_DELAY`].
pub(super) const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The longest wait before something is tried again.
pub(super) const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// An entity of which an entry may be unfit.
struct Doubtful {
    /// That entry, and what waits behind it.
    entries: VecDeque<Arc<Entry>>,
    /// How often it was tried.
    attempts: u32,
    /// Why it failed last.
    reason: String,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Step {
    /// Have the handler work on these, and tell [`Work::handled`].
    Handle(Entries),
    /// Wait so long, and ask again.
    Wait(Duration),
    /// Set these aside, durably, and tell [`Work::set_aside`].
    SetAside(Vec<SetAside>),
    /// All of it is handled or set aside.
    Finished,
}

/// A delivery that is being worked on.
pub(super) struct Work {
    /// All of it.
    pub(super) entries: Entries,
    /// Told when it is finished.
    pub(super) finished: tokio::sync::oneshot::Sender<()>,
    /// What is to be handled at once, in order.
    todo: VecDeque<Arc<Entry>>,
    /// A culprit that nobody named is among them, so each is handled alone.
    one_by_one: bool,
    /// How many of them the handler has in hand.
    in_hand: usize,
    doubtful: VecDeque<Doubtful>,
    /// How many of those are still to be tried in this round.
    round: usize,
    /// What is to be set aside, in order within each entity.
    aside: Vec<(Arc<Entry>, SetAside)>,
    delay: Duration,
    waits: bool,
    /// Whether a wait is under way.
    pub(super) rests: bool,
}

impl Work {
    pub(super) fn new(
        entries: Entries,
        finished: tokio::sync::oneshot::Sender<()>,
        quarantine: &Quarantine,
    ) -> Self {
        let mut work = Self {
            entries,
            todo: VecDeque::new(),
            finished,
            one_by_one: false,
            in_hand: 0,
            doubtful: VecDeque::new(),
            round: 0,
            aside: Vec::new(),
            delay: FIRST_RETRY_DELAY,
            waits: false,
            rests: false,
        };
        for entry in work.entries.iter() {
            let topic = entry.topic.name();
            if quarantine.knows(topic, entry.id) {
                continue;
            }
            if quarantine.of_entity(topic, entry.entity_id).next().is_some() {
                work.aside.push((Arc::clone(entry), SetAside::waiting(entry)));
            } else {
                work.todo.push_back(Arc::clone(entry));
            }
        }
        work
    }

    /// What comes next, seen what is set aside now.
    pub(super) fn next(&mut self, quarantine: &Quarantine) -> Step {
        if std::mem::take(&mut self.waits) {
            let delay = self.delay;
            self.delay = (delay * 2).min(MAX_RETRY_DELAY);
            return Step::Wait(delay);
        }
        if self.todo.is_empty() && self.doubtful.is_empty() {
            self.take_back(quarantine);
        }
        if !self.todo.is_empty() {
            self.in_hand = if self.one_by_one { 1 } else { self.todo.len() };
            return Step::Handle(self.todo.iter().take(self.in_hand).cloned().collect());
        }
        if let Some(first) = self.doubtful.front() {
            let entry = first.entries.front().expect("one without entries is taken away");
            return Step::Handle(Arc::new([Arc::clone(entry)]));
        }
        if self.aside.is_empty() {
            return Step::Finished;
        }
        Step::SetAside(self.aside.iter().map(|(_, aside)| aside.clone()).collect())
    }

    /// What waits behind nothing any more, since an operator released it, is handled after all.
    fn take_back(&mut self, quarantine: &Quarantine) {
        let mut held: Vec<Arc<Entry>> = Vec::new();
        for (entry, aside) in std::mem::take(&mut self.aside) {
            let topic = entry.topic.name();
            let waits = quarantine.of_entity(topic, entry.entity_id).next().is_some()
                || held.iter().any(|first| is_same_entity(first, &entry));
            if waits || !aside.only_waits() {
                held.push(Arc::clone(&entry));
                self.aside.push((entry, aside));
            } else {
                self.todo.push_back(entry);
            }
        }
    }

    /// The handler has worked on what it was given.
    pub(super) fn handled(&mut self, result: Result<(), Trouble>) {
        if self.todo.is_empty() {
            self.retried(result);
        } else {
            self.tried(result);
        }
    }

    /// It worked on some of `todo`.
    fn tried(&mut self, result: Result<(), Trouble>) {
        let (culprit, reason) = match result {
            Ok(()) => {
                self.todo.drain(..self.in_hand);
                self.delay = FIRST_RETRY_DELAY;
                self.one_by_one &= !self.todo.is_empty();
                self.round = self.doubtful.len();
                // The doubtful ones were tried just now.
                self.waits = self.todo.is_empty() && !self.doubtful.is_empty();
                return;
            }
            Err(Trouble::Away(_)) => {
                self.waits = true;
                return;
            }
            Err(Trouble::Unfit { culprit, reason }) => (Some(culprit), reason),
            Err(Trouble::Panicked(reason)) => (None, reason),
        };
        let named = culprit.and_then(|(topic, id)| {
            self.todo
                .iter()
                .take(self.in_hand)
                .position(|entry| (entry.topic, entry.id) == (topic, id))
        });
        match named {
            Some(at) => self.doubt(at, reason),
            None if self.in_hand == 1 => self.doubt(0, reason),
            None => self.one_by_one = true,
        }
    }

    /// Takes an entry and the later ones of its entity out of what is handled at once.
    fn doubt(&mut self, at: usize, reason: String) {
        let first = Arc::clone(&self.todo[at]);
        let mut entries = VecDeque::new();
        let mut index = 0;
        self.todo.retain(|entry| {
            let leaves = index >= at && is_same_entity(entry, &first);
            index += 1;
            if leaves {
                entries.push_back(Arc::clone(entry));
            }
            !leaves
        });
        self.doubtful.push_back(Doubtful { entries, attempts: 1, reason });
        self.round = self.doubtful.len();
        self.waits = self.todo.is_empty();
    }

    /// It worked on the first entry of the first doubtful entity.
    fn retried(&mut self, result: Result<(), Trouble>) {
        let Some(mut first) = self.doubtful.pop_front() else { return };
        match result {
            Ok(()) => {
                first.entries.pop_front();
                first.attempts = 0;
                if first.entries.is_empty() {
                    self.round = self.round.saturating_sub(1);
                } else {
                    self.doubtful.push_front(first);
                    return;
                }
            }
            Err(Trouble::Away(_)) => {
                self.doubtful.push_front(first);
                self.waits = true;
                return;
            }
            Err(Trouble::Unfit { reason, .. } | Trouble::Panicked(reason)) => {
                first.attempts += 1;
                first.reason = reason;
                self.round = self.round.saturating_sub(1);
                if first.attempts < MAX_ATTEMPTS {
                    self.doubtful.push_back(first);
                } else {
                    self.give_up(first);
                }
            }
        }
        if self.round == 0 {
            self.round = self.doubtful.len();
            self.waits = self.round > 0;
        }
    }

    fn give_up(&mut self, Doubtful { entries, reason, .. }: Doubtful) {
        for (index, entry) in entries.into_iter().enumerate() {
            let aside = match index {
                0 => SetAside::unfit(&entry, &reason),
                _ => SetAside::waiting(&entry),
            };
            self.aside.push((entry, aside));
        }
    }

    /// What was to be set aside is.
    pub(super) fn set_aside(&mut self) {
        self.aside.clear();
        self.delay = FIRST_RETRY_DELAY;
    }

    /// It could not be set aside: that is tried again after a wait.
    pub(super) fn not_set_aside(&mut self, delay: Option<Duration>) {
        self.waits = true;
        self.delay = delay.unwrap_or(self.delay);
    }
}

fn is_same_entity(one: &Entry, other: &Entry) -> bool {
    (one.topic, one.entity_id) == (other.topic, other.entity_id)
}
