//! What is wrong with a tree's specification, found before anything of it starts.

use std::collections::HashSet;

use crate::child::Kind;
use crate::{AutoShutdown, ChildSpec, Restart, SpecError, SupervisorSpec};

/// Looks for what makes no sense, from the root down.
pub(crate) fn check(spec: &SupervisorSpec, path: &str) -> Result<(), SpecError> {
    let mut names = HashSet::new();
    for ChildSpec(kind) in &spec.children {
        let (name, restart, significant) = match kind {
            Kind::Single(child) => (child.name(), child.restart(), child.significant()),
            Kind::Supervisor(spec) => (spec.name(), spec.restart, spec.significant),
        };
        let path = format!("{path}/{name}");
        if !names.insert(name) {
            return Err(SpecError::NameTaken { path });
        }
        if significant && restart == Restart::Permanent {
            return Err(SpecError::SignificantPermanent { path });
        }
        if significant && spec.auto_shutdown == AutoShutdown::Never {
            return Err(SpecError::SignificantToNobody { path });
        }
        if let Kind::Supervisor(spec) = kind {
            check(spec, &path)?;
        }
    }
    Ok(())
}
