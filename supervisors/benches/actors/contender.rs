//! What every contender can do, and what is asked of each in one sample.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};

use crate::Failure;

/// So many tells are queued before the actor has its turn; a mailbox of the default size takes them.
pub(crate) const BURST: u64 = 1_000;
/// So many tells are queued by a producer that never waits.
pub(crate) const BACKLOG: u64 = 200_000;
/// How many asks are under way at once.
const AT_ONCE: usize = 256;
/// How many asks, one after the other, are one sample.
const ASKS: u64 = 2_000;
/// How many of those at once are one sample.
const ASKS_AT_ONCE: u64 = 5_120;
/// How many spawned actors are one sample.
const SPAWNS: u64 = 1_000;

/// An actor that adds numbers up.
pub(crate) trait Contender: Clone + Send + 'static {
    /// Sends a number; whether it was taken.
    fn tell(&self, number: u64) -> bool;

    /// Sends a number and waits for the sum.
    fn ask(&self, number: u64) -> impl Future<Output = u64> + Send;
}

/// Actors of one kind that come to be one by one.
pub(crate) trait Crowd: Sized {
    /// None of them yet.
    fn empty() -> impl Future<Output = Result<Self, Failure>>;

    /// Makes so many more, and has an answer of each.
    fn grow(&mut self, count: u64) -> impl Future<Output = ()>;

    /// Ends all of them.
    fn disband(self) -> impl Future<Output = ()>;
}

/// Samples are told for so many operations: of one the nanoseconds would be too coarse.
pub(crate) const SCALE: u32 = 1_000;

/// How long [`SCALE`] of so many operations took.
fn each(begun: Instant, operations: u64) -> Duration {
    begun.elapsed() * SCALE / u32::try_from(operations).unwrap_or(u32::MAX)
}

async fn pile<C: Contender>(actor: C, length: u64) -> Duration {
    let begun = Instant::now();
    for _ in 1..length {
        assert!(actor.tell(1), "the mailbox is too small for this sample");
    }
    actor.ask(1).await;
    each(begun, length)
}

/// A burst of tells, until all are handled.
pub(crate) async fn bursts<C: Contender>(actor: C) -> Duration {
    pile(actor, BURST).await
}

/// Many more tells than any burst, until all are handled.
pub(crate) async fn backlog<C: Contender>(actor: C) -> Duration {
    pile(actor, BACKLOG).await
}

/// Asks, each after the answer to the one before.
pub(crate) async fn asks<C: Contender>(actor: C) -> Duration {
    let begun = Instant::now();
    for _ in 0..ASKS {
        actor.ask(1).await;
    }
    each(begun, ASKS)
}

/// Asks, [`AT_ONCE`] of them under way at any moment.
pub(crate) async fn asks_at_once<C: Contender>(actor: C) -> Duration {
    let begun = Instant::now();
    let asks = stream::iter(0..ASKS_AT_ONCE).map(|_| actor.ask(1)).buffer_unordered(AT_ONCE);
    asks.for_each(|_| async {}).await;
    each(begun, ASKS_AT_ONCE)
}

/// Actors that come to be, each after the first answer of the one before.
pub(crate) async fn spawns<C: Crowd>() -> Duration {
    let mut crowd = C::empty().await.expect("what starts once starts again");
    let begun = Instant::now();
    crowd.grow(SPAWNS).await;
    let each = each(begun, SPAWNS);
    crowd.disband().await;
    each
}
