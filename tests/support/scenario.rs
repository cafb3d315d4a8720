//! The contract's whole flow: ten customers, products, stocks and orders, one order changed, one
//! deleted, one customer deleted, one billing; 32 mails.
//!
//! Each step asserts what the lists show right after its command.

use serde_json::{Value, json};

use super::mails::{Mail, count_by_purpose, of_purpose};
use super::shop::Shop;
use super::{ids, list, number, text};

/// How many of each there are at first.
pub(crate) const TEN: usize = 10;

/// How many pieces of each product are put in.
pub(crate) const STOCK: u64 = 100;

/// How many mails the whole flow leads to.
pub(crate) const MAILS: usize = 32;

const CHANGED_ORDER: usize = 1;
const DELETED_ORDER: usize = 2;
const DELETED_CUSTOMER: usize = 2;
const BILLED_ORDER: usize = 0;

/// The ids of all that the flow created, in the order of creation.
pub(crate) struct Flow {
    pub(crate) customers: Vec<String>,
    pub(crate) products: Vec<String>,
    pub(crate) inventory: Vec<String>,
    pub(crate) orders: Vec<String>,
    pub(crate) billing: String,
}

/// Every query's answer at one moment.
#[derive(Debug, PartialEq)]
pub(crate) struct Answers {
    lists: Vec<(&'static str, Value)>,
    entities: Vec<(String, Value)>,
}

fn customer_name(index: usize) -> String {
    format!("Customer Number{index}")
}

fn customer_email(index: usize) -> String {
    format!("customer{index}@example.org")
}

fn product_name(index: usize) -> String {
    format!("Product{index}")
}

/// Prices whose sums are all different.
fn price(index: usize) -> u64 {
    1000 + 37 * u64::try_from(index * index).expect("a small number")
}

/// Two pieces of one product and one of the next.
fn pieces(index: usize) -> [usize; 3] {
    [index, (index + 1) % TEN, index]
}

fn changed_pieces() -> [usize; 4] {
    [7, 8, 8, 8]
}

impl Flow {
    /// Runs the flow on an empty shop.
    pub(crate) fn run(shop: &Shop) -> Self {
        let customers = create_customers(shop);
        let products = create_products(shop);
        let inventory = put_in_stock(shop, &products);
        let orders = place_orders(shop, &customers, &products);
        let mut flow = Self { customers, products, inventory, orders, billing: String::new() };
        flow.assert_stock(shop);
        flow.change_an_order(shop);
        flow.delete_an_order(shop);
        flow.delete_a_customer(shop);
        flow.bill_an_order(shop);
        flow
    }

    fn change_an_order(&self, shop: &Shop) {
        let order = self.order(CHANGED_ORDER);
        let path = format!("/order/{}", self.orders[CHANGED_ORDER]);
        assert_eq!(shop.put(&path, &without_id(&order)), json!(true));
        assert_eq!(shop.get(&path), order);
        assert_eq!(list(&shop.get("/orders"))[CHANGED_ORDER], order, "it keeps its place");
        assert_eq!(list(&shop.get("/orders")).len(), TEN);
        self.assert_stock(shop);
    }

    fn delete_an_order(&self, shop: &Shop) {
        let path = format!("/order/{}", self.orders[DELETED_ORDER]);
        assert_eq!(shop.delete(&path), json!(true));
        assert_eq!(shop.get(&path), Value::Null);
        assert_eq!(list(&shop.get("/orders")).len(), TEN - 1);
        self.assert_stock(shop);
    }

    fn delete_a_customer(&self, shop: &Shop) {
        let path = format!("/customer/{}", self.customers[DELETED_CUSTOMER]);
        assert_eq!(shop.delete(&path), json!(true));
        assert_eq!(shop.get(&path), Value::Null);
        assert_eq!(list(&shop.get("/customers")).len(), TEN - 1);
    }

