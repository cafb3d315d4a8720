//! This shop: its topics, its services, its saga and its effects.
//!
//! Adding an entity is one file that implements [`Managed`] for its aggregate, and one line in
//! [`topics`]; adding an effect is one file that implements
//! [`Handler`](crate::runtime::Handler), and one line in the program's tree.

mod adjust;
mod aggregates;
pub mod audit;
mod billing;
mod bus;
mod command;
mod customer;
pub mod effects;
mod facts;
pub mod foreign;
mod inventory;
pub mod keys;
mod mail_facts;
mod managed;
pub mod order;
mod product;
mod resume;
mod service;
mod states;
pub mod topics;

pub use adjust::StockChange;
pub use bus::{CommandBus, CommandFuture, LocalBus, ShopCommand};
pub use command::{Accepted, CommandError, Invalid, Serve, Verb};
pub use facts::{Facts, Reference};
pub use inventory::InventoryContext;
pub use managed::{EntityCommands, Managed};
pub use service::{CommandHandler, Service};
