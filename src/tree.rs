//! The supervision tree of the shop, top to bottom.
//!
//! Children start in the order in which they stand and stop in reverse. At the root a crash
//! restarts whatever stands behind the crashed child, since it builds on it; within `entities`,
//! `services` and `effects` the children stand side by side.

use std::net::TcpListener;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ordershop_actors::read_model::ReadModel;
use ordershop_actors::runtime::absence::{self, BeginError};
use ordershop_actors::runtime::{
    Entities, EntityOptions, EventSourced, Handler, Journal, JournalHandle, MAX_SET_ASIDE, Reader,
    ReaderHandle, Start, SubscriberHandle, Subscription, SubscriptionOptions,
};
use ordershop_actors::shop::effects::{
    self, BillingMails, CacheExport, Crm, KeyClaims, MailSender, MailTransport, Msg, MsgHandle,
    Outbox,
};
use ordershop_actors::shop::keys::CommandKeys;
use ordershop_actors::shop::order::{
    DriverContext, IntentKeeper, OpenIntents, OrderCommands, Sagas,
};
use ordershop_actors::shop::{
    EntityCommands, InventoryContext, LocalBus, Managed, Service, topics,
};
use ordershop_domain::{Billing, Customer, Inventory, Order, Product};
use ordershop_store::embedded::Embedded;
use ordershop_store::{EntityCache, EventLog, Topic};
use ordershop_supervisors::{
    ChildSpec, Failure, Handle, Intensity, Shutdown, Strategy, SupervisorSpec, cell, dynamic,
};
use uuid::Uuid;

use crate::http::{CatchUp, Gateway, HttpServer, HttpServerContext, Limits, Ops};
use crate::ops::subscribers::{READ_MODEL, Subscriber};
use crate::ops::supervision::Supervision;
use crate::positions::Acknowledged;
use crate::readiness::Readiness;
use crate::resp::{Endpoint, RespServer, RespServerContext, Setup};

/// How long queries may take to catch up with the log before the server opens.
const CATCH_UP_TIME: Duration = Duration::from_mins(10);
/// How long the actors that read the log at their start may take.
const RECOVERY_TIME: Duration = Duration::from_mins(10);
/// How long requests under way may take to be answered when a part behind them begins anew: some wait
/// for that very part.
const RESTART_PATIENCE: Duration = Duration::from_millis(500);
/// How long the read model may take to save its view when the shop stops.
const SAVING_TIME: Duration = Duration::from_secs(30);
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

/// The effects: who greets customers, who asks for payment, who sends mails.
const CRM: Subscriber =
    Subscriber { name: effects::CRM, topics: &[topics::CUSTOMER, topics::ORDER] };
const BILLING: Subscriber =
    Subscriber { name: effects::BILLING, topics: &[topics::ORDER, topics::BILLING] };
const MSG: Subscriber = Subscriber { name: effects::MSG, topics: &[topics::MAIL] };
/// Where other programs share the log: who claims the keys of what they wrote, and who keeps the cache.
const KEYS: Subscriber =
    Subscriber { name: effects::KEYS, topics: &[topics::INVENTORY, topics::BILLING] };
const CACHE: Subscriber = Subscriber { name: effects::CACHE, topics: &topics::PUBLIC };
/// The subscribers with a cursor: on a log of our own, and on one that is shared.
const ALONE: [Subscriber; 3] = [CRM, BILLING, MSG];
const SHARED: [Subscriber; 5] = [CRM, BILLING, MSG, KEYS, CACHE];

/// What the tree is built on.
pub struct Ground {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// The same, where it lies in files.
    pub files: Option<Arc<Embedded>>,
    /// The entity cache that other programs read, where there is one; they then write to the log, too.
    pub cache: Option<Arc<dyn EntityCache>>,
    /// How mails leave.
    pub mail: Arc<dyn MailTransport>,
    /// The address for HTTP, bound.
    pub listener: TcpListener,
    /// What RESP is served with, where it is.
    pub resp: Option<RespGround>,
    /// How much HTTP takes at once.
    pub limits: Limits,
    /// How long an idempotency key is known.
    pub keep_keys: Duration,
    /// The runtime on which the tree runs.
    pub runtime: tokio::runtime::Handle,
    /// Where the tree can be reached from outside, as soon as it is up.
    pub view: Arc<OnceLock<Supervision>>,
}

