//! The supervision tree of the shop, top to bottom.
//!
//! Children start in the order in which they stand and stop in reverse. At the root a crash
//! restarts whatever stands behind the crashed child, since it builds on it; within `entities`,
//! `services` and `effects` the children stand side by side.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use ordershop_actors::read_model::{Projector, ReadModel};
use ordershop_actors::runtime::{
    Entities, EntityOptions, EventSourced, Handler, Journal, JournalHandle, Reader, ReaderHandle, Start,
    Subscription, SubscriptionOptions,
};
use ordershop_actors::shop::effects::{BillingMails, Crm, MailSender, MailTransport, Msg};
use ordershop_actors::shop::order::{
    DriverContext, IntentKeeper, OpenIntents, OrderCommands, Sagas,
};
use ordershop_actors::shop::{
    EntityCommands, InventoryContext, LocalBus, Managed, Service, topics,
};
use ordershop_domain::{Billing, Customer, Inventory, Order, Product};
use ordershop_store::{EventLog, Topic};
use ordershop_supervisors::{
    ChildSpec, Failure, Handle, Intensity, Strategy, SupervisorSpec, cell, dynamic,
};

use crate::http::{Gateway, HttpServer, HttpServerContext};

/// How long queries may take to catch up with the log before the server opens.
const CATCH_UP_TIME: Duration = Duration::from_secs(600);
/// How long the actors that read the log at their start may take.
const RECOVERY_TIME: Duration = Duration::from_secs(600);
/// How many entries the read model takes at once.
const PROJECTION_BATCH: usize = 4096;
/// How many entries an effect takes at once.
const EFFECT_BATCH: usize = 256;
/// How many entities of one topic are in use at most.
const MAX_ENTITIES: usize = 1_000_000;
/// How many intents have a driver at most.
const MAX_DRIVERS: usize = 16 * 1024;
/// How often one restart may follow another.
const INTENSITY: Intensity = Intensity { restarts: 10, period: Duration::from_secs(10) };

/// What the tree is built on.
pub struct Ground {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// How mails leave.
    pub mail: Arc<dyn MailTransport>,
    /// The address for HTTP, bound.
    pub listener: TcpListener,
}

/// The tree of the whole shop in one process.
pub fn shop(ground: Ground) -> SupervisorSpec {
    let Ground { log, mail, listener } = ground;

    let (journal, journal_spec) = Journal::child(Arc::clone(&log), cell("journal"));
    let parts = Parts { log: Arc::clone(&log), journal };

    let (customers, customers_spec) = parts.entities::<Customer>("customers");
    let (products, products_spec) = parts.entities::<Product>("products");
    let (inventories, inventories_spec) = parts.entities::<Inventory>("inventories");
    let (orders, orders_spec) = parts.entities::<Order>("orders");
    let (billings, billings_spec) = parts.entities::<Billing>("billings");

    let open_intents = OpenIntents::default();
    let (sagas, sagas_spec) = Sagas::child(
        DriverContext {
            log: Arc::clone(&log),
            journal: parts.journal.clone(),
            inventories: inventories.clone(),
            orders: orders.clone(),
            open_intents: open_intents.clone(),
        },
        dynamic("drivers").max_children(MAX_DRIVERS),
    );
    let keeper_spec = IntentKeeper::child(
        Arc::clone(&log),
        parts.journal.clone(),
        sagas.clone(),
        open_intents.clone(),
        cell("intent-keeper").start_timeout(RECOVERY_TIME),
    );

    let order_commands = OrderCommands { log: Arc::clone(&log), sagas, orders };
    let stock = InventoryContext { open_intents };
    let (customer, customer_spec) = parts.service("customer-service", customers, ());
    let (product, product_spec) = parts.service("product-service", products, ());
    let (inventory, inventory_spec) = parts.service("inventory-service", inventories, stock);
    let (order, order_spec) = Service::child(order_commands, cell("order-service"));
    let (billing, billing_spec) = parts.service("billing-service", billings, ());
    let (msg, msg_spec) = Msg::child(parts.journal.clone(), cell("msg-service"));

    let (reader, reader_spec) = Reader::child(Arc::clone(&log), cell("reader"));
    let (crm_msg, billing_msg) = (msg.clone(), msg.clone());
    let crm_spec = parts.effect(&reader, "crm", &[topics::CUSTOMER, topics::ORDER], move || {
        Crm(crm_msg.clone())
    });
    let billing_topics = [topics::ORDER, topics::BILLING];
    let billing_mails_spec = parts.effect(&reader, "billing-mails", &billing_topics, move || {
        BillingMails(billing_msg.clone())
    });
    let sender_spec = parts.effect(&reader, "mail-sender", &[topics::MAIL], move || {
        MailSender(Arc::clone(&mail))
    });

    let read_model = ReadModel::default();
    let projector_spec = parts.projector(&reader, read_model.clone());

    let bus = LocalBus {
        customers: customer,
        products: product,
        inventory,
        orders: order,
        billings: billing,
        msg,
    };
    let gateway = Box::new(move || -> crate::http::GatewayFuture {
        Box::pin(gateway(Arc::clone(&log), bus.clone(), read_model.clone()))
    });
    let http = HttpServerContext { listener, gateway };
    let http_spec = HttpServer::child(http, cell("http").start_timeout(CATCH_UP_TIME));

    SupervisorSpec::new("ordershop", Strategy::RestForOne)
        .intensity(INTENSITY)
        .child(journal_spec)
        .child(
            SupervisorSpec::new("entities", Strategy::OneForOne)
                .intensity(INTENSITY)
                .child(customers_spec)
                .child(products_spec)
                .child(inventories_spec)
                .child(orders_spec)
                .child(billings_spec),
        )
        .child(sagas_spec)
        .child(keeper_spec)
        .child(
            SupervisorSpec::new("services", Strategy::OneForOne)
                .intensity(INTENSITY)
                .child(customer_spec)
                .child(product_spec)
                .child(inventory_spec)
                .child(order_spec)
                .child(billing_spec)
                .child(msg_spec),
        )
        .child(
            SupervisorSpec::new("readers", Strategy::RestForOne)
                .intensity(INTENSITY)
                .child(reader_spec)
                .child(
                    SupervisorSpec::new("effects", Strategy::OneForOne)
                        .intensity(INTENSITY)
                        .child(crm_spec)
                        .child(billing_mails_spec)
                        .child(sender_spec),
                )
                .child(projector_spec),
        )
        .child(http_spec)
}

