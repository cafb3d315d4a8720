//! The event-sourced entity: one actor for each aggregate instance that is in use.
//!
//! It loads from the log, then for each command decides, appends, and answers when the append is
//! durable. It decides the next command on the state that the appends in flight will give, so that
//! a busy entity is not bound to one command for each wait on the disk; but it answers in order,
//! and only what is durable. Each append names the event on which it was decided, so that a chain
//! of appends breaks at its first refusal: then the entity loads again and decides again whatever
//! is not answered, a bounded number of times.
//!
//! An entity that cannot read the log, since its server is away, has not failed: it refuses what it was
//! asked, and goes; whoever asks next has it load again.

mod entities;
mod message;
mod pending;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordershop_store::{EntryId, EventLog, Outcome, Refusal, Transaction};
use ordershop_supervisors::{Context, Failure, Process, Receive, ReplyTo};
use uuid::Uuid;

use self::message::InspectOf;
use self::pending::{Answer, Asked, ExecuteReply, Pending, Progress};
use super::replay::{Replayed, replay};
use super::{AppendError, EventSourced, JournalHandle, ReplayError, decide, fault, snapshot};

pub use self::entities::Entities;
pub use self::message::{EntityOptions, EntityState, Execute, ExecuteError, Executed};

/// How often a command is decided again after a conflict with another writer.
const MAX_DECISIONS: u32 = 8;

/// The process of one entity.
pub struct Entity<A: EventSourced> {
    id: Uuid,
    log: Arc<dyn EventLog>,
    journal: JournalHandle,
    options: EntityOptions,
    /// The state that the appends in flight will give.
    ahead: Replayed<A>,
    /// What was asked and not yet answered, in order.
    pending: VecDeque<Pending<A>>,
    /// How much was answered so far: the number of the first pending one.
    answered: u64,
    /// How much was decided so far: the number of the first undecided one.
    decided: u64,
    /// How many appends have no outcome yet.
    in_flight: usize,
    /// A refusal broke the chain of appends: nothing is decided until the entity has loaded again,
    /// which waits for the outcome of every append in flight.
    broken: bool,
    /// Where its last event stands that is known to be durable.
    durable: Option<EntryId>,
    /// The log is asked whether the state is behind it: nothing is decided until it has answered.
    verifying: bool,
    /// Why it could not load, where the log could not be read.
    unloaded: Option<String>,
    last_used: Instant,
}

impl<A: EventSourced> Entity<A> {
    /// Loads the entity.
    async fn load(
        id: Uuid,
        log: Arc<dyn EventLog>,
        journal: JournalHandle,
        options: EntityOptions,
    ) -> Result<Self, Failure> {
        let (ahead, unloaded) = match replay::<A>(log.as_ref(), id).await {
            Ok(ahead) => (ahead, None),
            Err(error) if error.passes() => (Replayed::nothing(), Some(error.to_string())),
            Err(error) => return Err(Failure::new(error)),
        };
        let ahead_position = ahead.last_position;
        Ok(Self {
            id,
            log,
            journal,
            options,
            ahead,
            pending: VecDeque::new(),
            answered: 0,
            decided: 0,
            in_flight: 0,
            broken: false,
            durable: ahead_position,
            verifying: false,
            unloaded,
            last_used: Instant::now(),
        })
    }

    fn push(&mut self, asked: Asked<A>, ctx: &mut Context<'_, Self>) {
        self.last_used = Instant::now();
        self.pending.push_back(Pending { asked, progress: Progress::Undecided });
        match self.unloaded.take() {
            None => self.decide_pending(ctx),
            Some(reason) => self.refuse_all(reason, ctx),
        }
    }

    /// Refuses what is undecided, and goes: the log cannot be read now.
    fn refuse_all(&mut self, reason: String, ctx: &mut Context<'_, Self>) {
        for Pending { asked, progress } in self.pending.drain(..) {
            match (asked, progress) {
                (Asked::Command { reply, .. }, Progress::Done(Answer::Executed(result))) => {
                    reply.send(result);
                }
                (Asked::Command { reply, .. }, _) => {
                    reply.send(Err(ExecuteError::Unavailable(reason.clone())));
                }
                (Asked::State(reply), Progress::Done(Answer::State(state))) => reply.send(*state),
                // Whoever asked for a state hears that the entity is gone.
                (Asked::State(reply), _) => drop(reply),
            }
        }
        self.unloaded = Some(reason);
        ctx.stop();
    }

    /// Decides what is undecided, in order, each on the state that the one before will give.
    fn decide_pending(&mut self, ctx: &mut Context<'_, Self>) {
        if self.broken {
            // Until it has loaded again, what stands behind the refused one is no answer.
            return;
        }
        while !self.verifying {
            let (number, at) = (self.decided, self.index(self.decided));
            let Some(pending) = self.pending.get(at) else { break };
            if matches!(pending.progress, Progress::Undecided) {
                let progress = self.decide_one(number, ctx);
                if matches!(progress, Progress::Unverified(_)) {
                    self.verify(number, ctx);
                }
                self.pending[at].progress = progress;
            }
            self.decided += 1;
        }
        self.answer();
        let never_was = self.ahead.version == 0 && self.pending.is_empty();
        if never_was && ctx.depth() == 0 {
            // Ids that nobody has, asked for at random, shall not fill the memory.
            ctx.stop();
        }
    }

