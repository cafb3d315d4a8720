//! A mail, before it has a form that leaves the house.

use ordershop_domain::CustomerFacts;
use ordershop_store::Entry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a mail is sent; part of its id, so that one event may lead to several mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A customer is new.
    Welcome,
    /// A customer is gone.
    GoodBye,
    /// An order was placed.
    Thanks,
    /// An order is to be paid.
    ToPay,
    /// An order was paid.
    Received,
    /// Somebody asked for it.
    Note,
}

impl Purpose {
    /// The purpose as it stands in a Message-ID.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::GoodBye => "good-bye",
            Self::Thanks => "thanks",
            Self::ToPay => "to-pay",
            Self::Received => "received",
            Self::Note => "note",
        }
    }

    /// The subject of such a mail.
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Welcome => "Welcome",
            Self::GoodBye => "Good-bye",
            Self::Thanks => "Thank you for your order",
            Self::ToPay => "Your order: the sum to pay",
            Self::Received => "Your payment was received",
            Self::Note => "A message from OrderShop",
        }
    }
}

/// A text mail to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The event that led to it, or an id that stands for the request.
    pub event_id: Uuid,
    /// Why it is sent.
    pub purpose: Purpose,
    /// When that event was, in microseconds since the Unix epoch.
    pub time_us: i64,
    /// The receiver's bare address.
    pub to: String,
    /// The text, in lines ended by `\n`.
    pub text: String,
}

impl Mail {
    /// The mail about an entry to a customer; `text` follows the address by name.
    pub(super) fn about(
        entry: &Entry,
        purpose: Purpose,
        customer: &CustomerFacts,
        text: &str,
    ) -> Self {
        Self {
            event_id: entry.event_id,
            purpose,
            time_us: entry.time_us,
            to: customer.email.address(),
            text: format!("Dear {},\n\n{text}\n", customer.name.shown()),
        }
    }

    /// What stands before the `@` in its Message-ID: the same for the same event and purpose.
    pub fn local_id(&self) -> String {
        format!("{}.{}", self.event_id, self.purpose.name())
    }

    /// The id under which it is kept in the log.
    pub(super) fn entity_id(&self) -> Uuid {
        Uuid::new_v5(&self.event_id, self.purpose.name().as_bytes())
    }
}