/// A gateway, once the queries have caught up with the log.
async fn gateway(
    log: Arc<dyn EventLog>,
    bus: LocalBus,
    read_model: ReadModel,
) -> Result<Gateway, Failure> {
    let ends = log.ends(topics::PUBLIC.to_vec()).await.map_err(Failure::new)?;
    let start: Vec<_> = ends.iter().map(|(topic, position)| (topic, position.last())).collect();
    read_model.at(&start, CATCH_UP_TIME).await.map_err(Failure::new)?;
    Ok(Gateway::new(Arc::new(bus), read_model, &start))
}

/// What most parts are made with.
struct Parts {
    log: Arc<dyn EventLog>,
    journal: JournalHandle,
}

impl Parts {
    fn entities<E: EventSourced>(&self, name: &str) -> (Entities<E>, ChildSpec) {
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        let children = dynamic(name).max_children(MAX_ENTITIES);
        Entities::child(log, journal, EntityOptions::default(), children)
    }

    fn service<E: Managed>(
        &self,
        name: &str,
        entities: Entities<E>,
        context: E::Context,
    ) -> (Handle<Service<EntityCommands<E>>>, ChildSpec) {
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        Service::child(EntityCommands { log, journal, entities, context }, cell(name))
    }

    fn effect<H: Handler>(
        &self,
        reader: &ReaderHandle,
        name: &str,
        listens_to: &[Topic],
        handler: impl Fn() -> H + Send + 'static,
    ) -> ChildSpec {
        self.subscription(reader, name, listens_to, Start::Cursor, EFFECT_BATCH, handler)
    }

    fn projector(&self, reader: &ReaderHandle, model: ReadModel) -> ChildSpec {
        let handler = move || -> Projector { model.projector() };
        let (start, batch) = (Start::Beginning, PROJECTION_BATCH);
        self.subscription(reader, "read-model", &topics::PUBLIC, start, batch, handler)
    }

    fn subscription<H: Handler>(
        &self,
        reader: &ReaderHandle,
        name: &str,
        listens_to: &[Topic],
        start: Start,
        batch: usize,
        handler: impl Fn() -> H + Send + 'static,
    ) -> ChildSpec {
        let options =
            SubscriptionOptions { name: name.into(), topics: listens_to.to_vec(), start, batch };
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        Subscription::child(log, reader.clone(), journal, options, cell(name), handler)
    }
}
