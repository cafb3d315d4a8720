//! The log on Redis keeps every promise of an event log, on the oldest server and on another make.
#![cfg(feature = "conformance")]

use ordershop_store::conformance::{Fixture, Make, RedisServer, TOPICS};
use ordershop_store::redis::{Options, Redis};

/// A log on a Redis server.
struct OnRedis(RedisServer);

impl Fixture for OnRedis {
    type Log = Redis;

    async fn new() -> Self {
        Self(RedisServer::start())
    }

    async fn open(&self) -> Redis {
        Redis::open(&self.0.url(), &TOPICS, Options::default()).await.expect("the log opens")
    }

    fn stop_clock(&self, _: i64) -> bool {
        false
    }
}

/// A log on a Valkey server, with limits so small that every test meets them.
struct SmallOnValkey(RedisServer);

impl Fixture for SmallOnValkey {
    type Log = Redis;

    async fn new() -> Self {
        Self(RedisServer::start_with(Make::Valkey, &[]))
    }

    async fn open(&self) -> Redis {
        let options = Options {
            max_step_events: 3,
            max_step_bytes: 2000,
            max_page_entries: 50,
            ..Options::default()
        };
        Redis::open(&self.0.url(), &TOPICS, options).await.expect("the log opens")
    }

    fn stop_clock(&self, _: i64) -> bool {
        false
    }
}

mod on_redis {
    ordershop_store::conformance!(super::OnRedis);
}

mod small_on_valkey {
    ordershop_store::conformance!(super::SmallOnValkey);
}
