//! Faults on cue, for tests: a build with the feature `faults` can arm a panic, or a crash.
//!
//! Without the feature, `point` and `crash_point` are nothing at all. The names of all crash points
//! stand in [`crate::crash_points`].

use ordershop_store::Entry;
use uuid::Uuid;

use super::HandlerError;

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

#[cfg(feature = "faults")]
mod unfit {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

    use uuid::Uuid;

    use super::Unfit;

    type Armed = HashMap<(String, String, Uuid), Unfit>;

    static ARMED: LazyLock<Mutex<Armed>> = LazyLock::new(Mutex::default);

    pub(super) fn armed() -> MutexGuard<'static, Armed> {
        ARMED.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "faults")]
mod crash {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        /// How often the process still comes there, the last time included.
        left: AtomicU64,
    }

    /// What the environment variable `ORDERSHOP_CRASH` names: `NAME` or `NAME@n`.
    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let text = std::env::var("ORDERSHOP_CRASH").ok()?;
        let (name, times) = text.split_once('@').unwrap_or((&text, "1"));
        let left = AtomicU64::new(times.parse().unwrap_or(1));
        Some(Armed { name: name.to_owned(), left })
    });

    pub(super) fn point(name: &str) {
        if let Some(armed) = &*ARMED
            && armed.name == name
            && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            // Nothing is unwound, flushed or closed: as with `kill -9`.
            std::process::abort();
        }
    }
}

/// A place in which a test can have the whole process die, with `ORDERSHOP_CRASH=NAME` or, the n-th
/// time that it comes here, `ORDERSHOP_CRASH=NAME@n`.
#[cfg(feature = "faults")]
pub fn crash_point(name: &str) {
    crash::point(name);
}

/// Nothing, in a build without faults.
#[cfg(not(feature = "faults"))]
pub const fn crash_point(_name: &str) {}

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

/// How a subscriber's handler fails on the events of an entity.
#[cfg(feature = "faults")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It says that it cannot handle them.
    Error,
    /// It panics.
    Panic,
}

/// Makes a subscriber's handler fail on every event of that entity, until it is told otherwise.
#[cfg(feature = "faults")]
pub fn arm_unfit(subscriber: &str, topic: &str, entity_id: Uuid, how: Option<Unfit>) {
    let key = (subscriber.to_owned(), topic.to_owned(), entity_id);
    match how {
        Some(how) => unfit::armed().insert(key, how),
        None => unfit::armed().remove(&key),
    };
}

/// A place in which a test can have a subscriber's handler fail on an entry.
#[cfg(feature = "faults")]
pub(crate) fn unfit_point(subscriber: &str, entry: &Entry) -> Option<HandlerError> {
    let key = (subscriber.to_owned(), entry.topic.name().to_owned(), entry.entity_id);
    let how = unfit::armed().get(&key).copied()?;
    let text = format!("a fault armed for {subscriber} on {} {}", entry.topic, entry.entity_id);
    assert!(how != Unfit::Panic, "{text}");
    Some(HandlerError::unfit(entry, text))
}

#[cfg(not(feature = "faults"))]
pub(crate) const fn unfit_point(_subscriber: &str, _entry: &Entry) -> Option<HandlerError> {
    None
}