/// What the RESP server is built on.
pub struct RespGround {
    /// Its address, bound.
    pub listener: TcpListener,
    /// The port of that address.
    pub port: u16,
    /// What a client must know, where it must know anything.
    pub password: Option<Arc<str>>,
}

/// The tree of the whole shop in one process.
pub fn shop(ground: Ground) -> SupervisorSpec {
    let Ground { log, files, cache, mail, listener, resp, limits, keep_keys, runtime, view } =
        ground;
    let queries = Queries::default();
    let open_intents = OpenIntents::default();

    let subscribers: &[Subscriber] = if cache.is_some() { &SHARED } else { &ALONE };
    let (journal, journal_spec) = Journal::child(Arc::clone(&log), cell("journal"));
    let parts = Parts { log, files, journal, open_intents, view };
    let (entities, entities_spec) = parts.entities();
    let (sagas, sagas_spec) = parts.sagas(&entities);
    let keeper_spec = parts.keeper(&sagas);
    let (bus, services_spec) = parts.services(entities, sagas);
    let (subscriptions, readers_spec) =
        parts.readers(&bus.msg, &mail, cache.as_ref(), &queries.read_model);
    let keys = parts.keys(&bus, keep_keys, runtime);
    let resp_spec = resp.map(|resp| parts.resp(resp, queries.clone()));
    let http_spec =
        parts.http((listener, limits), (bus, keys), queries, (subscribers, subscriptions));

    let shop = SupervisorSpec::new("ordershop", Strategy::RestForOne)
        .intensity(INTENSITY)
        .child(journal_spec)
        .child(entities_spec)
        .child(sagas_spec)
        .child(keeper_spec)
        .child(services_spec)
        .child(readers_spec)
        .child(http_spec);
    match resp_spec {
        Some(resp_spec) => shop.child(resp_spec),
        None => shop,
    }
}

/// What answers queries, over HTTP and RESP alike.
#[derive(Clone, Default)]
struct Queries {
    read_model: ReadModel,
    /// What any client was told, and so no client may be answered from before.
    acknowledged: Arc<Acknowledged>,
}

impl Queries {
    /// Has the queries of `server` catch up with the log, each time that it begins.
    fn catch_up(&self, server: &'static str, parts: &Parts) -> CatchUp {
        let (log, journal) = (Arc::clone(&parts.log), parts.journal.clone());
        let queries = self.clone();
        Box::new(move || {
            // Whoever answers queries stands behind the journal, and was down when it lost anything.
            queries.acknowledged.begin_behind(journal.losses());
            let (log, queries) = (Arc::clone(&log), queries.clone());
            Box::pin(async move {
                let caught_up = queries.caught_up(server, Arc::clone(&log));
                absence::begin(&*log, topics::PUBLIC[0], Box::pin(caught_up)).await
            })
        })
    }

    /// Waits until the queries have caught up with the log.
    async fn caught_up(self, server: &'static str, log: Arc<dyn EventLog>) -> Result<(), Failure> {
        let attempt = || async {
            let ends = log.ends(topics::PUBLIC.to_vec()).await?;
            let start: Vec<_> =
                ends.iter().map(|(topic, position)| (topic, position.last())).collect();
            // The read model may itself wait for the log to come back.
            let reached = self.read_model.at(&start, CATCH_UP_TIME).await;
            reached.map_err(|error| BeginError::Away(error.to_string()))?;
            self.acknowledged.add(&start);
            Ok(())
        };
        absence::patiently(server, attempt).await
    }
}

/// The entities, by topic.
struct EntitiesOf {
    customers: Entities<Customer>,
    products: Entities<Product>,
    inventories: Entities<Inventory>,
    orders: Entities<Order>,
    billings: Entities<Billing>,
}

/// What most parts are made with.
struct Parts {
    log: Arc<dyn EventLog>,
    files: Option<Arc<Embedded>>,
    journal: JournalHandle,
    open_intents: OpenIntents,
    view: Arc<OnceLock<Supervision>>,
}

