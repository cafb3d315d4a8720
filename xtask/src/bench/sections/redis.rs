//! The log and the shop on a Redis server, beside what the server does by itself.

use std::process::Command;

use super::customers::CUSTOMER;
use super::orders::{furnish, orders};
use crate::bench::Bench;
use crate::bench::duel::{duel, median};
use crate::bench::load::{Load, post};
use crate::bench::programs::{Programs, rows_of};
use crate::bench::redis::Redis;
use crate::bench::redis_benchmark::Commands;
use crate::bench::row::{Aim, Row, Unit};
use crate::bench::shop::{Shop, bare};
use crate::shell::Failed;

pub(super) const ABOUT: &str = "Events appended to the log on a Redis server of this machine, two \
    batches under way at once over one connection; the bare thing is redis-benchmark with XADD of the \
    same fields and bytes, as many of them pipelined over one connection, on the same server, which keeps \
    nothing on disk. Memory is what the server has allocated for an event with all that is kept beside it, \
    and for a bare entry. Then handlers and commands as above, on a server with `appendonly yes` and \
    `appendfsync always`.";

/// How many events one append holds.
const BATCHES: [u64; 4] = [1, 16, 128, 1024];
/// The aim is set for this many of them.
const AIMED_AT: u64 = 128;
const APPEND_AIM: Aim = Aim::Ratio(0.3);
const ORDERS_AIM: Aim = Aim::AtLeast(5_000.0);
/// How many batches `redis_rate` has under way at once.
const UNDER_WAY: u64 = 2;
/// The stream to which `redis_rate` appends.
const STREAM: &str = "events:{order}_updated";
const BARE_STREAM: &str = "events:bare";
/// How many bytes the entity of an event of `redis_rate` has, and the event itself.
const ENTITY_BYTES: usize = 140;
const DATA_BYTES: usize = 60;
/// How many commands of redis-benchmark there are for each second that is to be measured.
const BARE_A_SECOND: f64 = 100_000.0;
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const CONNECTIONS: [usize; 2] = [64, 256];

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    appends(bench, rows)?;

    let programs = bench.programs(&["bare_http", "handlers"])?;
    let folder = bench.folder("redis")?;
    let redis = Redis::start(bench.workspace, folder.path(), &DURABLE)?;
    let mut command = Command::new(programs.named("handlers")?);
    rows.extend(rows_of(command.arg(redis.url()).args(bench.time()))?);

    redis.empty()?;
    let shop = Shop::start_on(&programs, &redis.url())?;
    let bare = bare(&programs, folder.path())?;
    for connections in CONNECTIONS {
        let load = Load { connections, requests: vec![post("/customers", CUSTOMER)] };
        let what = format!("POST /customers, {connections} at once");
        rows.push(duel(&what, (&shop, &load), (&bare, &load), bench.options)?);
    }
    let (customers, products) = furnish(&shop)?;
    let requests = orders(&customers, &products);
    for connections in CONNECTIONS {
        let load = Load { connections, requests: requests.clone() };
        let what = format!("POST /orders, 100 products, {connections} at once");
        let mut row = duel(&what, (&shop, &load), (&bare, &load), bench.options)?;
        row.aim = Some(ORDERS_AIM);
        rows.push(row);
    }
    bare.stop()?;
    shop.server.stop()
}

/// The log alone, in batches of several sizes, and the memory of its events.
fn appends(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let what = ["--package", "ordershop-store", "--example", "redis_rate"];
    let programs = Programs::build(bench.workspace, &what)?;
    let folder = bench.folder("redis-appends")?;
    let redis = Redis::start(bench.workspace, folder.path(), &["--appendonly", "no"])?;
    let seconds = bench.options.round().as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let bare_count = (seconds * BARE_A_SECOND) as u64;
    let (entity, data) = ("x".repeat(ENTITY_BYTES), "y".repeat(DATA_BYTES));
    let bare_words = bare_words(&entity, &data);
    let (mut bytes, mut bare_bytes) = (Vec::new(), Vec::new());
    for batch in BATCHES {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..bench.options.rounds {
            redis.empty()?;
            let before = redis.memory()?;
            let mut command = Command::new(programs.named("redis_rate")?);
            command.args([redis.url(), seconds.to_string(), batch.to_string()]);
            ours.extend(rows_of(&mut command)?.iter().map(|row| row.ours));
            bytes.push((redis.memory()? - before) / redis.entries(STREAM)?.max(1.0));

            redis.empty()?;
            let before = redis.memory()?;
            let pipelined = batch * UNDER_WAY;
            let bare =
                Commands { words: &bare_words, count: bare_count, connections: 1, pipelined };
            theirs.push(redis.benchmark().run(redis.address(), bare)?.rate);
            bare_bytes.push((redis.memory()? - before) / redis.entries(BARE_STREAM)?.max(1.0));
        }
        let mut row =
            Row::new(format!("append, batches of {batch}"), median(&ours), Unit::PerSecond);
        row.bare = Some(median(&theirs));
        row.aim = (batch == AIMED_AT).then_some(APPEND_AIM);
        rows.push(row);
    }
    let mut row = Row::new("memory of an event", median(&bytes), Unit::Bytes);
    row.bare = Some(median(&bare_bytes));
    rows.push(row);
    Ok(())
}

/// The bare thing: the fields of an event.
fn bare_words<'a>(entity: &'a str, data: &'a str) -> Vec<&'a str> {
    const ID: &str = "00000000-0000-5000-8000-000000000007";
    let mut words = vec!["XADD", BARE_STREAM, "*", "event_id", ID, "entity", entity];
    words.extend(["type", "OrderPlaced", "schema", "1", "version", "1"]);
    words.extend(["time", "1700000000000000", "command_id", ID, "cause", "", "data", data]);
    words.extend(["entity_id", ID, "transaction", "1/1"]);
    words
}
