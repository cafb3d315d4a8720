//! The product: something that can be ordered, with its price.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::life::Life;
use crate::{
    Adopt, Aggregate, Appearance, DomainEvent, Euros, Name, ProductDraft, Reject, RejectionKind,
};

/// The state of a product.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Product(Life<ProductDocument>);

/// The public product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDocument {
    /// The product.
    pub id: Uuid,
    /// What mails call it.
    pub name: Name,
    /// The price of one piece.
    pub price: Euros,
}

/// What a product can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductCommand {
    /// Come into being.
    Add {
        /// The new product's id.
        id: Uuid,
        /// Its content.
        draft: ProductDraft,
    },
    /// Take this content instead of the present one.
    Change {
        /// The new content.
        draft: ProductDraft,
    },
    /// Go, also while orders refer to it.
    Delete,
}

/// What can happen to a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductEvent {
    /// It came into being.
    ProductAdded {
        /// The product.
        id: Uuid,
        /// Its name.
        name: Name,
        /// Its price.
        price: Euros,
    },
    /// It has new content.
    ProductChanged {
        /// Its name from now on.
        name: Name,
        /// Its price from now on.
        price: Euros,
    },
    /// It is gone.
    ProductDeleted {},
}

/// Why a product may refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductRejection {
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// There is one with that id, of other content.
    #[error("this product exists already with other content")]
    Exists,
}

impl Product {
    /// The product while it exists.
    pub const fn living(&self) -> Option<&ProductDocument> {
        self.0.living()
    }
}

impl Aggregate for Product {
    const TOPIC: &'static str = "product";
    type Command = ProductCommand;
    type Event = ProductEvent;
    type Rejection = ProductRejection;
    type Document = ProductDocument;

    fn decide(&self, command: &ProductCommand) -> Result<Vec<ProductEvent>, ProductRejection> {
        use ProductCommand::{Add, Change, Delete};
        match (&self.0, command) {
            (Life::Absent, Add { id, draft }) => {
                let ProductDraft { name, price } = draft.clone();
                Ok(vec![ProductEvent::ProductAdded { id: *id, name, price }])
            }
            (Life::Living(now), Add { id, draft }) => {
                let same = now.id == *id && now.name == draft.name && now.price == draft.price;
                if same { Ok(vec![]) } else { Err(ProductRejection::Exists) }
            }
            (Life::Living(_), Change { draft }) => {
                let ProductDraft { name, price } = draft.clone();
                Ok(vec![ProductEvent::ProductChanged { name, price }])
            }
            (Life::Living(_), Delete) => Ok(vec![ProductEvent::ProductDeleted {}]),
            (Life::Absent, Change { .. } | Delete) | (Life::Deleted(_), _) => {
                Err(ProductRejection::NotFound)
            }
        }
    }

    fn evolve(self, event: &ProductEvent) -> Self {
        Self(match event.clone() {
            ProductEvent::ProductAdded { id, name, price } => {
                Life::Living(ProductDocument { id, name, price })
            }
            ProductEvent::ProductChanged { name, price } => {
                self.0.change(|now| ProductDocument { id: now.id, name, price })
            }
            ProductEvent::ProductDeleted {} => self.0.end(),
        })
    }

    fn document(&self) -> Option<ProductDocument> {
        self.0.last().cloned()
    }

    fn is_living(&self) -> bool {
        self.0.living().is_some()
    }

    fn unique_keys(&self) -> Vec<String> {
        vec![]
    }
}

impl Adopt for Product {
    fn adopt(self, appearance: Appearance, document: ProductDocument) -> Self {
        Self(self.0.adopt(appearance, document))
    }
}

impl DomainEvent for ProductEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::ProductAdded { .. } => "ProductAdded",
            Self::ProductChanged { .. } => "ProductChanged",
            Self::ProductDeleted {} => "ProductDeleted",
        }
    }

    fn appearance(&self) -> Appearance {
        match self {
            Self::ProductAdded { .. } => Appearance::Created,
            Self::ProductChanged { .. } => Appearance::Updated,
            Self::ProductDeleted {} => Appearance::Deleted,
        }
    }
}

impl Reject for ProductRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Exists => RejectionKind::Conflict,
        }
    }
}

#[cfg(test)]
mod tests;
