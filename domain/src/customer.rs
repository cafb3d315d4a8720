//! The customer: somebody who orders, and to whom mails go.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::life::Life;
use crate::{
    Adopt, Aggregate, Appearance, CustomerDraft, DomainEvent, Mailbox, Name, Reject, RejectionKind,
};

/// The state of a customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer(Life<CustomerDocument>);

/// The public customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerDocument {
    /// The customer.
    pub id: Uuid,
    /// How mails address the customer.
    pub name: Name,
    /// Where mails go.
    pub email: Mailbox,
}

/// What a customer can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerCommand {
    /// Come into being.
    Register {
        /// The new customer's id.
        id: Uuid,
        /// Its content.
        draft: CustomerDraft,
    },
    /// Take this content instead of the present one.
    Change {
        /// The new content.
        draft: CustomerDraft,
    },
    /// Go, also while orders refer to it.
    Delete,
}

/// What can happen to a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerEvent {
    /// It came into being.
    CustomerRegistered {
        /// The customer.
        id: Uuid,
        /// Its name.
        name: Name,
        /// Its mailbox.
        email: Mailbox,
    },
    /// It has new content.
    CustomerChanged {
        /// Its name from now on.
        name: Name,
        /// Its mailbox from now on.
        email: Mailbox,
    },
    /// It is gone.
    CustomerDeleted {},
}

/// Why a customer may refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomerRejection {
    /// There is no such customer.
    #[error("there is no such customer")]
    NotFound,
    /// There is one with that id, of other content.
    #[error("this customer exists already with other content")]
    Exists,
}

impl Customer {
    /// The customer while it exists.
    pub const fn living(&self) -> Option<&CustomerDocument> {
        self.0.living()
    }
}

impl Aggregate for Customer {
    const TOPIC: &'static str = "customer";
    type Command = CustomerCommand;
    type Event = CustomerEvent;
    type Rejection = CustomerRejection;
    type Document = CustomerDocument;

    fn decide(&self, command: &CustomerCommand) -> Result<Vec<CustomerEvent>, CustomerRejection> {
        use CustomerCommand::{Change, Delete, Register};
        match (&self.0, command) {
            (Life::Absent, Register { id, draft }) => {
                let CustomerDraft { name, email } = draft.clone();
                Ok(vec![CustomerEvent::CustomerRegistered { id: *id, name, email }])
            }
            (Life::Living(now), Register { id, draft }) => {
                let same = now.id == *id && now.name == draft.name && now.email == draft.email;
                if same { Ok(vec![]) } else { Err(CustomerRejection::Exists) }
            }
            (Life::Living(_), Change { draft }) => {
                let CustomerDraft { name, email } = draft.clone();
                Ok(vec![CustomerEvent::CustomerChanged { name, email }])
            }
            (Life::Living(_), Delete) => Ok(vec![CustomerEvent::CustomerDeleted {}]),
            (Life::Absent, Change { .. } | Delete) | (Life::Deleted(_), _) => {
                Err(CustomerRejection::NotFound)
            }
        }
    }

    fn evolve(self, event: &CustomerEvent) -> Self {
        Self(match event.clone() {
            CustomerEvent::CustomerRegistered { id, name, email } => {
                Life::Living(CustomerDocument { id, name, email })
            }
            CustomerEvent::CustomerChanged { name, email } => {
                self.0.change(|now| CustomerDocument { id: now.id, name, email })
            }
            CustomerEvent::CustomerDeleted {} => self.0.end(),
        })
    }

    fn document(&self) -> Option<CustomerDocument> {
        self.0.last().cloned()
    }

    fn is_living(&self) -> bool {
        self.0.living().is_some()
    }

    fn unique_keys(&self) -> Vec<String> {
        vec![]
    }
}

impl Adopt for Customer {
    fn adopt(self, appearance: Appearance, document: CustomerDocument) -> Self {
        Self(self.0.adopt(appearance, document))
    }
}

impl DomainEvent for CustomerEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::CustomerRegistered { .. } => "CustomerRegistered",
            Self::CustomerChanged { .. } => "CustomerChanged",
            Self::CustomerDeleted {} => "CustomerDeleted",
        }
    }

    fn appearance(&self) -> Appearance {
        match self {
            Self::CustomerRegistered { .. } => Appearance::Created,
            Self::CustomerChanged { .. } => Appearance::Updated,
            Self::CustomerDeleted {} => Appearance::Deleted,
        }
    }
}

impl Reject for CustomerRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Exists => RejectionKind::Conflict,
        }
    }
}

#[cfg(test)]
mod tests;
