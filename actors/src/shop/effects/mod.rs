//! What follows from events outside the log: mails.
//!
//! crm and billing listen to topics and hand mails to msg; msg keeps them durably and sends them.
//! Every step is idempotent: a mail's id comes from the event and the purpose, accepting the same
//! mail twice keeps one, and sending starts behind msg's own cursor.

mod billing_mails;
mod crm;
mod mail;
mod msg;
mod outbox;
mod sender;

pub use billing_mails::BillingMails;
pub use crm::Crm;
pub use mail::{Mail, Purpose};
pub use msg::{AcceptMails, Msg, MsgHandle, NotAccepted};
pub use sender::{MailSender, MailTransport, TransportError};

/// The names of the subscribers that keep a cursor, and may have set entries aside.
pub const SUBSCRIBERS: [&str; 3] = [CRM, BILLING, MSG];
/// The subscriber of [`Crm`].
pub const CRM: &str = "crm";
/// The subscriber of [`BillingMails`].
pub const BILLING: &str = "billing";
/// The subscriber of [`MailSender`].
pub const MSG: &str = "msg";