    /// Asks the log whether an answer without an event was decided on a state that is behind it.
    fn verify(&mut self, number: u64, ctx: &mut Context<'_, Self>) {
        self.verifying = true;
        let (log, id, version) = (Arc::clone(&self.log), self.id, self.ahead.version);
        let last = async move { log.latest(A::TOPIC, vec![id]).await };
        ctx.spawn(last, move |entity, last, ctx| {
            entity.verifying = false;
            let last = match last {
                Err(error) if error.passes() => {
                    entity.refuse_all(error.to_string(), ctx);
                    return Ok(());
                }
                last => last.map_err(Failure::new)?.into_iter().flatten().next(),
            };
            if last.as_ref().map_or(0, |entry| entry.version) != version {
                entity.reload(ctx);
                return Ok(());
            }
            entity.durable = last.map(|entry| entry.id);
            let at = entity.index(number);
            let progress = &mut entity.pending[at].progress;
            *progress = match std::mem::replace(progress, Progress::Undecided) {
                Progress::Unverified(answer) => Progress::Done(answer),
                other => other,
            };
            entity.decide_pending(ctx);
            Ok(())
        });
    }

    /// An answer without an event. Where an append is in flight, its acceptance will prove that
    /// the state was the log's; otherwise the log must be asked.
    fn without_event(&self, answer: Answer<A>) -> Progress<A> {
        if self.in_flight > 0 { Progress::Done(answer) } else { Progress::Unverified(answer) }
    }

    /// Where the pending one with that number stands.
    fn index(&self, number: u64) -> usize {
        usize::try_from(number - self.answered).expect("pending ones fit in memory")
    }

    fn decide_one(&mut self, number: u64, ctx: &mut Context<'_, Self>) -> Progress<A> {
        let at = self.index(number);
        let pending = &mut self.pending[at];
        let (execute, decisions) = match &mut pending.asked {
            Asked::Command { execute, decisions, .. } => (execute, decisions),
            Asked::State(_) => {
                let Replayed { state, version, last_event, .. } = self.ahead.clone();
                let state = EntityState { state, version, last_event };
                return self.without_event(Answer::State(Box::new(state)));
            }
        };
        if execute.only_at.is_some_and(|version| version != self.ahead.version) {
            return self.without_event(Answer::Executed(Err(ExecuteError::Moved)));
        }
        *decisions += 1;
        if *decisions > MAX_DECISIONS {
            return Progress::refused(ExecuteError::Contended);
        }
        let decided = decide(
            &self.ahead.state,
            self.ahead.version,
            self.ahead.last_event,
            self.id,
            execute.command_id,
            &execute.command,
        );
        let decision = match decided {
            Ok(Some(decision)) => decision,
            Ok(None) => {
                let executed = Executed { position: None, repeated: true };
                return self.without_event(Answer::Executed(Ok(executed)));
            }
            Err(rejection) => {
                let error = ExecuteError::Rejected(rejection);
                return self.without_event(Answer::Executed(Err(error)));
            }
        };
        self.ahead.version = decision.version();
        self.ahead.last_event = decision.last_event();
        fault::crash_point("entity/before-append");
        let mut writes = Vec::with_capacity(1 + execute.companions.len());
        writes.push(decision.write);
        writes.extend(execute.companions.iter().cloned());
        let append = self.journal.append(Transaction {
            topic: A::TOPIC,
            command_id: execute.command_id,
            cause: None,
            writes,
            claims: decision.claims,
            releases: decision.releases,
        });
        self.ahead.state = decision.state;
        self.in_flight += 1;
        ctx.spawn(append, move |entity, outcome, ctx| {
            entity.settle(number, outcome, ctx);
            Ok(())
        });
        Progress::InFlight
    }

