//! The topics of the shop.

use ordershop_store::Topic;

/// Customers.
pub const CUSTOMER: Topic = Topic::new("customer");
/// Products.
pub const PRODUCT: Topic = Topic::new("product");
/// The stock of each product.
pub const INVENTORY: Topic = Topic::new("inventory");
/// Orders, and (in its internal stream) the intents that lead to them.
pub const ORDER: Topic = Topic::new("order");
/// Billings.
pub const BILLING: Topic = Topic::new("billing");
/// Mails that were accepted; internal, others see the mails themselves.
pub const MAIL: Topic = Topic::new("mail");

/// Clients' idempotency keys, and how their commands were answered; internal.
pub const COMMAND: Topic = Topic::new("command");

/// What subscribers have set aside; internal, the runtime's own.
pub const QUARANTINE: Topic = crate::runtime::QUARANTINE;

/// The topics whose entities the queries show, in the order in which the contract names them.
pub const PUBLIC: [Topic; 5] = [CUSTOMER, PRODUCT, INVENTORY, ORDER, BILLING];
/// All topics: a log is opened with these.
pub const ALL: [Topic; 8] =
    [CUSTOMER, PRODUCT, INVENTORY, ORDER, BILLING, MAIL, COMMAND, QUARANTINE];
