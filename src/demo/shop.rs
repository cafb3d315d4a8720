//! The shop of a demo: the real tree, log, mails and HTTP, in a temporary folder that goes with it.

use std::collections::HashSet;
use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ordershop_actors::shop::effects::{Mail, MailTransport, TransportError};
use ordershop_supervisors::Tree;

use crate::exit::Exit;
use crate::http::Limits;
use crate::ops::supervision::Supervision;
use crate::settings::{MailDomain, MailUrl, StoreUrl};
use crate::store::Store;
use crate::{clock, mail, tree};

/// The domain of the demo's mails.
pub(super) const DOMAIN: &str = "demo.example";
/// How much HTTP takes at once; the clients are far fewer.
const LIMIT: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not 0");
/// How long idempotency keys are known; the clients send nothing again for so long.
const KEEP_KEYS: Duration = Duration::from_hours(1);

/// A folder that is removed with all that is in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A fresh folder among the system's temporary ones.
    pub(super) fn new() -> Result<Self, Exit> {
        let path = std::env::temp_dir().join(format!("ordershop-demo-{}", clock::command_id()));
        fs::create_dir_all(&path).map_err(|error| {
            let what = format!("cannot make {}: {error}", path.display());
            Exit::unusable(what, "set TMPDIR to a folder that can be written")
        })?;
        Ok(Self(path))
    }

    /// Where the log is.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Where the mails are.
    pub(super) fn mails(&self) -> PathBuf {
        self.0.join("mail")
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is among the temporary files, where the system looks after it.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The mails that have left, by their ids: one that left again after a crash is there once.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<Mutex<HashSet<String>>>);

impl Sent {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many they are.
    pub(super) fn count(&self) -> u64 {
        self.lock().len() as u64
    }
}

/// Mails on their way, noted when they are there.
struct Noted {
    inner: Arc<dyn MailTransport>,
    sent: Sent,
}

impl MailTransport for Noted {
    fn send(
        &self,
        mails: Vec<Mail>,
    ) -> Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send>> {
        let (ids, sent): (Vec<_>, _) =
            (mails.iter().map(Mail::local_id).collect(), self.sent.clone());
        let sending = self.inner.send(mails);
        Box::pin(async move {
            sending.await?;
            sent.lock().extend(ids);
            Ok(())
        })
    }
}

/// The running shop.
pub(super) struct Shop {
    /// Its supervision.
    pub(super) tree: Tree,
    /// Where it serves HTTP.
    pub(super) address: SocketAddr,
    /// The mails that have left.
    pub(super) mails: Sent,
    store: Store,
}

impl Shop {
    /// Opens a shop in that folder, on any free port of this machine.
    pub(super) async fn open(folder: &Folder) -> Result<Self, Exit> {
        let domain: MailDomain = DOMAIN.parse().expect("it is a domain");
        let store = Store::open(&StoreUrl::Embedded(folder.log())).await?;
        let inner = mail::transport(&MailUrl::File(folder.mails()), &domain)?;
        let mails = Sent::default();
        let no_port = |error| Exit::unusable(format!("cannot listen: {error}"), "free a port");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let view = Arc::new(OnceLock::new());
        let shop = tree::shop(tree::Ground {
            log: store.log(),
            files: store.files(),
            cache: store.cache(),
            mail: Arc::new(Noted { inner, sent: mails.clone() }),
            listener,
            resp: None,
            limits: Limits { commands: LIMIT, queries: LIMIT },
            keep_keys: KEEP_KEYS,
            view: Arc::clone(&view),
            runtime: tokio::runtime::Handle::current(),
        });
        let started = Tree::start(shop).await;
        let tree = started.map_err(|error| Exit::Broken(format!("it cannot start: {error}")))?;
        // It is set once, here.
        let _ = view.set(Supervision::of(&tree));
        Ok(Self { tree, address, mails, store })
    }

    /// Stops the tree in order and closes the log.
    pub(super) async fn close(self) {
        self.tree.stop().await;
        self.store.close();
    }
}
