//! The check of a log that is read through the port alone: its streams, and where entities end in its index.
//!
//! What was committed when the check began is judged. Streams are read one after the other there, so a
//! transaction, or what belongs together in two topics, may lie on both sides of that end: what was
//! added until all was read is read, too, to explain what stands before.

mod rules;

use std::mem;
use std::sync::Arc;

use ordershop_actors::shop::topics;
use ordershop_store::{EntryId, EventLog, LogError, Page, Positions, Topic};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use self::rules::{Ends, Rules};
use super::line::{Line, Progress};
use crate::ops::past::has_reached;

/// How many entries are read at once.
const PAGE: usize = 512;
/// How many entities are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 128;
/// The topics that explain each other.
const EXPLAINING: [Topic; 2] = [topics::ORDER, topics::INVENTORY];

/// A check under way.
pub struct StreamCheck {
    log: Arc<dyn EventLog>,
    after: Positions,
    ends: Positions,
    stage: Stage,
    rules: Rules,
    /// What goes where the work goes, so that it ends with it.
    ballast: Option<Box<dyn Send>>,
}

enum Stage {
    Begin,
    /// Up to where the log ended at the begin.
    Judged,
    /// Up to where it ended when that was read.
    Explaining,
    /// Entities that are not looked up yet.
    Index(Vec<(Topic, Vec<Uuid>)>),
    Over,
}

impl StreamCheck {
    /// A check that begins.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            after: Positions::start(topics::ALL),
            ends: Positions::default(),
            stage: Stage::Begin,
            rules: Rules::default(),
            ballast: None,
        }
    }

    /// The same; that is held as long as there is work.
    #[must_use]
    pub fn holding(self, ballast: impl Send + 'static) -> Self {
        Self { ballast: Some(Box::new(ballast)), ..self }
    }

    /// Checks some more; gives what there is to tell.
    pub async fn step(&mut self) -> Result<Vec<Line>, LogError> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Begin => {
                self.ends = self.log.ends(topics::ALL.to_vec()).await?;
                self.rules.judge_up_to(Ends::of(&self.ends));
                self.stage = Stage::Judged;
            }
            Stage::Judged => {
                self.stage = if self.page().await? {
                    Stage::Judged
                } else {
                    let topics = self.rules.unfinished().chain(EXPLAINING);
                    let topics: std::collections::BTreeSet<Topic> = topics.collect();
                    self.after =
                        topics.iter().map(|topic| (*topic, self.after.of(*topic))).collect();
                    self.ends = self.log.ends(topics.into_iter().collect()).await?;
                    Stage::Explaining
                };
            }
            Stage::Explaining => {
                self.stage = if self.page().await? {
                    Stage::Explaining
                } else {
                    Stage::Index(self.rules.entities(LOOKED_UP_AT_ONCE))
                };
            }
            Stage::Index(mut left) => match left.pop() {
                Some((topic, ids)) => {
                    self.look_up(topic, ids).await?;
                    self.stage = Stage::Index(left);
                }
                None => self.rules.settle(),
            },
            Stage::Over => {}
        }
        Ok(self.rules.take_lines())
    }

    /// Takes in a page; returns whether there is more before the end.
    async fn page(&mut self) -> Result<bool, LogError> {
        let page = self.log.read(self.after.clone(), PAGE).await?;
        for entry in &page.entries {
            self.after.finish(entry);
        }
        let more = page.more && !has_reached(&self.after, &self.ends);
        let Page { entries, .. } = page;
        self.off_this_thread(move |rules| {
            for entry in &entries {
                rules.take(entry);
            }
            rules.tell_progress();
        })
        .await?;
        Ok(more)
    }

    /// Looks up the last entries of these entities; one by one, should the index be wrong about any.
    async fn look_up(&mut self, topic: Topic, ids: Vec<Uuid>) -> Result<(), LogError> {
        match self.log.latest(topic, ids.clone()).await {
            Ok(found) => {
                self.off_this_thread(move |rules| {
                    for (id, found) in ids.into_iter().zip(found) {
                        rules.ends_with(topic, id, found.as_deref());
                    }
                })
                .await
            }
            Err(LogError::Refused(_)) => {
                for id in ids {
                    match self.log.latest(topic, vec![id]).await {
                        Ok(mut found) => {
                            let found = found.pop().flatten();
                            self.rules.ends_with(topic, id, found.as_deref());
                        }
                        Err(LogError::Refused(reason)) => {
                            self.rules.is_not_indexed(topic, id, &reason);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Does work where it keeps nobody waiting.
    async fn off_this_thread(
        &mut self,
        work: impl FnOnce(&mut Rules) + Send + 'static,
    ) -> Result<(), LogError> {
        let (mut rules, ballast) = (mem::take(&mut self.rules), self.ballast.take());
        let worked = spawn_blocking(move || {
            work(&mut rules);
            (rules, ballast)
        });
        // It fails when the runtime goes down, or by a panic, which has been logged.
        (self.rules, self.ballast) = worked.await.map_err(|_| LogError::Closed)?;
        Ok(())
    }
}

/// How far between the first id and the end an id stands, in microseconds.
fn progress(first: EntryId, at: EntryId, end: EntryId, entries: u64) -> Progress {
    let micros = |id: EntryId| id.seconds().saturating_mul(1_000_000).saturating_add(id.micros());
    let all = micros(end).saturating_sub(micros(first));
    let done = micros(at).saturating_sub(micros(first)).min(all);
    Progress { done, all, entries }
}
