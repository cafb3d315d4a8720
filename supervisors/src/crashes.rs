//! The last children of a dynamic supervisor that failed, for people to see.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ExitReason;
use crate::introspect::Noted;

/// How many children that failed are remembered; an older one is forgotten.
const REMEMBERED: usize = 32;

/// The last children that failed, each once, the latest last.
pub(crate) struct Crashes<K>(Mutex<Inner<K>>);

struct Inner<K> {
    total: u64,
    last: VecDeque<Crash<K>>,
}

/// A child that failed.
#[derive(Clone)]
pub(crate) struct Crash<K> {
    pub(crate) key: K,
    pub(crate) incarnation: u64,
    pub(crate) failure: Noted,
}

impl<K: Clone + Eq> Crashes<K> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Inner { total: 0, last: VecDeque::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a failure.
    pub(crate) fn note(&self, key: &K, incarnation: u64, reason: &ExitReason) {
        let mut inner = self.lock();
        inner.total += 1;
        inner.last.retain(|crash| crash.key != *key);
        if inner.last.len() >= REMEMBERED {
            inner.last.pop_front();
        }
        let (key, failure) = (key.clone(), Noted::new(reason));
        inner.last.push_back(Crash { key, incarnation, failure });
    }

    /// How many there were, and the last ones, the latest first.
    pub(crate) fn all(&self) -> (u64, Vec<Crash<K>>) {
        let inner = self.lock();
        (inner.total, inner.last.iter().rev().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_each_once() {
        let crashes = Crashes::new();
        for key in 0..100 {
            crashes.note(&key, 1, &ExitReason::Killed);
        }
        crashes.note(&98, 2, &ExitReason::Killed);
        let (total, last) = crashes.all();
        let keys: Vec<_> = last.iter().map(|crash| crash.key).collect();
        assert_eq!((total, keys.len()), (101, REMEMBERED));
        assert_eq!(keys[..3], [98, 99, 97]);
        assert_eq!(last[0].incarnation, 2);
    }
}
