//! Accepts mails and drops them.

use std::future::Future;
use std::pin::Pin;

use ordershop_actors::shop::effects::{Mail, MailTransport, TransportError};

/// The transport to nowhere.
pub struct NoMail;

impl MailTransport for NoMail {
    fn send(
        &self,
        _: Vec<Mail>,
    ) -> Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