    /// Takes the outcome of an append.
    fn settle(
        &mut self,
        number: u64,
        outcome: Result<Outcome, AppendError>,
        ctx: &mut Context<'_, Self>,
    ) {
        let own_id = self.id;
        self.in_flight -= 1;
        let (progress, chain_holds) = match outcome {
            Ok(Ok(committed)) => {
                self.durable = self.durable.max(committed.ids.last().copied());
                let first_of_all = committed.ids.first().copied();
                self.ahead.first_position = self.ahead.first_position.or(first_of_all);
                let executed = Executed { position: self.durable, repeated: false };
                (Progress::Done(Answer::Executed(Ok(executed))), true)
            }
            Ok(Err(Refusal::Version { entity_id, .. } | Refusal::Overtaken { entity_id, .. }))
                if entity_id == own_id =>
            {
                (Progress::Undecided, false)
            }
            Ok(Err(Refusal::Version { entity_id, .. } | Refusal::Overtaken { entity_id, .. })) => {
                (Progress::refused(ExecuteError::CompanionChanged(entity_id)), false)
            }
            Ok(Err(Refusal::Taken { key, holder })) => {
                (Progress::refused(ExecuteError::Taken { key, holder }), false)
            }
            Ok(Err(Refusal::Malformed(reason))) => {
                (Progress::refused(ExecuteError::Unfit(reason)), false)
            }
            Err(error) if error.leaves_outcome_open() => {
                (Progress::refused(ExecuteError::Unknown(error.to_string())), false)
            }
            Err(error) => (Progress::refused(ExecuteError::Unavailable(error.to_string())), false),
        };
        let at = self.index(number);
        self.pending[at].progress = progress;
        self.broken |= !chain_holds;
        if !self.broken {
            self.answer();
            self.snapshot_when_due();
        } else if self.in_flight == 0 {
            self.reload(ctx);
        }
    }

    /// Loads again; whatever is not durable is decided again on what the log holds.
    fn reload(&mut self, ctx: &mut Context<'_, Self>) {
        self.broken = true;
        self.decided = self.answered;
        for pending in &mut self.pending {
            if !pending.progress.is_final() {
                pending.progress = Progress::Undecided;
            }
        }
        let log = Arc::clone(&self.log);
        let id = self.id;
        ctx.spawn(async move { replay::<A>(log.as_ref(), id).await }, |entity, replayed, ctx| {
            entity.ahead = match replayed {
                Err(error) if error.passes() => {
                    entity.refuse_all(error.to_string(), ctx);
                    return Ok(());
                }
                replayed => replayed.map_err(|error: ReplayError| Failure::new(error))?,
            };
            entity.durable = entity.ahead.last_position;
            entity.broken = false;
            entity.decide_pending(ctx);
            Ok(())
        });
    }

    /// Answers from the front, as far as answers are known.
    fn answer(&mut self) {
        while let Some(front) = self.pending.front() {
            if !matches!(front.progress, Progress::Done(_)) {
                return;
            }
            let Some(Pending { asked, progress, .. }) = self.pending.pop_front() else {
                return;
            };
            self.answered += 1;
            match (asked, progress) {
                (Asked::Command { reply, .. }, Progress::Done(Answer::Executed(result))) => {
                    fault::crash_point("entity/before-answer");
                    // What was carried out before can be seen where the entity's last event can.
                    reply.send(result.map(|executed| Executed {
                        position: executed.position.or(self.durable),
                        ..executed
                    }));
                }
                (Asked::State(reply), Progress::Done(Answer::State(state))) => reply.send(*state),
                _ => unreachable!("a command is executed, a question for the state gets a state"),
            }
        }
    }

    /// Saves a snapshot, if many events have come since the last; nobody waits for it.
    ///
    /// It may be of a state that never comes to be, if an append in flight is refused; whoever loads
    /// it notices, since the log then has another event at that version.
    fn snapshot_when_due(&mut self) {
        if self.ahead.version.saturating_sub(self.ahead.snapshot_version)
            < self.options.snapshot_every
        {
            return;
        }
        if let Some(snapshot) = snapshot::take(&self.ahead) {
            self.journal.save_snapshot(A::TOPIC, self.id, snapshot);
        }
        self.ahead.snapshot_version = self.ahead.version;
    }

    /// Goes away when nobody has asked for anything for a while.
    fn watch_idleness(&self, ctx: &mut Context<'_, Self>) {
        let idle_timeout = self.options.idle_timeout;
        let wait = idle_timeout.saturating_sub(self.last_used.elapsed());
        ctx.after(wait.max(Duration::from_millis(1)), move |entity, ctx| {
            let idle = entity.last_used.elapsed() >= idle_timeout;
            if idle && entity.pending.is_empty() && ctx.depth() == 0 {
                ctx.stop();
            } else {
                entity.watch_idleness(ctx);
            }
            Ok(())
        });
    }
}

impl<A: EventSourced> Process for Entity<A> {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        self.watch_idleness(ctx);
        self.snapshot_when_due();
        Ok(())
    }
}

impl<A: EventSourced> Receive<Execute<A>> for Entity<A> {
    fn receive(
        &mut self,
        execute: Execute<A>,
        reply: ExecuteReply<A>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        fault::point(A::TOPIC.name(), self.id);
        if self.pending.len() >= self.options.max_pending {
            reply.send(Err(ExecuteError::Unavailable("too many commands wait for it".to_owned())));
        } else {
            self.push(Asked::Command { execute, reply, decisions: 0 }, ctx);
        }
        Ok(())
    }
}

impl<A: EventSourced> Receive<InspectOf<A>> for Entity<A> {
    fn receive(
        &mut self,
        _: InspectOf<A>,
        reply: ReplyTo<EntityState<A>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        self.push(Asked::State(reply), ctx);
        Ok(())
    }
}
