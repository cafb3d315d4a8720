//! The event log on Redis Streams, shared with whoever else reads and writes there.
//!
//! A topic's streams, indexes, keys, cursors and snapshots lie on one slot. What must be atomic runs
//! in the server: `log.lua`, `locate.lua` and `script.rs`. So any number of writers in any number of
//! processes may append; what decides is the server's copy alone, and nothing here is cached.
//!
//! Others add entries of their own. Each step in the server first takes up what they have added, in
//! the order of ids, to the histories of their entities; readers meet it in the streams themselves.
//!
//! A call that loses its connection asks again on a new one, within its limit; appends may be sent
//! twice since they are found by their commands. What a reader waits on is apart from what is asked.

mod appending;
mod blobs;
mod cache;
mod fields;
mod kept;
mod keys;
mod link;
mod options;
mod reading;
mod script;
mod tls;
mod waiting;
mod witness;

use std::future::Future;
use std::sync::Arc;

use redis::{
    Client, Cmd, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, TlsCertificates, Value,
};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

pub use self::cache::RedisCache;
pub use self::options::Options;

use self::fields::{text, unexpected};
use self::link::Link;
use self::reading::array;
use self::script::{Function, Script};
use self::waiting::Waiting;
use self::witness::Witness;
use crate::{
    Action, Batch, Blob, BlobParts, BoxFuture, CursorName, EntitySnapshot, Entry, EntryId,
    EventLog, LogError, Loss, Origin, Outcome, Page, Position, Positions, Topic, UniqueKey,
};

/// How many calls are under way at once; more wait for their turn.
const MAX_CALLS: usize = 1024;
/// How many appends are best under way at once: one on its way there, one there, one on its way back.
const APPENDS_AT_ONCE: usize = 3;
/// How many steps it may take to take up what others have written before a log was ever opened there.
const MAX_ADOPTIONS: usize = 1_000_000;

/// An event log on a Redis server.
///
/// Its futures must be polled within a tokio runtime.
#[derive(Clone, Debug)]
pub struct Redis {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    topics: Vec<Topic>,
    options: Options,
    script: Script,
    witness: Arc<Witness>,
    commands: Link,
    reads: Link,
    waiting: Waiting,
    room: Arc<Semaphore>,
    /// Whose append is sent next.
    turn: Arc<Mutex<()>>,
}

impl Redis {
    /// Opens the log at `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, or `rediss://…` for TLS (with
    /// `?ca=FILE` for a server with a certificate of that authority), and takes up what others have
    /// written there.
    ///
    /// `topics` are all that the log holds or will hold. A server that is away is an error.
    pub async fn open(url: &str, topics: &[Topic], options: Options) -> Result<Self, LogError> {
        let log = Self::at(url, topics, options)?;
        log.take_up().await?;
        Ok(log)
    }

    /// The log at that URL, of which nobody has asked anything yet; it counts as opened once
    /// [`Self::take_up`] has succeeded, which may be tried until then.
    pub fn at(url: &str, topics: &[Topic], options: Options) -> Result<Self, LogError> {
        let refused = |error: redis::RedisError| LogError::Refused(error.to_string().into());
        let info = url.into_connection_info().map_err(refused)?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = info.set_redis_settings(settings);
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // Fails where the program has installed one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let address: Arc<str> = info.addr().to_string().into();
        let client = match tls::authority(url)? {
            None => Client::open(info),
            root_cert => {
                let certificates = TlsCertificates { client_tls: None, root_cert };
                Client::build_with_tls(info, certificates)
            }
        };
        let client = client.map_err(refused)?;
        let witness = Arc::new(Witness::default());
        let link = || {
            let (address, witness) = (Arc::clone(&address), Arc::clone(&witness));
            Link::new(client.clone(), address, options.clone(), witness)
        };
        let (commands, reads) = (link(), link());
        let inner = Inner {
            topics: topics.to_vec(),
            script: Script::new(),
            witness,
            commands,
            reads,
            waiting: Waiting::new(&options),
            room: Arc::new(Semaphore::new(MAX_CALLS)),
            turn: Arc::default(),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Takes up what others have written.
    pub async fn take_up(&self) -> Result<(), LogError> {
        for topic in &self.inner.topics {
            self.inner.adopt(*topic).await?;
        }
        Ok(())
    }

    /// The server, as `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.inner.commands.address
    }

    /// The entity cache on the same server.
    pub fn cache(&self) -> RedisCache {
        RedisCache::new(Arc::clone(&self.inner))
    }

    /// Runs a call to its end, even if whoever asked is gone: a command may already be sent.
    async fn run<T, F, C>(&self, call: C) -> Result<T, LogError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LogError>> + Send,
        C: FnOnce(Arc<Inner>) -> F + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let room = inner.wait_for(Arc::clone(&inner.room).acquire_owned()).await?;
        let room = room.map_err(|_| LogError::Closed)?;
        let running = tokio::spawn(async move {
            let done = call(inner).await;
            drop(room);
            done
        });
        running.await.unwrap_or_else(|error| Err(LogError::Failed(error.to_string())))
    }
}

impl Inner {
    /// Fails for a topic with which the log was not opened.
    fn known(&self, topic: Topic) -> Result<(), LogError> {
        if self.topics.contains(&topic) {
            return Ok(());
        }
        Err(LogError::Refused(format!("the log was not opened with topic `{topic}`").into()))
    }

    /// Waits until earlier calls make room, but not for a server that is away.
    async fn wait_for<T>(&self, room: impl Future<Output = T>) -> Result<T, LogError> {
        let waited = timeout(self.options.absence_limit, room).await;
        waited.map_err(|_| self.commands.away("earlier calls still wait for it".to_owned()))
    }

