//! The supervision tree of the running shop, as far as people may look at it and order it about.

use ordershop_supervisors::{Killer, Tree, TreeView};

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
