//! Runs foreign code so that its panic stays a value, and finds the askers it left without answer.
//!
//! A [`ReplyTo`](crate::ReplyTo) dropped by a crash is dropped before the crash is known: while
//! unwinding, or on the way out of a handler that returns an error. So while foreign code runs,
//! dropped ones are gathered per thread and told afterwards, with the reason.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::panic::{Panic, last_place};
use crate::{ExitReason, Lost};

/// An asker whose [`ReplyTo`](crate::ReplyTo) was dropped unanswered.
pub(crate) trait Orphan {
    fn lose(self: Box<Self>, lost: Lost);
}

/// The askers that a stretch of foreign code left without answer.
#[must_use = "the askers wait until they are told"]
#[derive(Default)]
pub(crate) struct Orphans(Vec<Box<dyn Orphan>>);

impl Orphans {
    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Tells them that the incarnation is over.
    pub(crate) fn exited(self, reason: &ExitReason) {
        for asker in self.0 {
            asker.lose(Lost::Exited(reason.clone()));
        }
    }

    /// Tells them that nobody is going to answer, though the incarnation goes on.
    #[inline]
    pub(crate) fn unanswered(self) {
        if self.0.is_empty() {
            return;
        }
        for asker in self.0 {
            asker.lose(Lost::Unanswered);
        }
    }
}

thread_local! {
    /// How many stretches of foreign code run inside each other on this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// How many askers are gathered. It spares the hot path the access to the list itself.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static GATHERED: RefCell<Vec<Box<dyn Orphan>>> = const { RefCell::new(Vec::new()) };
}

/// Takes an asker whose reply was dropped unanswered.
pub(crate) fn orphan(asker: Box<dyn Orphan>) {
    let mut asker = Some(asker);
    if DEPTH.get() > 0 {
        // The list is gone when the thread is: nobody gathers then.
        let _ = GATHERED.try_with(|gathered| {
            if let Ok(mut gathered) = gathered.try_borrow_mut() {
                gathered.extend(asker.take());
                COUNT.set(gathered.len());
            }
        });
    }
    if let Some(asker) = asker {
        asker.lose(Lost::Unanswered);
    }
}

/// Whether foreign code is running on this thread.
pub(crate) fn is_containing() -> bool {
    DEPTH.get() > 0
}

/// Runs foreign code; a panic comes back as a value.
pub(crate) fn contained<T>(code: impl FnOnce() -> T) -> (Result<T, Panic>, Orphans) {
    let first = COUNT.get();
    DEPTH.set(DEPTH.get() + 1);
    // Whatever a panic leaves half-changed in the process is dropped with it and never seen again.
    let result = catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let place = last_place();
        Panic { message: panic_message(payload), place }
    });
    DEPTH.set(DEPTH.get() - 1);
    (result, gathered_since(first))
}

fn gathered_since(first: usize) -> Orphans {
    if COUNT.get() == first {
        return Orphans::default();
    }
    COUNT.set(first);
    Orphans(GATHERED.with_borrow_mut(|gathered| gathered.split_off(first)))
}

/// Drops a foreign value, whose `Drop` may panic.
pub(crate) fn discard<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        let message = panic_message(payload);
        tracing::error!(panic = message, "a value panicked while it was dropped");
    }
}

/// Turns a panic's payload into text, and survives a payload that panics when dropped.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = match payload.downcast::<&'static str>() {
        Ok(text) => return (*text).to_owned(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => return *text,
            Err(payload) => {
                if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    // The next payload may be of the same kind, and so on: leaking one is cheaper.
                    std::mem::forget(second);
                }
                "a panic without text"
            }
        },
    };
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_kept() {
        let message = |code: fn()| contained(code).0.unwrap_err().message;
        assert_eq!(message(|| panic!("plain")), "plain");
        assert_eq!(message(|| panic!("no {}", 7)), "no 7");
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_survived() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(Bomb);
            }
        }
        let (result, _) = contained(|| std::panic::panic_any(Bomb));
        assert_eq!(
            result.map_err(|panic: Panic| panic.message),
            Err::<(), _>("a panic without text".to_owned())
        );
        discard(Bomb);
    }
}