impl Parts {
    fn entities(&self) -> (EntitiesOf, SupervisorSpec) {
        let (customers, customers_spec) = self.entities_of("customers");
        let (products, products_spec) = self.entities_of("products");
        let (inventories, inventories_spec) = self.entities_of("inventories");
        let (orders, orders_spec) = self.entities_of("orders");
        let (billings, billings_spec) = self.entities_of("billings");
        let spec = SupervisorSpec::new("entities", Strategy::OneForOne)
            .intensity(INTENSITY)
            .child(customers_spec)
            .child(products_spec)
            .child(inventories_spec)
            .child(orders_spec)
            .child(billings_spec);
        (EntitiesOf { customers, products, inventories, orders, billings }, spec)
    }

    fn entities_of<E: EventSourced>(&self, name: &str) -> (Entities<E>, ChildSpec) {
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        let children = dynamic(name).max_children(MAX_ENTITIES).label(Uuid::to_string);
        Entities::child(log, journal, EntityOptions::default(), children)
    }

    fn sagas(&self, entities: &EntitiesOf) -> (Sagas, ChildSpec) {
        let context = DriverContext {
            log: Arc::clone(&self.log),
            journal: self.journal.clone(),
            inventories: entities.inventories.clone(),
            orders: entities.orders.clone(),
            open_intents: self.open_intents.clone(),
        };
        let drivers = dynamic("drivers").max_children(MAX_DRIVERS).label(Uuid::to_string);
        Sagas::child(context, drivers)
    }

    fn keeper(&self, sagas: &Sagas) -> ChildSpec {
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        let cell = cell("intent-keeper").start_timeout(RECOVERY_TIME);
        IntentKeeper::child(log, journal, sagas.clone(), self.open_intents.clone(), cell)
    }

