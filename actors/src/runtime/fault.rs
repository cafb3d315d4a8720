//! Faults on cue, for tests: a build with the feature `faults` can arm a panic.
//!
//! Without the feature, `point` is nothing at all.

use uuid::Uuid;

#[cfg(feature = "faults")]
mod armed {
    use std::collections::HashSet;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use uuid::Uuid;

    type Armed = Mutex<HashSet<(String, Uuid)>>;

    static ARMED: LazyLock<Armed> = LazyLock::new(Armed::default);

    pub(super) fn arm(topic: &str, entity_id: Uuid) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        armed.insert((topic.to_owned(), entity_id));
    }

    pub(super) fn take(topic: &str, entity_id: Uuid) -> bool {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        !armed.is_empty() && armed.remove(&(topic.to_owned(), entity_id))
    }
}

/// Makes the handler of that entity's next command panic, once.
#[cfg(feature = "faults")]
pub fn arm(topic: &str, entity_id: Uuid) {
    armed::arm(topic, entity_id);
}

/// A place in which a test can have the entity's handler panic.
#[cfg(feature = "faults")]
pub(crate) fn point(topic: &str, entity_id: Uuid) {
    assert!(!armed::take(topic, entity_id), "a fault armed for {topic} {entity_id}");
}

#[cfg(not(feature = "faults"))]
pub(crate) const fn point(_topic: &str, _entity_id: Uuid) {}