    /// The log holds that entry.
    fn saw(&self, entry: &Entry) {
        if !matches!(entry.origin, Origin::Unreadable(_)) {
            self.witness.saw(entry.topic, entry.action, entry.id, entry.event_id);
        }
    }

    /// Takes up all that others have written to that topic.
    async fn adopt(&self, topic: Topic) -> Result<(), LogError> {
        self.known(topic)?;
        for _ in 0..MAX_ADOPTIONS {
            let answer =
                self.script.call(&self.commands, Function::Locate, topic, &|_| {}, None).await?;
            if take_answer(topic, answer)?.0 {
                return Ok(());
            }
        }
        Err(self.commands.away("others write faster than is taken up".to_owned()))
    }

    /// Looks into the indexes of a topic, when all that others have written is taken up: gives items, each
    /// followed by what stands there, or by nothing where that is to be asked for.
    async fn locate(
        &self,
        topic: Topic,
        arguments: &(dyn Fn(&mut Cmd) + Send + Sync),
    ) -> Result<Vec<Value>, LogError> {
        self.known(topic)?;
        loop {
            let answer =
                self.script.call(&self.commands, Function::Locate, topic, arguments, None).await?;
            let (done, items) = take_answer(topic, answer)?;
            if done {
                return Ok(items);
            }
            self.adopt(topic).await?;
        }
    }
}

impl EventLog for Redis {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Vec<Outcome>, LogError>> {
        Box::pin(async move {
            // Whoever pipelines appends relies on the order in which they were begun.
            let turn = self.inner.wait_for(Arc::clone(&self.inner.turn).lock_owned()).await?;
            let turn = Arc::new(turn);
            let append =
                |inner: Arc<Inner>| async move { appending::append(&inner, batch, turn).await };
            self.run(append).await
        })
    }

    fn appends_at_once(&self) -> usize {
        APPENDS_AT_ONCE
    }

    fn read(&self, after: Positions, limit: usize) -> BoxFuture<'_, Result<Page, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            reading::topics(&inner, &after, limit).await
        }))
    }

    fn read_stream(
        &self,
        topic: Topic,
        action: Action,
        after: EntryId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            reading::stream(&inner, topic, action, after, limit).await
        }))
    }

    fn read_entity(
        &self,
        topic: Topic,
        entity_id: Uuid,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            reading::entity(&inner, topic, entity_id, after, limit).await
        }))
    }

    fn latest(
        &self,
        topic: Topic,
        entity_ids: Vec<Uuid>,
    ) -> BoxFuture<'_, Result<Vec<Option<Arc<Entry>>>, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            reading::latest(&inner, topic, entity_ids).await
        }))
    }

    fn holders(
        &self,
        topic: Topic,
        keys: Vec<UniqueKey>,
    ) -> BoxFuture<'_, Result<Vec<Option<Uuid>>, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            reading::holders(&inner, topic, keys).await
        }))
    }

    fn wait(&self, after: Positions) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(waiting::wait(Arc::clone(&self.inner), after))
    }

    fn ends(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Positions, LogError>> {
        Box::pin(
            self.run(move |inner: Arc<Inner>| async move { reading::ends(&inner, topics).await }),
        )
    }

    fn cursor(
        &self,
        name: CursorName,
        topic: Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, LogError>> {
        Box::pin(
            self.run(
                move |inner: Arc<Inner>| async move { kept::cursor(&inner, name, topic).await },
            ),
        )
    }

    fn cursor_as_saved(
        &self,
        name: CursorName,
        topic: Topic,
    ) -> BoxFuture<'_, Result<Option<Position>, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            Ok(kept::saved_cursor(&inner, &name, topic).await?.map(|(position, _)| position))
        }))
    }

    fn lost(&self) -> BoxFuture<'_, LogError> {
        Box::pin(self.inner.witness.until_lost())
    }

    fn accept_losses(&self) -> Option<Arc<[Loss]>> {
        self.inner.witness.forget()
    }

    fn snapshot(
        &self,
        topic: Topic,
        entity_id: Uuid,
    ) -> BoxFuture<'_, Result<Option<EntitySnapshot>, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            kept::snapshot(&inner, topic, entity_id).await
        }))
    }

    fn save_blob(
        &self,
        name: Arc<str>,
        positions: Positions,
        parts: BlobParts,
    ) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move {
            blobs::save(&inner, &name, positions, parts).await
        }))
    }

    fn blob(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<Blob>, LogError>> {
        Box::pin(self.run(move |inner: Arc<Inner>| async move { blobs::load(&inner, &name).await }))
    }
}

/// Whether a step was done, or has only taken up what others wrote, and what it gives; tells of
/// what it found on the way.
fn take_answer(topic: Topic, answer: Value) -> Result<(bool, Vec<Value>), LogError> {
    let [state, ahead, results] = <[Value; 3]>::try_from(array(answer)?)
        .map_err(|_| unexpected("state, notices and results"))?;
    for entry in array(ahead)? {
        let place = text(&entry).and_then(|text| text.split_at_checked(1));
        let (stream, id) = place.ok_or_else(|| unexpected("notice"))?;
        let number = stream.parse::<usize>().unwrap_or_default();
        let action = number.checked_sub(1).and_then(|index| Action::ALL.get(index));
        let action = action.ok_or_else(|| unexpected("notice of a stream"))?.name();
        tracing::warn!(
            %topic, action, id,
            "an entry of another program bears an id more than a minute ahead"
        );
    }
    Ok((text(&state) == Some("done"), array(results)?))
}
