//! Children by key, started on demand.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use futures_util::future::LocalBoxFuture;

use crate::cell::Timing;
use crate::children::{Children, Refusal};
use crate::dynamic_child::DynamicChild;
use crate::{
    AskError, Backoff, Birth, ChildSpec, DEFAULT_CAPACITY, Failure, Handle, Intensity, Message,
    Policy, Process, Receive, Restart, Shutdown,
};

/// The number of children a dynamic supervisor may have when its builder names none.
pub const DEFAULT_MAX_CHILDREN: usize = 100_000;

/// How long a child that failed too often is unavailable when the builder names no time.
pub const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(30);

/// How often an ask goes to a fresh child because the one before was on its way out.
const MAX_ATTEMPTS: u32 = 16;

/// Builds a dynamic supervisor: children by key, all of one kind, started on demand.
pub fn dynamic<K, P>(name: impl Into<String>) -> DynamicBuilder<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    DynamicBuilder {
        name: name.into(),
        arbiter: None,
        limits: Limits {
            capacity: DEFAULT_CAPACITY,
            max_children: DEFAULT_MAX_CHILDREN,
            cool_down: DEFAULT_COOL_DOWN,
            policy: Policy { restart: Restart::Transient, ..Policy::default() },
            timing: Timing::default(),
        },
        label: None,
        kind: PhantomData,
    }
}

/// What holds for every child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) capacity: usize,
    pub(crate) max_children: usize,
    pub(crate) cool_down: Duration,
    pub(crate) policy: Policy,
    pub(crate) timing: Timing,
}

pub(crate) type Label<K> = Box<dyn Fn(&K) -> String + Send + Sync>;
pub(crate) type KeyedFactory<K, P> =
    Box<dyn Fn(K, Birth<P>) -> LocalBoxFuture<'static, Result<P, Failure>> + Send + Sync>;

/// Builds a dynamic supervisor; see [`dynamic()`].
#[must_use = "a builder does nothing until it gets its factory"]
pub struct DynamicBuilder<K, P: Process> {
    name: String,
    arbiter: Option<ArbiterHandle>,
    limits: Limits,
    label: Option<Label<K>>,
    kind: PhantomData<fn() -> P>,
}

impl<K, P> DynamicBuilder<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    /// Sets the arbiter, the thread, its children live on; the present one otherwise.
    pub fn on(mut self, arbiter: &ArbiterHandle) -> Self {
        self.arbiter = Some(arbiter.clone());
        self
    }

    /// Sets the bound of each child's mailbox; [`DEFAULT_CAPACITY`] otherwise.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.limits.capacity = messages;
        self
    }

    /// Sets how many children there may be; [`DEFAULT_MAX_CHILDREN`] otherwise.
    pub fn max_children(mut self, children: usize) -> Self {
        self.limits.max_children = children;
        self
    }

    /// Sets how long to wait before a child is restarted.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.limits.policy.backoff = backoff;
        self
    }

    /// Sets how many restarts of one child are bearable. One more makes that child unavailable;
    /// it never concerns the others or the supervisor above.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.limits.policy.intensity = intensity;
        self
    }

    /// Sets how long a child that failed too often is unavailable; [`DEFAULT_COOL_DOWN`] otherwise.
    pub fn cool_down(mut self, time: Duration) -> Self {
        self.limits.cool_down = time;
        self
    }

    /// Sets how long each child may take to stop; [`DEFAULT_SHUTDOWN`](crate::DEFAULT_SHUTDOWN)
    /// otherwise.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.limits.timing.shutdown = shutdown;
        self
    }

    /// Sets how long the factory may take for one child;
    /// [`DEFAULT_START_TIMEOUT`](crate::DEFAULT_START_TIMEOUT) otherwise.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.limits.timing.start = timeout;
        self
    }

    /// Sets how a child is named after its key, for logs and its handle; otherwise all bear the
    /// name of the supervisor.
    pub fn label(mut self, label: impl Fn(&K) -> String + Send + Sync + 'static) -> Self {
        self.label = Some(Box::new(label));
        self
    }

    /// Names the factory that makes each incarnation of each child, on their arbiter.
    ///
    /// # Panics
    ///
    /// When no arbiter was set and the present thread has none.
    pub fn factory<F, Fut>(self, factory: F) -> (DynamicHandle<K, P>, ChildSpec)
    where
        F: Fn(K, Birth<P>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<P, Failure>> + 'static,
    {
        let children = Arc::new(Children::new(
            self.name,
            self.arbiter.unwrap_or_else(Arbiter::current),
            self.limits,
            self.label,
            Box::new(move |key, birth| Box::pin(factory(key, birth))),
        ));
        let handle = DynamicHandle { children: Arc::clone(&children) };
        (handle, ChildSpec::single(DynamicChild(children)))
    }
}

impl<K, P: Process> fmt::Debug for DynamicBuilder<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicBuilder")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Sends messages to children by key; cheap to clone.
pub struct DynamicHandle<K, P: Process> {
    children: Arc<Children<K, P>>,
}

impl<K, P> DynamicHandle<K, P>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    P: Process,
{
    /// Asks the child with that key, and starts it if there is none.
    ///
    /// As [`Handle::ask`], and: [`AskError::Full`] when there are as many children as there may be,
    /// [`AskError::Unavailable`] when the child failed too often and is cooling down. A message
    /// that met a child on its way out goes to a fresh one. While the dynamic supervisor itself
    /// is down, it waits.
    pub async fn ask<M>(&self, key: &K, message: M) -> Result<M::Reply, AskError<M>>
    where
        P: Receive<M>,
        M: Message,
    {
        let mut message = message;
        for _ in 0..MAX_ATTEMPTS {
            let child = match self.children.find_or_start(key).await {
                Ok(child) => child,
                Err(Refusal::Full) => return Err(AskError::Full(message)),
                Err(Refusal::CoolingDown) => return Err(AskError::Unavailable(message)),
                Err(Refusal::Closed) => return Err(AskError::NotDelivered(message)),
            };
            match child.ask(message).await {
                Err(AskError::NotDelivered(undelivered)) => message = undelivered,
                done => return done,
            }
        }
        Err(AskError::NotDelivered(message))
    }

    #[cfg(test)]
    pub(crate) fn children(&self) -> &Arc<Children<K, P>> {
        &self.children
    }

    /// The number of living children: up, starting, or waiting for a restart.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there is no living child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The child with that key, if it lives.
    pub fn get(&self, key: &K) -> Option<Handle<P>> {
        self.children.get(key)
    }

    /// The name of the dynamic supervisor.
    pub fn name(&self) -> &str {
        self.children.name()
    }
}

impl<K, P: Process> Clone for DynamicHandle<K, P> {
    fn clone(&self) -> Self {
        Self { children: Arc::clone(&self.children) }
    }
}

impl<K, P: Process> fmt::Debug for DynamicHandle<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicHandle").finish_non_exhaustive()
    }
}
