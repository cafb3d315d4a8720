//! The supervision tree of the running shop, as far as people may look at it and order it about.

use ordershop_supervisors::{Killer, Tree, TreeView};
#[cfg(test)]
use ordershop_supervisors::{Node, NodeKind, NodeState};

/// The tree, from outside.
#[derive(Clone, Debug)]
pub struct Supervision {
    /// Looks at it.
    pub view: TreeView,
    /// Ends parts of it.
    pub killer: Killer,
}

impl Supervision {
    /// That of a tree which is up.
    pub fn of(tree: &Tree) -> Self {
        Self { view: tree.view(), killer: tree.killer() }
    }
}

/// A node that is up, and has had no failure.
#[cfg(test)]
pub(crate) fn running(path: &str, kind: NodeKind, children: Vec<Node>) -> Node {
    Node {
        path: path.to_owned(),
        kind,
        state: NodeState::Running,
        incarnations: 1,
        restarts_in_window: 0,
        last_failure: None,
        uptime: None,
        handled: None,
        arbiter: None,
        children,
    }
}
