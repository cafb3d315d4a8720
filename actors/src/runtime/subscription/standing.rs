//! How a subscriber stands, for whoever looks at it.

use std::sync::{Arc, Mutex, PoisonError};

/// How a subscriber stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many entries it has set aside, or (held in memory) passed over since its start.
    pub set_aside: usize,
    /// Why it does not get on, while it does not.
    pub held_up: Option<String>,
}

/// A standing that others look at.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Standing>>);

impl Shown {
    pub(super) fn standing(&self) -> Standing {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_aside(&self, count: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).set_aside = count;
    }

    pub(super) fn passed_over(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).set_aside += 1;
    }

    /// Says why the subscriber does not get on; true where that is news.
    pub(super) fn held_up(&self, reason: &str) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = standing.held_up.as_deref() != Some(reason);
        standing.held_up = Some(reason.to_owned());
        is_news
    }

    /// It gets on; true where it did not.
    pub(super) fn gets_on(&self) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standing.held_up.take().is_some()
    }
}
