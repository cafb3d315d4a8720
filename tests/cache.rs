//! Promise: on Redis the entity cache holds what the lists show, and `rebuild cache` heals it, whatever others
//! did to it.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use ordershop_store::conformance::RedisServer;
use ordershop_store::conformance::resp_client::Answer;
use serde_json::Value;

use support::scenario::{Flow, MAILS};
use support::shop::{Ended, Folder, Shop, ordershop, run};
use support::wait::eventually;
use support::{list, text};

const LISTS: [(&str, &str); 5] = [
    ("customer", "/customers"),
    ("product", "/products"),
    ("inventory", "/inventory"),
    ("order", "/orders"),
    ("billing", "/billings"),
];

/// Every key of the cache, with what it holds as text; sets in an order of their own.
type Cache = BTreeMap<String, Vec<String>>;

fn texts(answer: Answer) -> Vec<String> {
    answer.list().into_iter().map(Answer::text).collect()
}

/// What the server holds beside the log.
fn cache(server: &RedisServer) -> Cache {
    let keys = texts(server.call(&["KEYS", "*"])).into_iter();
    let keys = keys.filter(|key| !key.starts_with("events:") && !key.starts_with("ordershop:"));
    let value = |key: &String| match &*server.call(&["TYPE", key]).text() {
        "set" => texts(server.call(&["SMEMBERS", key]))
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        "hash" => texts(server.call(&["HGETALL", key])),
        "list" => texts(server.call(&["LRANGE", key, "0", "-1"])),
        other => vec![format!("<{other}>")],
    };
    keys.map(|key| (key.clone(), value(&key))).collect()
}

/// What the cache has to hold if the lists are right.
fn expected(shop: &Shop) -> Cache {
    let mut cache = Cache::new();
    for (topic, path) in LISTS {
        let entities = shop.get(path);
        let mut ids = BTreeSet::new();
        for entity in list(&entities) {
            let id = text(&entity["id"]);
            ids.insert(id.to_owned());
            let mut fields = Vec::new();
            for (name, value) in entity.as_object().expect("an entity") {
                fields.push(name.clone());
                fields.push(match value {
                    Value::String(text) => text.clone(),
                    Value::Array(elements) => {
                        let key = format!("{topic}_{name}:{id}");
                        let elements = elements.iter().map(|id| text(id).to_owned()).collect();
                        cache.insert(key.clone(), elements);
                        key
                    }
                    other => other.to_string(),
                });
            }
            cache.insert(format!("{topic}_entity:{id}"), fields);
        }
        if !ids.is_empty() {
            cache.insert(format!("{topic}_ids"), ids.into_iter().collect());
        }
    }
    cache
}

/// Hashes may be given in any order, and JSON objects are read into one of their own.
fn sorted(mut cache: Cache) -> Cache {
    for (key, fields) in &mut cache {
        if key.contains("_entity:") {
            let mut pairs: Vec<_> = fields.chunks(2).map(<[String]>::to_vec).collect();
            pairs.sort();
            *fields = pairs.concat();
        }
    }
    cache
}

#[track_caller]
fn assert_agrees(server: &RedisServer, shop: &Shop) {
    assert_eq!(sorted(cache(server)), sorted(expected(shop)));
}

fn rebuild(store: &str, options: &[&str]) -> Ended {
    let mut command = ordershop();
    command.args(["rebuild", "cache", "--store", store]).args(options);
    run(command)
}

#[test]
fn the_cache_holds_what_the_lists_show_and_is_healed() {
    let (server, folder) = (RedisServer::start(), Folder::new());
    let mut command = ordershop();
    command.args(["serve", "--http", "127.0.0.1:0", "--store", &server.url()]);
    command.arg("--mail").arg(format!("file:{}", folder.mail().display()));
    let shop = Shop::start_as(command);
    let flow = Flow::run(&shop);
    flow.assert_stock(&shop);
    folder.wait_for_mails(MAILS);
    eventually("the cache", || {
        let (found, wanted) = (sorted(cache(&server)), sorted(expected(&shop)));
        if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
    });

    let gone = "00000000-0000-4000-8000-000000000001";
    let order = &flow.orders[0];
    for vandalism in [
        ["SET", "customer_ids", "mine"],
        ["DEL", &format!("product_entity:{}", flow.products[0]), "product_ids"],
        ["DEL", &format!("order_product_ids:{order}"), "no such key"],
        ["RPUSH", &format!("order_product_ids:{}", flow.orders[3]), "pieces"],
        ["SET", &format!("order_entity:{}", flow.orders[4]), "mine"],
        ["SADD", "inventory_ids", gone],
        ["SADD", "order_ids", "nobody"],
        ["RPUSH", &format!("order_product_ids:{gone}"), "pieces"],
        ["SET", "billing_entity:nobody", "at all"],
    ] {
        server.call(&vandalism);
    }
    server.call(&["HSET", &format!("product_entity:{}", flow.products[1]), "price", "0", "x", "y"]);
    server.call(&["HSET", &format!("customer_entity:{gone}"), "id", gone]);
    let Ended { status, stdout, stderr } = rebuild(&server.url(), &[]);
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_agrees(&server, &shop);
    let (first, rows) = stdout.split_once('\n').expect("a line for each topic");
    assert!(first.starts_with("the entity cache on redis://127.0.0.1:"), "{stdout}");
    let row = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        row(rows.lines().next().expect("customers")),
        ["customer", "9", "written", "2", "removed"]
    );

    // Once more there is nothing to remove; the shop may be stopped, too.
    let cached = sorted(cache(&server));
    shop.stop();
    let Ended { status, stdout, .. } = rebuild(&server.url(), &["--json"]);
    assert_eq!(status.code(), Some(0));
    let rows: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.len(), LISTS.len());
    assert!(rows.iter().all(|row| row["removed"] == 0 && row["written"].is_u64()), "{stdout}");
    assert_eq!(sorted(cache(&server)), cached);
}

#[test]
fn where_there_is_no_cache_it_says_what_to_do() {
    let folder = Folder::new();
    let embedded = format!("embedded:{}", folder.data().display());
    for (store, advice) in [(&*embedded, "RESP"), ("redis://127.0.0.1:1", "--store")] {
        let Ended { status, stdout, stderr } = rebuild(store, &[]);
        assert_eq!((status.code(), stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains(advice) && stderr.lines().count() == 1, "{stderr}");
    }
}
