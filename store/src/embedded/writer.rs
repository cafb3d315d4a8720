//! The writer thread: gathers the appends that wait, and makes them durable with one write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::active::Active;
use super::checkpointer::Wake;
use super::options::Options;
use super::shared::Shared;
use super::staging::Staging;
use crate::{Batch, LogError, Outcome};

/// How many appends may wait for the writer; further ones wait for room among them.
pub(super) const QUEUE_APPENDS: usize = 1024;

/// What an append gets.
pub(super) type Answer = Result<Vec<Outcome>, LogError>;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Append this batch.
    Append(Request),
    /// Write what came before this, and end.
    Close,
}

/// An append, as it waits for the writer.
#[derive(Debug)]
pub(super) struct Request {
    /// What to append; its cursors and snapshots are of topics that the log knows.
    pub(super) batch: Batch,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Answer>,
    /// Its place among those that wait.
    pub(super) room: OwnedSemaphorePermit,
}

/// The state of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    /// What it shares with the readers.
    pub(super) shared: Arc<Shared>,
    /// The end of the log.
    pub(super) active: Active,
    /// What it is told.
    pub(super) queue: Receiver<Message>,
    /// Tells when another checkpoint of the index is due.
    pub(super) checkpoints: Wake,
    /// The settings of the log.
    pub(super) options: Options,
    /// Set when it ends because it was told to, with nothing left open.
    pub(super) ended_well: Arc<AtomicBool>,
    /// Why it takes no more appends.
    pub(super) failure: Option<LogError>,
}

impl Writer {
    /// Runs until it is told to end.
    pub(super) fn run(mut self) {
        let mut staging = Staging::default();
        while let Ok(Message::Append(first)) = self.queue.recv() {
            let ends = self.write_group(first, &mut staging);
            staging.clear(self.options.max_batch_bytes);
            if ends {
                break;
            }
        }
        self.ended_well.store(true, Ordering::Release);
    }

    /// Writes this append and the ones that wait behind it; returns whether it was told to end.
    fn write_group(&mut self, first: Request, staging: &mut Staging) -> bool {
        let mut ends = false;
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(Request { batch, answer, room }) = next.take() {
            let outcomes = self.stage(batch, staging);
            answers.push((answer, outcomes, room));
            if staging.frames.len() < self.options.max_batch_bytes && answers.len() < QUEUE_APPENDS
            {
                match self.queue.try_recv() {
                    Ok(Message::Append(request)) => next = Some(request),
                    Ok(Message::Close) | Err(TryRecvError::Disconnected) => ends = true,
                    Err(TryRecvError::Empty) => {}
                }
            }
        }
        let written = self.write(staging);
        for (answer, outcomes, _room) in answers {
            // Whoever no longer waits for the answer does not want it.
            let _ = answer.send(written.clone().map(|()| outcomes));
        }
        ends
    }

    /// Decides about one append; where the log can't be read, it fails with all that is staged.
    fn stage(&mut self, batch: Batch, staging: &mut Staging) -> Vec<Outcome> {
        let limit_bytes = self.options.transaction_limit_bytes();
        let mut outcomes = Vec::with_capacity(batch.transactions.len());
        for transaction in batch.transactions {
            if self.failure.is_some() {
                return outcomes;
            }
            let clock = &*self.options.clock;
            match staging.decide(&self.shared, clock, limit_bytes, &transaction) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => self.fail(LogError::Failed(error.to_string())),
            }
        }
        for (name, topic, position) in batch.cursors {
            if let Some(topic) = self.shared.topics.number(topic.name()) {
                staging.set_cursor(&self.shared, topic, name, position);
            }
        }
        for (topic, entity_id, snapshot) in batch.snapshots {
            if let Some(number) = self.shared.topics.number(topic.name()) {
                staging.save_snapshot(number, topic, entity_id, &snapshot);
            }
        }
        outcomes
    }

    /// Makes durable and visible what is staged.
    fn write(&mut self, staging: &mut Staging) -> Result<(), LogError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if staging.frames.is_empty() {
            return Ok(());
        }
        match self.active.append(&mut staging.frames, &self.shared.segments) {
            Ok(offset) => {
                let end = self.active.end();
                {
                    let mut view = self.shared.view_mut();
                    staging.publish(&mut view, offset);
                    view.end = end;
                }
                self.checkpoints.log_ends_at(end.offset);
                self.shared.progress.send_modify(|progress| progress.batches += 1);
                Ok(())
            }
            Err(full @ LogError::Full(_)) => Err(full),
            Err(error) => {
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    fn fail(&mut self, error: LogError) {
        tracing::error!(%error, "the event log takes no more writes");
        self.failure = Some(error);
    }
}
