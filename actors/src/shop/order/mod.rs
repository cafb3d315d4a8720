//! Orders: the commands that place, change and delete them, and the saga that agrees with the stock.
//!
//! An order takes its pieces from the stock of several products, which are aggregates of another
//! topic, maybe on another machine. So an order command is a saga, driven by an actor of its own:
//! a durable *intent*; reservations under the intent's id; one *decision*, which is one conditional
//! append together with the orders it places; then what the decision asks for (giving pieces back).
//! Whoever finds an intent without a driver rejects it, or finishes what was decided.

mod commands;
mod driver;
mod keeper;
mod open_intents;
mod plan;
mod resume;
mod stock;

pub use commands::OrderCommands;
pub(super) use commands::TakeOut;
pub use driver::{DriverContext, SagaDriver, Sagas};
pub use keeper::IntentKeeper;
pub use open_intents::OpenIntents;
