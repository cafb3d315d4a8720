//! The command bus: reaches the service of a command, wherever it runs.

use ordershop_domain::{
    Billing, BillingDraft, Customer, CustomerDraft, Inventory, InventoryDraft, OrderDraft, Product,
    ProductDraft,
};
use ordershop_store::{BoxFuture, EntryId};
use ordershop_supervisors::{AskError, Handle, Message, Process, Receive};
use uuid::Uuid;

use super::adjust::{AdjustStock, StockChange};
use super::effects::{Mail, MsgHandle, Purpose};
use super::order::{OrderCommands, TakeOut};
use super::{Accepted, CommandError, EntityCommands, Serve, Service, Verb};

/// Everything that the shop can be asked to do.
#[derive(Clone, Debug)]
pub enum ShopCommand {
    /// Customers.
    Customers(Verb<CustomerDraft>),
    /// Products.
    Products(Verb<ProductDraft>),
    /// Stock.
    Inventory(Verb<InventoryDraft>),
    /// Orders.
    Orders(Verb<OrderDraft>),
    /// Billings.
    Billings(Verb<BillingDraft>),
    /// Put pieces of a product into stock or take them out. Where the stock would go below zero,
    /// nothing is done, and the answer is a [`CommandError::Conflict`].
    Adjust(Uuid, StockChange),
    /// Take the pieces of these orders out of stock, all or none, without placing the orders.
    TakeOut(Vec<OrderDraft>),
    /// Send a mail.
    Email {
        /// To this bare address.
        to: String,
        /// The text, in lines ended by `\n`.
        text: String,
    },
}

/// A command on its way.
pub type CommandFuture = BoxFuture<'static, Result<Accepted, CommandError>>;

/// The port to the services. A service in this process is reached by its address; another adapter
/// may reach one elsewhere.
pub trait CommandBus: Send + Sync + 'static {
    /// Has a command carried out; the answer comes when it is durable. `command_id` is the id from
    /// which all others derive; `time_us` is now, in microseconds since the Unix epoch.
    fn dispatch(&self, command_id: Uuid, time_us: i64, command: ShopCommand) -> CommandFuture;

    /// The same for a command that was dispatched before under this id, with an outcome of which
    /// nobody knows: if it was carried out, the answer says so; if not, it is carried out now. No
    /// effect of it stands before the position `since`.
    fn resume(
        &self,
        command_id: Uuid,
        since: EntryId,
        time_us: i64,
        command: ShopCommand,
    ) -> CommandFuture;
}

/// The bus to services that all run in this process.
#[derive(Clone)]
pub struct LocalBus {
    /// customer
    pub customers: Handle<Service<EntityCommands<Customer>>>,
    /// product
    pub products: Handle<Service<EntityCommands<Product>>>,
    /// inventory
    pub inventory: Handle<Service<EntityCommands<Inventory>>>,
    /// order
    pub orders: Handle<Service<OrderCommands>>,
    /// billing
    pub billings: Handle<Service<EntityCommands<Billing>>>,
    /// msg
    pub msg: MsgHandle,
}

/// Asks a service; a service that has as much waiting as it takes refuses at once.
fn ask<P, M>(service: &Handle<P>, message: M) -> CommandFuture
where
    P: Process + Receive<M>,
    M: Message<Reply = Result<Accepted, CommandError>>,
{
    let service = service.clone();
    Box::pin(async move {
        match service.try_ask(message).await {
            Ok(result) => result,
            Err(AskError::Lost(reason)) => Err(CommandError::OutcomeUnknown(format!(
                "{} crashed at it: {reason}",
                service.name()
            ))),
            Err(undelivered) => Err(CommandError::Unavailable(format!(
                "{} cannot take it: {undelivered}",
                service.name()
            ))),
        }
    })
}

/// A command on its way to its service.
#[derive(Clone, Copy)]
struct Sending {
    command_id: Uuid,
    time_us: i64,
    /// Where it was begun before: no effect of it stands before that position.
    resumed: Option<EntryId>,
}

impl Sending {
    fn serve<D>(self, verb: Verb<D>) -> Serve<D> {
        let Self { command_id, time_us, resumed } = self;
        Serve { command_id, verb, time_us, resumed: resumed.is_some() }
    }
}

impl LocalBus {
    fn send(&self, sending: Sending, command: ShopCommand) -> CommandFuture {
        let Sending { command_id, time_us, resumed } = sending;
        match command {
            ShopCommand::Customers(verb) => ask(&self.customers, sending.serve(verb)),
            ShopCommand::Products(verb) => ask(&self.products, sending.serve(verb)),
            ShopCommand::Inventory(verb) => ask(&self.inventory, sending.serve(verb)),
            ShopCommand::Orders(verb) => ask(&self.orders, sending.serve(verb)),
            ShopCommand::Billings(verb) => ask(&self.billings, sending.serve(verb)),
            ShopCommand::Adjust(product_id, change) => {
                ask(&self.inventory, AdjustStock { command_id, product_id, change, resumed })
            }
            ShopCommand::TakeOut(orders) => {
                ask(&self.orders, TakeOut { command_id, orders, resumed: resumed.is_some() })
            }
            ShopCommand::Email { to, text } => {
                let msg = self.msg.clone();
                let purpose = Purpose::Note;
                // The same command is the same mail, so msg accepts it once.
                let mail = Mail { event_id: command_id, purpose, time_us, to, text };
                Box::pin(async move {
                    msg.accept(vec![mail]).await?;
                    Ok(Accepted::default())
                })
            }
        }
    }
}

impl CommandBus for LocalBus {
    fn dispatch(&self, command_id: Uuid, time_us: i64, command: ShopCommand) -> CommandFuture {
        self.send(Sending { command_id, time_us, resumed: None }, command)
    }

    fn resume(
        &self,
        command_id: Uuid,
        since: EntryId,
        time_us: i64,
        command: ShopCommand,
    ) -> CommandFuture {
        self.send(Sending { command_id, time_us, resumed: Some(since) }, command)
    }
}
