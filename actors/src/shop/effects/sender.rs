//! Sends the mails that were accepted, in order, and never forgets one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ordershop_store::Entry;

use super::Mail;
use super::msg::MAIL_ACCEPTED;
use crate::runtime::fault::crash_point;
use crate::runtime::{Handler, HandlerError, HandlerFuture};

/// Why mails could not be sent now.
pub type TransportError = Box<dyn std::error::Error + Send + Sync>;

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
        let mails: Result<Vec<Mail>, _> = entries
            .iter()
            .filter(|entry| entry.kind == MAIL_ACCEPTED)
            .map(|entry| serde_json::from_str(&entry.data))
            .collect();
        let transport = Arc::clone(&self.0);
        Box::pin(async move {
            let mails = mails.map_err(HandlerError::from)?;
            if !mails.is_empty() {
                crash_point("sender/before-mail");
            }
            transport.send(mails).await?;
            crash_point("sender/after-mails");
            Ok(())
        })
    }
}