    fn bill_an_order(&mut self, shop: &Shop) {
        assert_eq!(list(&shop.get("/orders/unbilled")).len(), TEN - 1);
        let order_id = &self.orders[BILLED_ORDER];
        let billings = ids(&shop.post("/billing", &json!({"order_id": order_id})));
        assert_eq!(billings.len(), 1);
        self.billing.clone_from(&billings[0]);
        let billing = shop.get(&format!("/billing/{}", self.billing));
        let done = &billing["done"];
        assert!(done.is_f64(), "`done` is a float of seconds: {billing}");
        assert!(done.as_f64() > Some(1_700_000_000.0), "`done` is a Unix time: {billing}");
        assert_eq!(billing, json!({"id": self.billing, "order_id": order_id, "done": done}));
        assert_eq!(shop.get("/billings"), json!([billing]));

        let unbilled = shop.get("/orders/unbilled");
        assert_eq!(list(&unbilled).len(), TEN - 2);
        let expected: Vec<Value> = (0..TEN)
            .filter(|index| ![BILLED_ORDER, DELETED_ORDER].contains(index))
            .map(|index| self.order(index))
            .collect();
        assert_eq!(unbilled, Value::from(expected));
    }

    /// An order as it is at the end of the flow.
    fn order(&self, index: usize) -> Value {
        let pieces =
            if index == CHANGED_ORDER { changed_pieces().to_vec() } else { pieces(index).to_vec() };
        let product_ids: Vec<&String> =
            pieces.into_iter().map(|product| &self.products[product]).collect();
        json!({
            "id": self.orders[index],
            "product_ids": product_ids,
            "customer_id": self.customers[index],
        })
    }

    /// Stock now and pieces in living orders are what was put in, for each product.
    pub(crate) fn assert_stock(&self, shop: &Shop) {
        let report = shop.get("/report");
        for product in &self.products {
            let in_orders = pieces_in_orders(&report, product);
            let record = list(&report["inventory"])
                .iter()
                .find(|record| record["product_id"] == **product)
                .unwrap_or_else(|| panic!("no inventory of {product}"));
            assert_eq!(number(&record["amount"]) + in_orders, STOCK, "{product}");
        }
    }

