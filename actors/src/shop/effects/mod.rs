//! What follows from events: mails, the entity cache, and keys of what other programs wrote.
//!
//! crm and billing listen to topics and hand mails to msg; msg keeps them durably and sends them.
//! Every step is idempotent: a mail's id comes from the event and the purpose, accepting the same
//! mail twice keeps one, and sending starts behind msg's own cursor.

mod billing_mails;
mod cache_export;
mod crm;
mod key_claims;
mod mail;
mod msg;
mod outbox;
mod sender;

pub use billing_mails::BillingMails;
pub use cache_export::{CacheExport, ExportError, export, may_show};
pub use crm::Crm;
pub use key_claims::KeyClaims;
pub use mail::{Mail, Purpose};
pub use msg::{AcceptMails, Msg, MsgHandle, NotAccepted};
pub use outbox::Outbox;
pub use sender::{MailSender, MailTransport, TransportError};

/// The names of the subscribers that keep a cursor, and may have set entries aside.
pub const SUBSCRIBERS: [&str; 5] = [CRM, BILLING, MSG, KEYS, CACHE];
/// The subscriber of [`Crm`].
pub const CRM: &str = "crm";
/// The subscriber of [`BillingMails`].
pub const BILLING: &str = "billing";
/// The subscriber of [`MailSender`].
pub const MSG: &str = "msg";
/// The subscriber of [`KeyClaims`]; only where other programs write to the log, too.
pub const KEYS: &str = "keys";
/// The subscriber of [`CacheExport`]; only where there is a cache.
pub const CACHE: &str = "cache";
