//! Sends the mails that were accepted, in order, and never forgets one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ordershop_store::Entry;

use super::Mail;
use super::msg::MAIL_ACCEPTED;
use crate::runtime::fault::crash_point;
use crate::runtime::{Handler, HandlerError, HandlerFuture};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why mails could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// They cannot be sent now; all or some may have left.
    #[error("mails cannot be sent now")]
    Away(#[source] Source),
    /// One of them can never be sent as it is.
    #[error("mail number {index} can never be sent")]
    Unfit {
        /// Its place among them, from 0.
        index: usize,
        /// What is wrong with it.
        source: Source,
    },
}

impl TransportError {
    /// They cannot be sent now.
    pub fn away(source: impl Into<Source>) -> Self {
        Self::Away(source.into())
    }
}

/// How mails leave the house.
pub trait MailTransport: Send + Sync + 'static {
    /// Sends these, in order; done when all have left for good. After an error or a crash the same
    /// ones come again, and the receiver must be able to tell (by the Message-ID).
    fn send(
        &self,
        mails: Vec<Mail>,
    ) -> Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send>>;
}

/// The handler of accepted mails.
pub struct MailSender(pub Arc<dyn MailTransport>);

impl Handler for MailSender {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let mut mails: Vec<Mail> = Vec::new();
        let mut accepted = Vec::new();
        for entry in entries.iter().filter(|entry| entry.kind == MAIL_ACCEPTED) {
            match serde_json::from_str(&entry.data) {
                Ok(mail) => mails.push(mail),
                Err(error) => {
                    let error = HandlerError::unfit(entry, error);
                    return Box::pin(std::future::ready(Err(error)));
                }
            }
            accepted.push(Arc::clone(entry));
        }
        let transport = Arc::clone(&self.0);
        Box::pin(async move {
            if !mails.is_empty() {
                crash_point("sender/before-mail");
            }
            transport.send(mails).await.map_err(|error| match error {
                TransportError::Away(source) => HandlerError::Away(source),
                TransportError::Unfit { index, source } => match accepted.get(index) {
                    Some(entry) => HandlerError::unfit(entry, source),
                    None => HandlerError::Away(source),
                },
            })?;
            crash_point("sender/after-mails");
            Ok(())
        })
    }
}
