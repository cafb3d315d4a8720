//! `ordershop rebuild`: makes anew what others read beside the log.

use std::collections::HashSet;

use clap::{Args, Subcommand};
use ordershop_actors::read_model::LIST_FIELD;
use ordershop_actors::shop::effects::{self, ExportError};
use ordershop_actors::shop::topics;
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{EntityCache, EventLog, LogError, Positions, Topic};
use serde::Serialize;
use uuid::Uuid;

use super::out::{Out, ProgressLine};
use super::source::runtime;
use crate::exit::Exit;
use crate::settings::StoreUrl;

/// How many entries one read brings.
const PAGE: usize = 4096;
/// How many entities are written at once.
const AT_ONCE: usize = 256;

/// What is made anew.
#[derive(Debug, Subcommand)]
pub enum Rebuild {
    /// Write the entity cache on a Redis server anew, and remove what does not belong there
    ///
    /// Beside the streams, a shop on Redis keeps each living entity as plain types for other
    /// programs: the set `customer_ids`, the hashes `customer_entity:<id>`, the lists
    /// `order_product_ids:<id>`. Others may write there, too. This writes every entity as the log
    /// has it, and removes what the log does not know. The shop may run meanwhile.
    ///
    /// Exit code 0: the cache is as the log says. 2: the server cannot be used, and why.
    #[command(after_help = "Examples:\n  \
        ordershop rebuild cache\n  \
        ordershop rebuild cache --store redis://:password@redis.example:6379\n  \
        ordershop rebuild cache --json | jq .removed")]
    Cache(CacheArgs),
}

/// The options of `rebuild cache`.
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// The Redis server of the log
    #[arg(long, value_name = "STORE", env = "ORDERSHOP_STORE", hide_env_values = true)]
    #[arg(default_value = "redis://127.0.0.1:6379")]
    store: StoreUrl,
    /// One JSON object a line, for each topic
    #[arg(long)]
    json: bool,
}

/// What was done for a topic.
#[derive(Clone, Copy, Debug, Serialize)]
struct Rebuilt {
    topic: &'static str,
    /// How many living entities were written.
    written: usize,
    /// How many things were there that belong to none.
    removed: usize,
}

/// Carries the command out.
pub fn run(Rebuild::Cache(args): &Rebuild) -> Result<(), Exit> {
    let StoreUrl::Redis(url) = &args.store else {
        let what = format!("{} has no entity cache", args.store);
        let advice = "a shop on it answers the same keys over RESP, always up to date; name a Redis \
                      server with --store redis://HOST:PORT";
        return Err(Exit::unusable(what, advice));
    };
    let runtime = runtime()?;
    let opened = Redis::open(url.with_password(), &topics::ALL, Options::default());
    let log = runtime
        .block_on(opened)
        .map_err(|error| Exit::unusable(error, "name the log's Redis server with --store"))?;
    let cache = log.cache();
    let mut progress = ProgressLine::begin();
    let mut out = Out::new();
    if !args.json {
        out.line(&format!("the entity cache on {url}"))?;
    }
    for topic in topics::PUBLIC {
        let outcome = runtime.block_on(rebuild_topic(&log, &cache, topic, &mut progress));
        progress.clear();
        let outcome = outcome.map_err(|error| {
            Exit::unusable(error, "mend that, and rebuild again: what was written is right")
        })?;
        out.line(&if args.json { to_json(outcome) } else { render(outcome) })?;
    }
    out.flush()
}

async fn rebuild_topic(
    log: &dyn EventLog,
    cache: &dyn EntityCache,
    topic: Topic,
    progress: &mut ProgressLine,
) -> Result<Rebuilt, ExportError> {
    let strangers = cache.remove_strangers(topic, &[LIST_FIELD]).await?;
    let found = cache.ids(topic, &[LIST_FIELD]).await?;
    let mut ids = known(log, topic, progress).await?;
    ids.extend(&found);
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut rebuilt = Rebuilt { topic: topic.name(), written: 0, removed: strangers };
    for (number, some) in ids.chunks(AT_ONCE).enumerate() {
        progress
            .show(|| format!("{topic}: {} of {} entities written", number * AT_ONCE, ids.len()));
        let living: HashSet<_> =
            effects::export(log, cache, topic, some.to_vec()).await?.into_iter().collect();
        rebuilt.written += living.len();
        rebuilt.removed +=
            some.iter().filter(|id| found.contains(id) && !living.contains(id)).count();
    }
    Ok(rebuilt)
}

/// The entities of which the log has public entries.
async fn known(
    log: &dyn EventLog,
    topic: Topic,
    progress: &mut ProgressLine,
) -> Result<HashSet<Uuid>, LogError> {
    let mut ids = HashSet::new();
    let mut after = Positions::start([topic]);
    let mut read = 0;
    loop {
        let page = log.read(after.clone(), PAGE).await?;
        for entry in &page.entries {
            after.finish(entry);
            if effects::may_show(entry) {
                ids.insert(entry.entity_id);
            }
        }
        read += page.entries.len();
        progress.show(|| format!("{topic}: {read} events read"));
        if !page.more {
            return Ok(ids);
        }
    }
}

fn to_json(rebuilt: Rebuilt) -> String {
    serde_json::to_string(&rebuilt).expect("a struct of plain values")
}

fn render(Rebuilt { topic, written, removed }: Rebuilt) -> String {
    format!("  {topic:<10} {written:>10} written {removed:>10} removed")
}
