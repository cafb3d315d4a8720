//! An operator's order to end what is up at a path, for those who do not hold the tree.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::NotRunning;
use crate::commons::Commons;

/// Ends what is up at a path of one tree, as [`Tree::kill`](crate::Tree::kill) does; cheap to clone,
/// and of any thread. It keeps no tree alive.
#[derive(Clone)]
pub struct Killer(Weak<Commons>);

impl Killer {
    pub(crate) fn of(commons: &Arc<Commons>) -> Self {
        Self(Arc::downgrade(commons))
    }

    /// Ends what is up at that path; see [`Tree::kill`](crate::Tree::kill). In a tree that is gone
    /// nothing is up.
    pub async fn kill(&self, path: &str) -> Result<(), NotRunning> {
        let was_up = match self.0.upgrade() {
            Some(commons) => commons.kill(path).await,
            None => false,
        };
        if was_up { Ok(()) } else { Err(NotRunning { path: path.to_owned() }) }
    }
}

impl fmt::Debug for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Killer").finish_non_exhaustive()
    }
}
