//! What a check tells, line by line: how far it has come, what is wrong, and what was checked.

use std::collections::BTreeMap;

use ordershop_actors::shop::audit::Audited;
use ordershop_store::embedded::verify::{self, Checked};
use ordershop_store::{Action, EntryId, Topic};
use serde::{Deserialize, Serialize};

/// How many violations of one rule are told; more of it are only counted.
pub const TOLD_OF_EACH: usize = 3;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// How far it has come.
    Progress(Progress),
    /// Something that is not as it must be.
    Violation(Violation),
    /// The last line: what was checked.
    Checked(Box<Sum>),
    /// The last line where it could not be checked to the end: why not.
    Failed(String),
}

impl Line {
    /// The line as JSON, without its end.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("structs of text and numbers")
    }

    /// Whether no other follows.
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Checked(_) | Self::Failed(_))
    }
}

/// How far a check has come: so many of so many, and how many entries that were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of files; of streams the microseconds between the first id and where it stands.
    pub done: u64,
    /// The same for all.
    pub all: u64,
    /// Entries.
    pub entries: u64,
}

/// Something that is not as it must be: in a file, or in a stream, or nowhere in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule that is broken.
    pub rule: String,
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where in the file the record begins, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// The stream, as in `customer_created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The entry, where it is known.
    pub entry: Option<String>,
    /// How it is broken.
    pub reason: String,
}

/// Where something is wrong.
#[derive(Clone, Debug, Default)]
pub struct Place {
    file: Option<(String, u64)>,
    stream: Option<String>,
    entry: Option<EntryId>,
}

impl Place {
    /// An entry of a stream.
    pub fn in_stream(topic: Topic, action: Action, id: EntryId) -> Self {
        let stream = Some(format!("{topic}_{}", action.name()));
        Self { file: None, stream, entry: Some(id) }
    }

    /// An entry of one of a topic's streams.
    pub fn in_topic(topic: Topic, id: EntryId) -> Self {
        Self { file: None, stream: Some(topic.name().to_owned()), entry: Some(id) }
    }
}

impl From<&verify::Place> for Place {
    fn from(place: &verify::Place) -> Self {
        let file = Some((place.file.display().to_string(), place.byte));
        Self { file, stream: None, entry: place.entry }
    }
}

/// What was held against its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The files of a log.
    #[default]
    Files,
    /// The streams of a log on a server.
    Streams,
}

/// What was checked, and how often each rule was found broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "most fields are those of `Checked` and `Audited`")]
pub struct Sum {
    pub of: Subject,
    pub segments: u64,
    pub bytes: u64,
    pub batches: u64,
    pub records: u64,
    pub entries: u64,
    pub entities: u64,
    pub keys: u64,
    /// Entries, or on a server the last ones of entities, that were looked up in the index.
    pub indexed: u64,
    pub unjudged: u64,
    pub torn_bytes: u64,
    pub events: u64,
    pub intents: u64,
    pub open_intents: u64,
    pub products: u64,
    /// Entries of other programs, which are taken as they are.
    pub foreign: u64,
    /// Entries of other programs that cannot be read, and are passed over.
    pub unreadable: u64,
    /// Entities that others have written to.
    pub shared_entities: u64,
    /// Products of which others have changed the stock, or what is ordered.
    pub shared_products: u64,
    pub violations: BTreeMap<String, usize>,
}

impl Sum {
    /// The same with what was checked of files.
    #[must_use]
    pub fn with_files(self, checked: &Checked) -> Self {
        Self {
            segments: checked.segments,
            bytes: checked.bytes,
            batches: checked.batches,
            records: checked.records,
            entries: checked.entries,
            entities: checked.entities,
            keys: checked.keys,
            indexed: checked.indexed,
            unjudged: checked.unjudged,
            torn_bytes: checked.torn_bytes,
            ..self
        }
    }

    /// The same with what was audited.
    #[must_use]
    pub fn with_audit(self, audited: &Audited) -> Self {
        Self {
            events: audited.events,
            intents: audited.intents,
            open_intents: audited.open_intents,
            products: audited.products,
            ..self
        }
    }

    /// How much is wrong.
    pub fn total(&self) -> usize {
        self.violations.values().sum()
    }
}

/// What a check has found: the lines that are to be told, and how many there were of each rule.
#[derive(Debug, Default)]
pub struct Findings {
    lines: Vec<Line>,
    counts: BTreeMap<String, usize>,
}

impl Findings {
    /// Adds a violation.
    pub fn add(&mut self, rule: &str, place: impl Into<Place>, reason: String) {
        let count = self.counts.entry(rule.to_owned()).or_default();
        *count += 1;
        if *count <= TOLD_OF_EACH {
            let Place { file, stream, entry } = place.into();
            let (file, byte) = file.unzip();
            let (rule, entry) = (rule.to_owned(), entry.map(|id| id.to_string()));
            let violation = Violation { rule, file, byte, stream, entry, reason };
            self.lines.push(Line::Violation(violation));
        }
    }

    /// Tells how far it has come; only the last of several that nobody has taken counts.
    pub fn progress(&mut self, progress: Progress) {
        if matches!(self.lines.last(), Some(Line::Progress(_))) {
            self.lines.pop();
        }
        self.lines.push(Line::Progress(progress));
    }

    /// Tells what was checked.
    pub fn finish(&mut self, sum: &Sum) {
        let sum = Sum { violations: self.counts.clone(), ..sum.clone() };
        self.lines.push(Line::Checked(Box::new(sum)));
    }

    /// Takes the lines that nobody has taken.
    pub fn take(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_told_a_few_times_and_counted_to_the_end() {
        let mut findings = Findings::default();
        let place = Place::in_stream(Topic::new("cats"), Action::Created, EntryId::new(7, 1));
        for _ in 0..5 {
            findings.add("ids", place.clone(), "it is too low".to_owned());
        }
        findings.progress(Progress::default());
        findings.progress(Progress { done: 1, all: 2, entries: 5 });
        findings.finish(&Sum::default());
        let lines = findings.take();
        assert_eq!(lines.len(), TOLD_OF_EACH + 2);
        let first = r#"{"violation":{"rule":"ids","stream":"cats_created","entry":"7-1","reason":"it is too low"}}"#;
        assert_eq!(lines[0].to_json(), first);
        assert_eq!(lines[3].to_json(), r#"{"progress":{"done":1,"all":2,"entries":5}}"#);
        let Line::Checked(sum) = &lines[4] else { panic!("{lines:?}") };
        assert_eq!(sum.total(), 5);
        assert!(lines[4].is_last() && !lines[3].is_last());
        for line in &lines {
            assert_eq!(serde_json::from_str::<Line>(&line.to_json()).unwrap(), *line);
        }
    }
}
