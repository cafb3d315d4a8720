//! Working on a delivery, for a subscriber that is held in memory: what it cannot handle is reported
//! and passed over, since it reads all of it again at its next start anyway.
//!
//! A handler that panicked has lost what it held. So another one begins, as at a start; and because
//! nobody knows which of several entries it was, those that were in hand come one at a time then.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{Entry, EntryId, Topic};
use ordershop_supervisors::Context;
use tokio::sync::oneshot;

use super::attempt::{Entries, Trouble, attempt};
use super::work::{FIRST_RETRY_DELAY, MAX_ATTEMPTS, MAX_RETRY_DELAY};
use super::{Handler, Subscription, begin_anew};

/// How many entries are remembered as suspect or passed over, at most: with more, it forgets them and
/// finds them out again.
const MAX_REMEMBERED: usize = 10_000;

type Place = (Topic, EntryId);

/// What is known of bad entries.
#[derive(Default)]
pub(super) struct Suspects {
    /// What was in hand when a handler panicked.
    in_hand: HashSet<Place>,
    /// How often each was tried alone, and failed.
    attempts: HashMap<Place, u32>,
    /// What is passed over.
    passed_over: HashSet<Place>,
}

/// A delivery that is being worked on, in pieces.
pub(super) struct Pieces {
    entries: Entries,
    finished: oneshot::Sender<()>,
    left: VecDeque<Entries>,
    delay: Duration,
}

fn place(entry: &Entry) -> Place {
    (entry.topic, entry.id)
}

fn one_by_one(entries: &[Arc<Entry>]) -> impl DoubleEndedIterator<Item = Entries> + '_ {
    entries.iter().map(|entry| -> Entries { Arc::new([Arc::clone(entry)]) })
}

impl Suspects {
    fn pieces(&self, entries: Entries, finished: oneshot::Sender<()>) -> Pieces {
        let is_known = !self.in_hand.is_empty() || !self.passed_over.is_empty();
        let left = if is_known {
            let kept: Vec<_> = entries
                .iter()
                .filter(|entry| !self.passed_over.contains(&place(entry)))
                .cloned()
                .collect();
            if kept.iter().any(|entry| self.in_hand.contains(&place(entry))) {
                one_by_one(&kept).collect()
            } else {
                VecDeque::from([Entries::from(kept)])
            }
        } else {
            VecDeque::from([Arc::clone(&entries)])
        };
        Pieces { entries, finished, left, delay: FIRST_RETRY_DELAY }
    }

    /// An entry failed alone; true where that was once too often.
    fn failed(&mut self, entry: &Entry) -> bool {
        if self.attempts.len() >= MAX_REMEMBERED {
            self.attempts.clear();
        }
        let attempts = self.attempts.entry(place(entry)).or_default();
        *attempts += 1;
        if *attempts < MAX_ATTEMPTS {
            return false;
        }
        if self.passed_over.len() >= MAX_REMEMBERED {
            self.passed_over.clear();
        }
        self.passed_over.insert(place(entry));
        true
    }
}

impl<H: Handler> Subscription<H> {
    /// A delivery has come.
    pub(super) fn deliver_in_memory(
        &mut self,
        entries: Entries,
        finished: oneshot::Sender<()>,
        ctx: &mut Context<'_, Self>,
    ) {
        let pieces = self.suspects.pieces(entries, finished);
        self.work_in_memory(pieces, ctx);
    }

    fn work_in_memory(&mut self, mut pieces: Pieces, ctx: &mut Context<'_, Self>) {
        let Some(piece) = pieces.left.pop_front() else {
            self.finish(pieces.entries.iter(), pieces.finished, ctx);
            return;
        };
        let handled = attempt(&mut self.handler, &self.options.name, &piece);
        ctx.spawn(handled, move |subscription, result, ctx| {
            match result {
                Ok(()) => subscription.work_in_memory(pieces, ctx),
                Err(Trouble::Away(reason)) => {
                    let subscriber = &subscription.options.name;
                    tracing::warn!(%subscriber, reason, "cannot handle events yet");
                    pieces.left.push_front(piece);
                    Self::again(pieces, ctx);
                }
                Err(Trouble::Unfit { culprit, reason }) => {
                    let named = piece.iter().find(|entry| place(entry) == culprit);
                    match named.or(piece.first().filter(|_| piece.len() == 1)) {
                        Some(entry) if subscription.fails(entry, &reason) => {
                            let rest: Vec<_> = piece
                                .iter()
                                .filter(|e| place(e) != place(entry))
                                .cloned()
                                .collect();
                            if !rest.is_empty() {
                                pieces.left.push_front(rest.into());
                            }
                            subscription.work_in_memory(pieces, ctx);
                        }
                        Some(_) => {
                            pieces.left.push_front(piece);
                            Self::again(pieces, ctx);
                        }
                        None => {
                            one_by_one(&piece).rev().for_each(|one| pieces.left.push_front(one));
                            subscription.work_in_memory(pieces, ctx);
                        }
                    }
                }
                Err(Trouble::Panicked(reason)) => {
                    subscription.panicked(&piece, &reason);
                    // The reader hears that this delivery was dropped, and forgets the subscriber.
                    drop(pieces);
                    subscription.renew(FIRST_RETRY_DELAY, ctx);
                }
            }
            Ok(())
        });
    }

    fn again(pieces: Pieces, ctx: &mut Context<'_, Self>) {
        let delay = pieces.delay;
        let pieces = Pieces { delay: (delay * 2).min(MAX_RETRY_DELAY), ..pieces };
        ctx.after(delay, |subscription, ctx| {
            subscription.work_in_memory(pieces, ctx);
            Ok(())
        });
    }

    /// An entry failed; true where it is passed over from now on.
    fn fails(&mut self, entry: &Entry, reason: &str) -> bool {
        let passed_over = self.suspects.failed(entry);
        if passed_over {
            let subscriber = &self.options.name;
            let Entry { topic, id, entity_id, .. } = entry;
            tracing::error!(%subscriber, %topic, %entity_id, %id, reason, "passed over");
            self.shown.passed_over();
        }
        passed_over
    }

    fn panicked(&mut self, piece: &[Arc<Entry>], reason: &str) {
        let subscriber = &self.options.name;
        tracing::warn!(%subscriber, reason, "another handler begins");
        match piece {
            [entry] => drop(self.fails(entry, reason)),
            several => {
                if self.suspects.in_hand.len() >= MAX_REMEMBERED {
                    self.suspects.in_hand.clear();
                }
                self.suspects.in_hand.extend(several.iter().map(|entry| place(entry)));
            }
        }
    }

    /// Has another handler begin, as at a start.
    fn renew(&mut self, delay: Duration, ctx: &mut Context<'_, Self>) {
        let begin = begin_anew(
            ctx.handle(),
            ctx.incarnation(),
            (self.make)(),
            Arc::clone(&self.log),
            self.reader.clone(),
            self.options.clone(),
        );
        let begin = async move {
            tokio::time::sleep(delay).await;
            begin.await
        };
        ctx.spawn(begin, move |subscription, begun, ctx| {
            match begun {
                Ok((handler, from)) => {
                    subscription.handler = handler;
                    subscription.finished = from;
                }
                Err(failure) => {
                    let subscriber = &subscription.options.name;
                    tracing::warn!(%subscriber, error = %failure.as_error(), "cannot begin again");
                    subscription.renew((delay * 2).min(MAX_RETRY_DELAY), ctx);
                }
            }
            Ok(())
        });
    }
}
