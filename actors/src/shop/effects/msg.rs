//! The msg service: accepts mails, durably, each once.
//!
//! A mail is an entity of its own with one event, so that the log's version check keeps a second
//! copy out, and the entity's index is the memory of what was accepted.

use std::borrow::Cow;
use std::sync::Arc;

use ordershop_store::{Action, EntityWrite, NewEvent, Refusal, Transaction};
use ordershop_supervisors::{
    CellBuilder, ChildSpec, Context, Failure, Handle, Message, Process, Receive, ReplyTo,
};

use super::Mail;
use crate::runtime::fault::crash_point;
use crate::runtime::{AppendError, JournalHandle, event_id};
use crate::shop::{CommandError, topics};

/// The kind of the one event that a mail has.
pub(super) const MAIL_ACCEPTED: &str = "MailAccepted";
/// The version of that event's schema.
const MAIL_SCHEMA: u16 = 1;
/// How many requests wait for msg at most.
const MSG_CAPACITY: usize = 4096;

/// Asks for mails to be sent; the answer comes when all of them are durably accepted.
#[derive(Clone, Debug)]
pub struct AcceptMails(pub Vec<Mail>);

impl Message for AcceptMails {
    type Reply = Result<(), NotAccepted>;
}

/// Mails that were not, or not all, accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAccepted {
    /// One of them cannot be, whatever is tried.
    #[error("{error}")]
    Never {
        /// Its place among them, from 0.
        index: usize,
        /// Why.
        error: CommandError,
    },
    /// They cannot be accepted now.
    #[error(transparent)]
    NotNow(CommandError),
}

impl From<NotAccepted> for CommandError {
    fn from(refused: NotAccepted) -> Self {
        match refused {
            NotAccepted::Never { error, .. } | NotAccepted::NotNow(error) => error,
        }
    }
}

/// The actor of the msg service.
pub struct Msg {
    journal: JournalHandle,
}

impl Msg {
    /// The service, as a child for a supervisor, and the handle through which it is asked.
    pub fn child(journal: JournalHandle, cell: CellBuilder<Self>) -> (MsgHandle, ChildSpec) {
        let (handle, spec) = cell.capacity(MSG_CAPACITY).factory(move |_| {
            let journal = journal.clone();
            async move { Ok(Self { journal }) }
        });
        (MsgHandle(handle), spec)
    }
}

/// The one transaction by which a mail is accepted.
fn acceptance(mail: &Mail) -> Transaction {
    let entity_id = mail.entity_id();
    let data = serde_json::to_string(mail).expect("a mail is a struct of text and numbers");
    let event = NewEvent {
        action: Action::Internal,
        event_id: event_id(entity_id, entity_id, 0),
        kind: Cow::Borrowed(MAIL_ACCEPTED),
        schema: MAIL_SCHEMA,
        document: Arc::from(""),
        data: data.into(),
    };
    let write = EntityWrite { entity_id, expected: 0, last_event: None, events: vec![event] };
    Transaction {
        topic: topics::MAIL,
        command_id: entity_id,
        cause: Some(mail.event_id),
        writes: vec![write],
        claims: Vec::new(),
        releases: Vec::new(),
    }
}

impl Process for Msg {}

impl Receive<AcceptMails> for Msg {
    fn receive(
        &mut self,
        AcceptMails(mails): AcceptMails,
        reply: ReplyTo<Result<(), NotAccepted>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        let appends: Vec<_> =
            mails.iter().map(|mail| self.journal.append(acceptance(mail))).collect();
        let all = async move {
            for (index, append) in appends.into_iter().enumerate() {
                match append.await {
                    // A version behind the first one means that it was accepted before.
                    Ok(Ok(_) | Err(Refusal::Version { .. })) => {}
                    Ok(Err(refusal)) => {
                        return Err(NotAccepted::Never { index, error: refusal.into() });
                    }
                    Err(error) => return Err(NotAccepted::NotNow(AppendError::into(error))),
                }
            }
            Ok(())
        };
        ctx.spawn(all, |_, result, _| {
            crash_point("msg/after-accept");
            reply.send(result);
            Ok(())
        });
        Ok(())
    }
}

/// The way to msg.
#[derive(Clone)]
pub struct MsgHandle(Handle<Msg>);

impl MsgHandle {
    /// Has mails accepted, durably.
    pub async fn accept(&self, mails: Vec<Mail>) -> Result<(), NotAccepted> {
        if mails.is_empty() {
            return Ok(());
        }
        match self.0.ask(AcceptMails(mails)).await {
            Ok(result) => result,
            Err(ordershop_supervisors::AskError::Lost(reason)) => {
                Err(NotAccepted::NotNow(CommandError::OutcomeUnknown(reason.to_string())))
            }
            Err(undelivered) => {
                Err(NotAccepted::NotNow(CommandError::Unavailable(undelivered.to_string())))
            }
        }
    }
}