    /// Every query's answer now.
    pub(crate) fn answers(&self, shop: &Shop) -> Answers {
        let lists = ["/customers", "/products", "/inventory", "/orders", "/billings"]
            .into_iter()
            .chain(["/orders/unbilled", "/report"])
            .map(|path| (path, shop.get(path)))
            .collect();
        let entities = [
            ("customer", &self.customers),
            ("product", &self.products),
            ("inventory", &self.inventory),
            ("order", &self.orders),
            ("billing", &vec![self.billing.clone()]),
        ]
        .into_iter()
        .flat_map(|(topic, ids)| ids.iter().map(move |id| format!("/{topic}/{id}")))
        .map(|path| {
            let entity = shop.get(&path);
            (path, entity)
        })
        .collect();
        Answers { lists, entities }
    }
}

/// The report holds the same as the lists, and every entity reads as in its list.
pub(crate) fn assert_queries_agree(shop: &Shop) {
    let report = shop.get("/report");
    let topics = ["products", "inventory", "customers", "orders", "billings"];
    for topic in topics {
        assert_eq!(report[topic], shop.get(&format!("/{topic}")), "{topic}");
    }
    let members = report.as_object().expect("the report is an object");
    assert_eq!(members.len(), topics.len());
    let counts = topics.map(|topic| list(&report[topic]).len());
    assert_eq!(counts, [TEN, TEN, TEN - 1, TEN - 1, 1]);
    for (topic, singular) in [
        ("products", "product"),
        ("inventory", "inventory"),
        ("customers", "customer"),
        ("orders", "order"),
        ("billings", "billing"),
    ] {
        for entity in list(&report[topic]) {
            let path = format!("/{singular}/{}", text(&entity["id"]));
            assert_eq!(shop.get(&path), *entity, "{path}");
        }
    }
}

/// The 32 mails tell the right people the right things.
pub(crate) fn assert_mails(mails: &[Mail]) {
    assert_eq!(mails.len(), MAILS);
    let counts = count_by_purpose(mails);
    for (purpose, count) in
        [("welcome", TEN), ("thanks", TEN), ("to-pay", TEN), ("good-bye", 1), ("received", 1)]
    {
        assert_eq!(counts.get(purpose), Some(&count), "{purpose}: {counts:?}");
    }
    for index in 0..TEN {
        assert_mail(mails, "welcome", index, &[]);
        let mut words: Vec<String> = pieces(index).into_iter().map(product_name).collect();
        words.push("3".to_owned());
        assert_mail(mails, "thanks", index, &words);
        let sum: u64 = pieces(index).into_iter().map(price).sum();
        assert_mail(mails, "to-pay", index, &[sum.to_string()]);
    }
    assert_mail(mails, "good-bye", DELETED_CUSTOMER, &[]);
    let sum: u64 = pieces(BILLED_ORDER).into_iter().map(price).sum();
    assert_mail(mails, "received", BILLED_ORDER, &[sum.to_string()]);
}

fn create_customers(shop: &Shop) -> Vec<String> {
    let bodies: Vec<Value> = (0..TEN)
        .map(|index| json!({"name": customer_name(index), "email": customer_email(index)}))
        .collect();
    create_batch(shop, "/customers", "/customer", bodies)
}

fn create_products(shop: &Shop) -> Vec<String> {
    let bodies: Vec<Value> =
        (0..TEN).map(|index| json!({"name": product_name(index), "price": price(index)})).collect();
    create_batch(shop, "/products", "/product", bodies)
}

fn put_in_stock(shop: &Shop, products: &[String]) -> Vec<String> {
    let bodies: Vec<Value> =
        products.iter().map(|id| json!({"product_id": id, "amount": STOCK})).collect();
    create_batch(shop, "/inventory", "/inventory", bodies)
}

/// Creates all in one request; the list then shows them, in order, with just their fields.
fn create_batch(shop: &Shop, plural: &str, singular: &str, bodies: Vec<Value>) -> Vec<String> {
    assert_eq!(shop.get(plural), json!([]));
    let created = ids(&shop.post(plural, &Value::from(bodies.clone())));
    assert_eq!(created.len(), TEN);
    let expected: Vec<Value> =
        created.iter().zip(bodies).map(|(id, body)| with_id(body, id)).collect();
    assert_eq!(shop.get(&format!("{singular}/{}", created[0])), expected[0]);
    assert_eq!(shop.get(plural), Value::from(expected));
    created
}

fn place_orders(shop: &Shop, customers: &[String], products: &[String]) -> Vec<String> {
    let mut orders = Vec::new();
    for (index, customer) in customers.iter().enumerate() {
        let product_ids = pieces(index).map(|product| &products[product]);
        let body = json!({"product_ids": product_ids, "customer_id": customer});
        let created = ids(&shop.post("/order", &body));
        assert_eq!(created.len(), 1);
        let listed = shop.get("/orders");
        assert_eq!(list(&listed).len(), index + 1);
        assert_eq!(list(&listed)[index], with_id(body, &created[0]));
        orders.extend(created);
    }
    orders
}

fn with_id(mut body: Value, id: &str) -> Value {
    body["id"] = Value::from(id);
    body
}

fn without_id(entity: &Value) -> Value {
    let mut body = entity.clone();
    body.as_object_mut().expect("an entity is an object").remove("id");
    body
}

/// How many pieces of a product the living orders of a report hold.
pub(crate) fn pieces_in_orders(report: &Value, product: &str) -> u64 {
    let pieces = list(&report["orders"])
        .iter()
        .flat_map(|order| list(&order["product_ids"]))
        .filter(|piece| **piece == *product)
        .count();
    u64::try_from(pieces).expect("a usize fits into 64 bits")
}

/// There is just one such mail to this customer; it begins with the name and holds these words.
fn assert_mail(mails: &[Mail], purpose: &str, customer: usize, words: &[String]) {
    let email = customer_email(customer);
    let found: Vec<&Mail> =
        of_purpose(mails, purpose).into_iter().filter(|mail| mail.to == email).collect();
    let [mail] = found.as_slice() else {
        panic!("{} {purpose} mails to {email}", found.len());
    };
    assert!(!mail.subject.is_empty(), "{mail:?}");
    let first = mail.body.lines().next().unwrap_or_default();
    assert!(first.contains(&customer_name(customer)), "not addressed by name: {mail:?}");
    let found: Vec<&str> = mail.body.split(|c: char| !c.is_alphanumeric()).collect();
    for word in words {
        assert!(found.contains(&word.as_str()), "no `{word}` in {mail:?}");
    }
}
