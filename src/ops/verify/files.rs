//! The check of a log in files: its bytes, and what the shop makes of its entries.

use ordershop_actors::shop::audit::Audit;
use ordershop_store::LogError;
use ordershop_store::embedded::verify::{Finding, Verification};

use super::line::{Findings, Line, Progress, Sum};

/// A check under way.
pub struct FileCheck {
    verification: Verification,
    audit: Audit,
    findings: Findings,
}

impl FileCheck {
    /// A check that begins.
    pub fn new(verification: Verification) -> Self {
        Self { verification, audit: Audit::default(), findings: Findings::default() }
    }

    /// Checks some more, and blocks for so long; gives what there is to tell.
    pub fn step(&mut self) -> Result<Vec<Line>, LogError> {
        let Self { verification, audit, findings } = self;
        let entries = verification.checked().entries;
        let more = verification.step(&mut |finding| match finding {
            Finding::Violation(found) => {
                findings.add(found.rule.name(), &found.place, found.reason);
            }
            Finding::Entry(place, topic, record) => {
                for (rule, reason) in audit.take(&record.to_entry(topic)) {
                    findings.add(rule.name(), place, reason);
                }
            }
            Finding::Progress(done, all) => findings.progress(Progress { done, all, entries }),
        })?;
        if !more {
            let sum = Sum::default().with_files(&verification.checked());
            findings.finish(&sum.with_audit(&audit.audited()));
        }
        Ok(findings.take())
    }
}
