//! What the server remembers of one client.

use ordershop_store::{EntryId, Topic};

use super::commands::Command;
use super::limits::{MAX_QUEUED_BYTES, MAX_QUEUED_COMMANDS};
use super::protocol::OwnedWords;

/// What becomes of replies, by `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReplyMode {
    /// They are sent.
    #[default]
    On,
    /// None is sent.
    Off,
    /// That to the next command is not sent.
    SkipNext,
    /// That to this command is not sent.
    Skip,
}

/// One client, as the server knows it.
pub(super) struct Session {
    /// Its number.
    pub(super) id: u64,
    /// Whether it may ask.
    pub(super) authenticated: bool,
    /// The command that it sent last.
    pub(super) last: &'static str,
    /// The transaction that it has begun.
    pub(super) transaction: Option<Transaction>,
    /// No query of it is answered from before these positions.
    pub(super) floor: Vec<(Topic, EntryId)>,
    /// What becomes of replies.
    pub(super) replies: ReplyMode,
    /// Whether the connection is to be closed behind the replies that wait.
    pub(super) closing: bool,
}

/// The commands between `MULTI` and `EXEC`.
#[derive(Default)]
pub(super) struct Transaction {
    /// The commands, in order.
    pub(super) queued: Vec<(&'static Command, OwnedWords)>,
    bytes: usize,
    /// Whether one was refused, so that none will be carried out.
    pub(super) broken: bool,
}

impl Transaction {
    /// Adds a command; whether there was room.
    pub(super) fn push(&mut self, command: &'static Command, words: OwnedWords) -> bool {
        self.bytes += words.len();
        if self.queued.len() >= MAX_QUEUED_COMMANDS || self.bytes > MAX_QUEUED_BYTES {
            self.queued.clear();
            self.broken = true;
            return false;
        }
        self.queued.push((command, words));
        true
    }
}
