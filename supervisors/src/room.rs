//! The free places of a mailbox.
//!
//! A semaphore would do, but it takes a lock for each place given back; here, as long as nobody
//! waits, taking a place and giving it back are one atomic operation each.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The free places of a mailbox.
pub(crate) struct Room {
    capacity: usize,
    taken: AtomicUsize,
    /// Those who wait. While there are any, nobody else takes a place before them.
    waiting: AtomicUsize,
    freed: Notify,
    closed: AtomicBool,
}

/// There will never be room again.
#[derive(Debug)]
pub(crate) struct Closed;

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// The places taken, and those who wait for one.
    pub(crate) fn wanted(&self) -> usize {
        self.taken() + self.waiting.load(Ordering::SeqCst)
    }

    /// Takes a place, if there is one and nobody waits for it.
    pub(crate) fn try_take(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.take()
    }

    fn take(&self) -> bool {
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
                (taken < self.capacity).then_some(taken + 1)
            })
            .is_ok()
    }

    /// Waits for a place and takes it.
    pub(crate) async fn wait(&self) -> Result<(), Closed> {
        if self.try_take() {
            return Ok(());
        }
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on no call of `give_back` or `close` is missed.
            freed.as_mut().enable();
            if self.closed.load(Ordering::SeqCst) {
                return Err(Closed);
            }
            if self.take() {
                return Ok(());
            }
            freed.await;
        }
    }

    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_one();
        }
    }

    /// Sends away those who wait.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.freed.notify_waiters();
    }
}

/// Somebody who waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::{FutureExt, join_all};

    use super::*;

    fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        future.now_or_never()
    }

    #[test]
    fn nobody_takes_a_place_before_those_who_wait() {
        actix_rt::System::new().block_on(async {
            let room = Room::new(1);
            assert!(room.try_take());
            let mut waiter = Box::pin(room.wait());
            assert!(poll_once(&mut waiter).is_none());
            room.give_back();
            assert!(!room.try_take());
            waiter.await.unwrap();
            room.give_back();
            assert!(room.try_take());
        });
    }

    #[test]
    fn a_waiter_that_gives_up_hands_its_turn_on() {
        actix_rt::System::new().block_on(async {
            let room = Room::new(1);
            assert!(room.try_take());
            let mut first = Box::pin(room.wait());
            let mut second = Box::pin(room.wait());
            assert!(poll_once(&mut first).is_none());
            assert!(poll_once(&mut second).is_none());
            room.give_back();
            drop(first);
            second.await.unwrap();
        });
    }

    #[test]
    fn no_wake_up_is_lost_between_threads() {
        actix_rt::System::new().block_on(async {
            let room = Arc::new(Room::new(2));
            let arbiter = actix_rt::Arbiter::new();
            let (sender, mut places) = tokio::sync::mpsc::unbounded_channel::<()>();
            let other = Arc::clone(&room);
            arbiter.spawn(async move {
                while places.recv().await.is_some() {
                    other.give_back();
                }
            });
            join_all((0..20_000).map(|_| async {
                room.wait().await.unwrap();
                assert!(room.taken() <= 2);
                sender.send(()).unwrap();
            }))
            .await;
            drop(sender);
            arbiter.stop();
            arbiter.join().unwrap();
        });
    }

    #[test]
    fn closing_sends_all_away() {
        actix_rt::System::new().block_on(async {
            let room = Room::new(1);
            assert!(room.try_take());
            let waiters = join_all((0..10).map(|_| room.wait()));
            let (results, ()) = futures_util::future::join(waiters, async { room.close() }).await;
            assert!(results.iter().all(Result::is_err));
            assert!(room.wait().await.is_err());
        });
    }
}
