//! Who lives at this moment, so that a test can tell what outlives it.
//!
//! Only built with the feature `testing`; otherwise being counted is nothing.

#[cfg(feature = "testing")]
pub(crate) use counted::{Counted, living};
#[cfg(not(feature = "testing"))]
pub(crate) use uncounted::Counted;

#[cfg(not(feature = "testing"))]
mod uncounted {
    /// Somebody of whom there is no count.
    pub(crate) struct Counted;

    impl Counted {
        pub(crate) fn new(_kind: &'static str, _name: &str) -> Self {
            Self
        }
    }
}

#[cfg(feature = "testing")]
mod counted {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use actix_rt::System;

    /// By actix system, as each test has one of its own, and a number.
    type Living = BTreeMap<(usize, u64), String>;

    static LIVING: Mutex<(u64, Living)> = Mutex::new((0, BTreeMap::new()));

    fn lock() -> MutexGuard<'static, (u64, Living)> {
        LIVING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who is counted until dropped.
    pub(crate) struct Counted(Option<(usize, u64)>);

    impl Counted {
        pub(crate) fn new(kind: &'static str, name: &str) -> Self {
            Self(System::try_current().map(|system| {
                let (next, living) = &mut *lock();
                *next += 1;
                let entry = (system.id(), *next);
                living.insert(entry, format!("{kind} {name}"));
                entry
            }))
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            if let Some(entry) = self.0 {
                lock().1.remove(&entry);
            }
        }
    }

    /// All of that system.
    pub(crate) fn living(system: usize) -> Vec<String> {
        lock().1.range((system, 0)..=(system, u64::MAX)).map(|(_, name)| name.clone()).collect()
    }
}
