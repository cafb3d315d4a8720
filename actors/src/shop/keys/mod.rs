//! Idempotency keys: the same key and request have one effect, and one answer.
//!
//! A key is bound to its request and to a command id, durably, before the command is dispatched;
//! and its answer is durable before it leaves. So a key that comes again finds its answer; or it
//! finds that it was taken and never answered, because the process died or a part failed: then its
//! command is *resumed* under the id that it had, and has no second effect. In this process a key
//! that comes again while its command is under way waits for the same answer.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header, "The Idempotency-Key HTTP Header Field".

mod record;
mod under_way;

use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{EventLog, Refusal};
use uuid::Uuid;

pub(super) use self::record::KeyEvent;
use self::record::{Claim, Key, Record};
use self::under_way::{Place, UnderWay};
use super::{Accepted, CommandBus, CommandError, CommandFuture, ShopCommand};
use crate::runtime::JournalHandle;
use crate::runtime::fault::crash_point;

/// How often a key is looked up again because another process was faster to take it.
const MAX_LOOKS: usize = 8;

/// A key, and the request with which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The key, as the client made it.
    pub key: String,
    /// What tells its request from any other.
    pub fingerprint: Uuid,
}

/// Carries out commands that came with a key. Clones share what is under way.
#[derive(Clone)]
pub struct CommandKeys {
    log: Arc<dyn EventLog>,
    journal: JournalHandle,
    bus: Arc<dyn CommandBus>,
    /// How long a key is known.
    keep: Duration,
    under_way: UnderWay,
    /// Where commands go on when their client no longer waits.
    runtime: tokio::runtime::Handle,
}

impl CommandKeys {
    /// Keys in that log, of commands to that bus, each known for `keep`; `runtime` must live as long
    /// as the services do.
    pub fn new(
        log: Arc<dyn EventLog>,
        journal: JournalHandle,
        bus: Arc<dyn CommandBus>,
        keep: Duration,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self { log, journal, bus, keep, under_way: UnderWay::default(), runtime }
    }

    /// Has the command of a key carried out, once, or gives the answer that it had.
    ///
    /// The command gets `new_id` where the key is new. It goes on when the future is dropped.
    pub fn carry_out(
        &self,
        request: KeyedRequest,
        new_id: Uuid,
        time_us: i64,
        command: ShopCommand,
    ) -> CommandFuture {
        let KeyedRequest { key, fingerprint } = request;
        let key = Key::new(&key);
        let place = match self.under_way.enter(key, fingerprint) {
            Ok(Place::Second(answer)) => return Box::pin(answer.wait()),
            Ok(Place::First(place)) => place,
            Err(error) => return Box::pin(async move { Err(error) }),
        };
        let answer = place.answer();
        let keys = self.clone();
        let claim = Claim { command_id: new_id, fingerprint, time_us };
        self.runtime.spawn(async move {
            let result = keys.first(key, claim, command).await;
            place.leave(result);
        });
        Box::pin(answer.wait())
    }

    /// Takes the key and has its command carried out, or finds what became of it.
    async fn first(
        &self,
        key: Key,
        claim: Claim,
        command: ShopCommand,
    ) -> Result<Accepted, CommandError> {
        let time_us = claim.time_us;
        let (record, claim, resumed) = match self.take(key, claim).await? {
            Taken::Answered(answer) => return answer,
            Taken::Now(record, claim) => (record, claim, false),
            Taken::Before(record, claim) => (record, claim, true),
        };
        crash_point("key/after-taken");
        let answer = if resumed {
            self.bus.resume(claim.command_id, record.begin(), time_us, command).await
        } else {
            self.bus.dispatch(claim.command_id, time_us, command).await
        };
        crash_point("key/before-answer");
        let Some(answered) = record.answered(&claim, &answer) else {
            return answer;
        };
        match self.journal.append(answered).await {
            Ok(Ok(_)) => {
                crash_point("key/after-answer");
                answer
            }
            // Another process has answered meanwhile; that is the answer.
            Ok(Err(Refusal::Version { .. } | Refusal::Overtaken { .. })) => {
                let unclear = || CommandError::OutcomeUnknown("its key changed hands".to_owned());
                Record::read(self.log.as_ref(), key)
                    .await?
                    .answer()
                    .unwrap_or_else(|| Err(unclear()))
            }
            Ok(Err(refusal)) => Err(CommandError::OutcomeUnknown(refusal.to_string())),
            Err(error) => Err(CommandError::OutcomeUnknown(error.to_string())),
        }
    }

    async fn take(&self, key: Key, claim: Claim) -> Result<Taken, CommandError> {
        for _ in 0..MAX_LOOKS {
            let record = Record::read(self.log.as_ref(), key).await?;
            if let Some(before) = record.claim_at(claim.time_us, self.keep) {
                if before.fingerprint != claim.fingerprint {
                    return Err(reused());
                }
                return Ok(match record.answer() {
                    Some(answer) => Taken::Answered(answer),
                    None => Taken::Before(record, before),
                });
            }
            crash_point("key/before-taken");
            match self.journal.append(record.taken(&claim)).await {
                Ok(Ok(_)) => return Ok(Taken::Now(record.after_taking(&claim), claim)),
                Ok(Err(Refusal::Version { .. } | Refusal::Overtaken { .. })) => {}
                // Nothing was dispatched; should the key come into the log all the same, then the
                // next request with it finds it taken, and goes on from there.
                Ok(Err(refusal)) => return Err(CommandError::Unavailable(refusal.to_string())),
                Err(error) => return Err(CommandError::Unavailable(error.to_string())),
            }
        }
        Err(CommandError::Unavailable("too many others use this key".to_owned()))
    }
}

/// How a key was found.
enum Taken {
    /// It was free.
    Now(Record, Claim),
    /// It was taken, by the same request, and has no answer.
    Before(Record, Claim),
    /// It has an answer.
    Answered(Result<Accepted, CommandError>),
}

fn reused() -> CommandError {
    CommandError::KeyReused("this Idempotency-Key came before, with another request".to_owned())
}
