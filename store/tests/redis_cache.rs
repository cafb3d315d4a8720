//! The entity cache holds whole entities as plain types, whatever was there before.
#![cfg(feature = "conformance")]

use ordershop_store::conformance::RedisServer;
use ordershop_store::conformance::resp_client::Answer;
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{CachedEntity, CachedField, EntityCache, Topic};
use uuid::Uuid;

const ORDER: Topic = Topic::new("order");
const LISTS: [&str; 1] = ["product_ids"];

fn entity(id: u128, products: &[&str]) -> CachedEntity {
    let products = products.iter().map(ToString::to_string).collect();
    let fields = vec![
        ("id".to_owned(), CachedField::Text(Uuid::from_u128(id).to_string())),
        ("product_ids".to_owned(), CachedField::List(products)),
    ];
    CachedEntity { id: Uuid::from_u128(id), fields: Some(fields) }
}

fn gone(id: u128) -> CachedEntity {
    CachedEntity { id: Uuid::from_u128(id), fields: None }
}

fn texts(answer: Answer) -> Vec<String> {
    answer.list().into_iter().map(Answer::text).collect()
}

#[tokio::test]
async fn entities_are_written_whole_and_removed_whole() {
    let server = RedisServer::start();
    let cache = Redis::open(&server.url(), &[ORDER], Options::default()).await.unwrap().cache();
    let id = Uuid::from_u128(1).to_string();
    let (hash, list) = (format!("order_entity:{id}"), format!("order_product_ids:{id}"));
    server.call(&["HSET", &hash, "left", "behind"]);
    server.call(&["RPUSH", &list, "left behind"]);

    for _ in 0..2 {
        let entities = [entity(1, &["a", "b", "a"]), entity(2, &[])];
        cache.write(ORDER, &LISTS, &entities).await.unwrap();
        let expected = ["id", id.as_str(), "product_ids", list.as_str()];
        assert_eq!(texts(server.call(&["HGETALL", &hash])), expected);
        assert_eq!(texts(server.call(&["LRANGE", &list, "0", "-1"])), ["a", "b", "a"]);
        assert_eq!(server.call(&["SCARD", "order_ids"]).integer(), 2);
    }
    assert_eq!(cache.ids(ORDER, &LISTS).await.unwrap(), [1, 2].map(Uuid::from_u128).into());

    cache.write(ORDER, &LISTS, &[gone(1), gone(2), gone(3)]).await.unwrap();
    assert_eq!(texts(server.call(&["KEYS", "order_*"])), [] as [String; 0]);
    assert!(cache.ids(ORDER, &LISTS).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_hash_without_a_place_in_the_set_is_found() {
    let server = RedisServer::start();
    let cache = Redis::open(&server.url(), &[ORDER], Options::default()).await.unwrap().cache();
    let id = Uuid::from_u128(7);
    server.call(&["HSET", &format!("order_entity:{id}"), "id", &id.to_string()]);
    assert_eq!(cache.ids(ORDER, &LISTS).await.unwrap(), [id].into());
}

#[tokio::test]
async fn what_can_be_of_no_entity_is_removed() {
    let server = RedisServer::start();
    let cache = Redis::open(&server.url(), &[ORDER], Options::default()).await.unwrap().cache();
    let id = Uuid::from_u128(7);
    cache.write(ORDER, &LISTS, &[entity(7, &["a"])]).await.unwrap();
    server.call(&["SADD", "order_ids", "nobody"]);
    server.call(&["SET", "order_entity:nobody", "at all"]);
    server.call(&["RPUSH", "order_product_ids:{x}", "a"]);
    server.call(&["RPUSH", &format!("order_product_ids:{}", Uuid::from_u128(8)), "a"]);
    assert_eq!(cache.remove_strangers(ORDER, &LISTS).await.unwrap(), 3);
    assert_eq!(cache.remove_strangers(ORDER, &LISTS).await.unwrap(), 0);
    assert_eq!(cache.ids(ORDER, &LISTS).await.unwrap(), [id, Uuid::from_u128(8)].into());

    server.call(&["SET", "order_ids", "no set"]);
    assert_eq!(cache.remove_strangers(ORDER, &LISTS).await.unwrap(), 1);
    cache.write(ORDER, &LISTS, &[entity(7, &["a"])]).await.unwrap();
}

#[tokio::test]
async fn a_key_of_another_type_is_an_error_that_says_so() {
    let server = RedisServer::start();
    let cache = Redis::open(&server.url(), &[ORDER], Options::default()).await.unwrap().cache();
    server.call(&["SET", "order_ids", "no set"]);
    let error = cache.write(ORDER, &LISTS, &[entity(1, &[])]).await.unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
}
