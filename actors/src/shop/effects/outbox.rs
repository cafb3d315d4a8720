//! Hands the mails to which entries lead over to msg.

use std::sync::Arc;

use ordershop_store::{Entry, EventLog};

use super::msg::NotAccepted;
use super::{Mail, MsgHandle};
use crate::runtime::{HandlerError, HandlerFuture};

/// The way to msg, and where facts are looked up that an entry does not carry.
#[derive(Clone)]
pub struct Outbox {
    /// Accepts mails.
    pub msg: MsgHandle,
    /// Knows what was when.
    pub log: Arc<dyn EventLog>,
}

impl Outbox {
    /// Has the mails accepted to which these entries lead; `mail` tells which one that is, if any.
    pub(super) fn accept(
        &self,
        entries: Arc<[Arc<Entry>]>,
        mail: impl AsyncFn(&dyn EventLog, &Entry) -> Result<Option<Mail>, HandlerError> + 'static,
    ) -> HandlerFuture {
        let Self { msg, log } = self.clone();
        Box::pin(async move {
            let mut mails = Vec::new();
            // For each mail the place of its entry.
            let mut causes = Vec::new();
            for (index, entry) in entries.iter().enumerate() {
                if let Some(mail) = mail(&*log, entry).await? {
                    mails.push(mail);
                    causes.push(index);
                }
            }
            msg.accept(mails).await.map_err(|refused| match refused {
                NotAccepted::Never { index, error } => {
                    HandlerError::unfit(&entries[causes[index]], error)
                }
                NotAccepted::NotNow(error) => HandlerError::away(error),
            })
        })
    }
}

/// Fails where the entry, to which a mail would be due, is one of another program that cannot be read
/// or holds no such entity.
pub(super) fn must_be_fit(entry: &Entry) -> Result<(), HandlerError> {
    crate::shop::foreign::check(entry).map_err(|reason| HandlerError::unfit(entry, reason))
}
