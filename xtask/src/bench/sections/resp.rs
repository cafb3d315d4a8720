//! Queries over RESP, beside a Redis server that holds the same keys.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::bench::Bench;
use crate::bench::duel::median;
use crate::bench::redis::Redis;
use crate::bench::redis_benchmark::{Commands, RedisBenchmark, Told};
use crate::bench::resp_copy::{compare, copy};
use crate::bench::row::{Aim, Row, Unit};
use crate::bench::shop::Shop;
use crate::bench::table::whole;
use crate::shell::Failed;

pub(super) const ABOUT: &str = "Queries over RESP. The bare thing is a Redis server that holds the same keys, \
    copied from the shop over RESP, and keeps nothing on disk; before anything is measured both must reply \
    the same bytes (to SMEMBERS: the same members). redis-benchmark sends one and the same command over 50 \
    connections from one thread, to both in turn, \"16 ahead\" with as many sent before the first reply is \
    read. Latencies are what it tells, of all that was sent ahead together. Where it takes longer to read a \
    reply than a server to make it, as with 10,000 members, rates are its own, and CPU tells the servers apart.";

const CUSTOMERS: usize = 10_000;
const ENTRIES: &str = "100";
/// As many as redis-benchmark takes where nobody says.
const CONNECTIONS: u64 = 50;
const PIPELINES: [u64; 2] = [1, 16];
const AIM: Aim = Aim::Ratio(1.0);
/// How many commands come before those that count, and tell how many there may be of these.
const WARM_UP: u64 = 2_000;

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let folder = bench.folder("resp")?;
    let programs = bench.programs(&[])?;
    let (shop, resp) = Shop::start_with_resp(&programs, &folder.path().join("log"))?;
    let customers: Vec<_> = (0..CUSTOMERS)
        .map(|n| json!({"name": format!("Customer {n}"), "email": "customer@example.org"}))
        .collect();
    let ids = shop.create("/customers", &customers)?;
    shop.drain()?;
    let redis = Redis::start(bench.workspace, folder.path(), &["--appendonly", "no"])?;
    copy(resp, redis.address())?;

    let one = format!("customer_entity:{}", ids[CUSTOMERS / 2]);
    let stream = "events:{customer}_created";
    let xrange = ["XRANGE", stream, "-", "+", "COUNT", ENTRIES];
    let points: [(&str, &[&str]); 4] = [
        ("HGETALL of a customer", &["HGETALL", &one]),
        ("HGET of a field", &["HGET", &one, "email"]),
        ("SMEMBERS, 10,000 of them", &["SMEMBERS", "customer_ids"]),
        ("XRANGE, 100 entries", &xrange),
    ];
    let servers = [resp, redis.address()];
    compare(servers, &["DBSIZE"])?;
    for (_, command) in points {
        compare(servers, command)?;
    }
    let ours = Side { address: resp, cpu: &|| shop.server.cpu() };
    let theirs = Side { address: redis.address(), cpu: &|| redis.cpu() };
    let duel = Duel { bench, benchmark: redis.benchmark(), ours, theirs };
    for (what, words) in points {
        for pipelined in PIPELINES {
            let ahead = if pipelined == 1 { String::new() } else { format!(", {pipelined} ahead") };
            rows.push(duel.row(format!("{what}{ahead}"), words, pipelined)?);
        }
    }
    shop.server.stop()
}

/// A server.
struct Side<'a> {
    address: SocketAddr,
    cpu: &'a dyn Fn() -> Duration,
}

/// What a round told of a server.
struct Round {
    told: Told,
    /// Its processor time for each command, in microseconds.
    cpu: f64,
}

struct Duel<'a> {
    bench: &'a Bench<'a>,
    benchmark: RedisBenchmark,
    ours: Side<'a>,
    theirs: Side<'a>,
}

impl Duel<'_> {
    /// Sends one command to both, in turn.
    fn row(&self, what: String, words: &[&str], pipelined: u64) -> Result<Row, Failed> {
        let warm_up = Commands { words, count: WARM_UP, connections: CONNECTIONS, pipelined };
        let (ours, theirs) = (self.round(&self.ours, warm_up)?, self.round(&self.theirs, warm_up)?);
        let seconds = self.bench.options.round().as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        let count = (ours.told.rate.max(theirs.told.rate) * seconds) as u64;
        let commands = Commands { count: count.max(WARM_UP), ..warm_up };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..self.bench.options.rounds {
            ours.push(self.round(&self.ours, commands)?);
            theirs.push(self.round(&self.theirs, commands)?);
        }
        let of = |rounds: &[Round], part: fn(&Round) -> f64| {
            median(&rounds.iter().map(part).collect::<Vec<_>>())
        };
        let rates = |rounds: &[Round]| {
            rounds.iter().map(|round| whole(round.told.rate)).collect::<Vec<_>>().join(" ")
        };
        eprintln!("    {what}: {}/s, Redis {}/s", rates(&ours), rates(&theirs));
        let mut row = Row::new(what, of(&ours, |round| round.told.rate), Unit::PerSecond);
        row.bare = Some(of(&theirs, |round| round.told.rate));
        row.p50 = Some(of(&ours, |round| round.told.p50));
        row.p99 = Some(of(&ours, |round| round.told.p99));
        row.cpu = Some(of(&ours, |round| round.cpu));
        row.bare_cpu = Some(of(&theirs, |round| round.cpu));
        row.aim = Some(AIM);
        Ok(row)
    }

    fn round(&self, side: &Side<'_>, commands: Commands<'_>) -> Result<Round, Failed> {
        let before = (side.cpu)();
        let told = self.benchmark.run(side.address, commands)?;
        let spent = (side.cpu)().saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 commands")]
        let cpu = spent.as_secs_f64() * 1e6 / commands.count as f64;
        Ok(Round { told, cpu })
    }
}
