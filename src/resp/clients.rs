//! The clients that are connected, as `CLIENT LIST` and `INFO` tell of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::limits::MAX_CLIENTS;

/// What stands for the last command of a client that has sent none (as in Redis).
pub(super) const NO_COMMAND: &str = "NULL";

/// The connected clients.
#[derive(Default)]
pub(super) struct Clients {
    last_id: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
}

/// What others may know of a client.
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) since: Instant,
    shown: Mutex<Shown>,
}

/// What of it changes.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) name: Vec<u8>,
    /// The command that it sent last: one that takes its time, or the last of those that were read
    /// together.
    pub(super) command: &'static str,
    pub(super) last_active: Instant,
    pub(super) resp: u8,
}

/// A client for as long as it is connected.
pub(super) struct Connected<'a> {
    clients: &'a Clients,
    pub(super) client: Arc<Client>,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.clients.connected().remove(&self.client.id);
    }
}

impl Client {
    /// What of it changes, to look at or to set.
    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line that `CLIENT LIST` has of it.
    pub(super) fn line(&self) -> Vec<u8> {
        let Shown { name, command, last_active, resp } = self.shown().clone();
        let (age, idle) = (self.since.elapsed().as_secs(), last_active.elapsed().as_secs());
        let head = format!("id={} addr={} laddr={} name=", self.id, self.peer, self.local);
        let rest = format!(" age={age} idle={idle} db=0 cmd={command} user=default resp={resp}");
        [head.as_bytes(), &name, rest.as_bytes()].concat()
    }
}

impl Clients {
    /// Takes in a client; `None` where there are too many.
    pub(super) fn connect(&self, peer: SocketAddr, local: SocketAddr) -> Option<Connected<'_>> {
        let mut connected = self.connected();
        if connected.len() >= MAX_CLIENTS {
            return None;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let since = Instant::now();
        let shown = Shown { name: Vec::new(), command: NO_COMMAND, last_active: since, resp: 2 };
        let client = Arc::new(Client { id, peer, local, since, shown: Mutex::new(shown) });
        connected.insert(id, Arc::clone(&client));
        drop(connected);
        Some(Connected { clients: self, client })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.connected().len()
    }

    /// All of them, by their numbers.
    pub(super) fn all(&self) -> Vec<Arc<Client>> {
        self.connected().values().cloned().collect()
    }

    fn connected(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