    fn services(&self, entities: EntitiesOf, sagas: Sagas) -> (LocalBus, SupervisorSpec) {
        let EntitiesOf { customers, products, inventories, orders, billings } = entities;
        let stock = InventoryContext { open_intents: self.open_intents.clone() };
        let order_commands = OrderCommands { log: Arc::clone(&self.log), sagas, orders };
        let (customers, customers_spec) = self.service("customer-service", customers, ());
        let (products, products_spec) = self.service("product-service", products, ());
        let (inventory, inventory_spec) = self.service("inventory-service", inventories, stock);
        let (orders, orders_spec) = Service::child(order_commands, cell("order-service"));
        let (billings, billings_spec) = self.service("billing-service", billings, ());
        let (msg, msg_spec) = Msg::child(self.journal.clone(), cell("msg-service"));
        let spec = SupervisorSpec::new("services", Strategy::OneForOne)
            .intensity(INTENSITY)
            .child(customers_spec)
            .child(products_spec)
            .child(inventory_spec)
            .child(orders_spec)
            .child(billings_spec)
            .child(msg_spec);
        (LocalBus { customers, products, inventory, orders, billings, msg }, spec)
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

    fn readers(
        &self,
        msg: &MsgHandle,
        mail: &Arc<dyn MailTransport>,
        cache: Option<&Arc<dyn EntityCache>>,
        read_model: &ReadModel,
    ) -> (Vec<SubscriberHandle>, SupervisorSpec) {
        let (reader, reader_spec) = Reader::child(Arc::clone(&self.log), cell("reader"));
        let outbox = Outbox { msg: msg.clone(), log: Arc::clone(&self.log) };
        let (crm, crm_spec) = {
            let outbox = outbox.clone();
            self.effect(&reader, CRM, move || Crm(outbox.clone()))
        };
        let (billing, billing_spec) =
            self.effect(&reader, BILLING, move || BillingMails(outbox.clone()));
        let (sender, sender_spec) = {
            let mail = Arc::clone(mail);
            self.effect(&reader, MSG, move || MailSender(Arc::clone(&mail)))
        };
        let mut effects = SupervisorSpec::new("effects", Strategy::OneForOne)
            .intensity(INTENSITY)
            .child(crm_spec)
            .child(billing_spec)
            .child(sender_spec);
        let mut subscribers = vec![crm, billing, sender];
        if let Some(cache) = cache {
            for (subscriber, spec) in self.shared_effects(&reader, cache) {
                subscribers.push(subscriber);
                effects = effects.child(spec);
            }
        }
        let model = read_model.clone();
        let log = Arc::clone(&self.log);
        let projector = move || model.projector(Arc::clone(&log));
        let (start, batch) = (Start::Beginning, PROJECTION_BATCH);
        let (projector, projector_spec) =
            self.subscription(&reader, READ_MODEL, &topics::PUBLIC, (start, batch), projector);
        let spec = SupervisorSpec::new("readers", Strategy::RestForOne)
            .intensity(INTENSITY)
            .child(reader_spec)
            .child(effects)
            .child(projector_spec);
        subscribers.push(projector);
        (subscribers, spec)
    }

    /// What there is to do where other programs share the log.
    fn shared_effects(
        &self,
        reader: &ReaderHandle,
        cache: &Arc<dyn EntityCache>,
    ) -> [(SubscriberHandle, ChildSpec); 2] {
        let claims = KeyClaims { log: Arc::clone(&self.log), journal: self.journal.clone() };
        let (log, cache) = (Arc::clone(&self.log), Arc::clone(cache));
        let export = move || CacheExport { log: Arc::clone(&log), cache: Arc::clone(&cache) };
        [self.effect(reader, KEYS, move || claims.clone()), self.effect(reader, CACHE, export)]
    }

    fn effect<H: Handler>(
        &self,
        reader: &ReaderHandle,
        Subscriber { name, topics }: Subscriber,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> (SubscriberHandle, ChildSpec) {
        self.subscription(reader, name, topics, (Start::Cursor, EFFECT_BATCH), handler)
    }

    fn subscription<H: Handler>(
        &self,
        reader: &ReaderHandle,
        name: &str,
        topics: &[Topic],
        (start, batch): (Start, usize),
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> (SubscriberHandle, ChildSpec) {
        let (topics, max_set_aside) = (topics.to_vec(), MAX_SET_ASIDE);
        let options =
            SubscriptionOptions { name: name.into(), topics, start, batch, max_set_aside };
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        let cell = match start {
            Start::Beginning => {
                cell(name).start_timeout(RECOVERY_TIME).shutdown(Shutdown::Timeout(SAVING_TIME))
            }
            Start::Cursor => cell(name),
        };
        Subscription::child(log, reader.clone(), journal, options, cell, handler)
    }

    /// Idempotency keys; their commands go on when the server that took them restarts.
    fn keys(&self, bus: &LocalBus, keep: Duration, runtime: tokio::runtime::Handle) -> CommandKeys {
        let (log, journal) = (Arc::clone(&self.log), self.journal.clone());
        CommandKeys::new(log, journal, Arc::new(bus.clone()), keep, runtime)
    }

    fn http(
        &self,
        (listener, limits): (TcpListener, Limits),
        (bus, keys): (LocalBus, CommandKeys),
        queries: Queries,
        (subscribers, subscriptions): (&'static [Subscriber], Vec<SubscriberHandle>),
    ) -> ChildSpec {
        let ops = Ops {
            log: Arc::clone(&self.log),
            files: self.files.clone(),
            tree: Arc::clone(&self.view),
            read_model: queries.read_model.clone(),
            subscribers,
            subscriptions: subscriptions.into(),
        };
        let catch_up = queries.catch_up("http", self);
        let gateway = Box::new(move || {
            let Queries { read_model, acknowledged } = queries.clone();
            let (bus, keys) = (Arc::new(bus.clone()), keys.clone());
            Gateway::new(bus, keys, read_model, acknowledged, Readiness::default())
        });
        let context = HttpServerContext { listener, limits, gateway, catch_up, ops };
        let cell = cell("http").start_timeout(CATCH_UP_TIME).patience(RESTART_PATIENCE);
        HttpServer::child(context, cell)
    }

    fn resp(&self, ground: RespGround, queries: Queries) -> ChildSpec {
        let RespGround { listener, port, password } = ground;
        let log = Arc::clone(&self.log);
        let catch_up = queries.catch_up("resp", self);
        let endpoint = Box::new(move || {
            let Queries { read_model, acknowledged } = queries.clone();
            let (log, password) = (Arc::clone(&log), password.clone());
            let readiness = Readiness::default();
            Endpoint::new(Setup { read_model, acknowledged, log, password, port, readiness })
        });
        let context = RespServerContext { listener, endpoint, catch_up };
        RespServer::child(context, cell("resp").start_timeout(CATCH_UP_TIME))
    }
}
