//! A row: what was measured, beside what bounds it and what is aimed at.

use serde_json::{Value, json};

/// In what a figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    PerSecond,
    Seconds,
    Micros,
    Bytes,
    Mebibytes,
    Events,
}

impl Unit {
    const ALL: [(Self, &str); 6] = [
        (Self::PerSecond, "1/s"),
        (Self::Seconds, "s"),
        (Self::Micros, "µs"),
        (Self::Bytes, "bytes"),
        (Self::Mebibytes, "MiB"),
        (Self::Events, "events"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(unit, _)| *unit == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == name).map(|(unit, _)| *unit)
    }
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// This part of the bare thing's figure, or more.
    Ratio(f64),
    /// At least this.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
    /// The p99 is below so many microseconds.
    P99(f64),
}

/// One line of the table. What was not measured is `None`.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) unit: Unit,
    pub(super) ours: f64,
    pub(super) bare: Option<f64>,
    /// Latencies, in microseconds.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    /// Processor time of the server for each request, in microseconds.
    pub(super) cpu: Option<f64>,
    pub(super) bare_cpu: Option<f64>,
    /// How many entries the subscribers had before them when it ended.
    pub(super) lag: Option<f64>,
    /// How many seconds later they had none.
    pub(super) drained: Option<f64>,
    pub(super) aim: Option<Aim>,
    /// What one must know to read the figures.
    pub(super) notes: Vec<String>,
}

impl Row {
    /// A figure and nothing else.
    pub(super) fn new(what: impl Into<String>, ours: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            unit,
            ours,
            bare: None,
            p50: None,
            p99: None,
            cpu: None,
            bare_cpu: None,
            lag: None,
            drained: None,
            aim: None,
            notes: Vec::new(),
        }
    }

    /// What part of the bare thing's figure was reached.
    pub(super) fn ratio(&self) -> Option<f64> {
        self.bare.map(|bare| self.ours / bare)
    }

    /// Whether the aim was reached; `None` where there is none.
    pub(super) fn reached(&self) -> Option<bool> {
        Some(match self.aim? {
            Aim::Ratio(least) => self.ratio()? >= least,
            Aim::AtLeast(least) => self.ours >= least,
            Aim::Below(most) => self.ours < most,
            Aim::P99(most) => self.p99? < most,
        })
    }

    /// As one object, as programs print it and `--json` shows it.
    pub(super) fn to_json(&self) -> Value {
        let aim = self.aim.map(|aim| match aim {
            Aim::Ratio(least) => json!({"ratio": least}),
            Aim::AtLeast(least) => json!({"at_least": least}),
            Aim::Below(most) => json!({"below": most}),
            Aim::P99(most) => json!({"p99_us": most}),
        });
        json!({
            "what": self.what,
            "unit": self.unit.name(),
            "ours": self.ours,
            "bare": self.bare,
            "ratio": self.ratio(),
            "p50_us": self.p50,
            "p99_us": self.p99,
            "cpu_us": self.cpu,
            "bare_cpu_us": self.bare_cpu,
            "lag": self.lag,
            "drained_s": self.drained,
            "aim": aim,
            "reached": self.reached(),
            "notes": self.notes,
        })
    }

    /// From such an object; what it does not say is `None`.
    pub(super) fn from_json(row: &Value) -> Option<Self> {
        let unit = Unit::named(row["unit"].as_str()?)?;
        let mut read = Self::new(row["what"].as_str()?, row["ours"].as_f64()?, unit);
        read.bare = row["bare"].as_f64();
        read.p50 = row["p50_us"].as_f64();
        read.p99 = row["p99_us"].as_f64();
        read.cpu = row["cpu_us"].as_f64();
        read.bare_cpu = row["bare_cpu_us"].as_f64();
        read.lag = row["lag"].as_f64();
        read.drained = row["drained_s"].as_f64();
        let aim = &row["aim"];
        read.aim = aim["ratio"]
            .as_f64()
            .map(Aim::Ratio)
            .or_else(|| aim["at_least"].as_f64().map(Aim::AtLeast))
            .or_else(|| aim["below"].as_f64().map(Aim::Below))
            .or_else(|| aim["p99_us"].as_f64().map(Aim::P99));
        let notes = row["notes"].as_array().map_or(&[][..], Vec::as_slice);
        read.notes = notes.iter().filter_map(|note| Some(note.as_str()?.to_owned())).collect();
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back() {
        let mut row = Row::new("a", 40.0, Unit::PerSecond);
        row.bare = Some(80.0);
        row.aim = Some(Aim::Ratio(0.6));
        row.notes = vec!["busy".to_owned()];
        let read = Row::from_json(&row.to_json()).unwrap();
        assert_eq!(read.to_json(), row.to_json());
        assert_eq!((read.ratio(), read.reached()), (Some(0.5), Some(false)));
        assert!(Row::from_json(&json!({"progress": 1})).is_none());
    }

    #[test]
    fn an_aim_is_reached_or_not() {
        let mut row = Row::new("a", 0.5, Unit::Seconds);
        assert_eq!(row.reached(), None);
        row.aim = Some(Aim::Below(1.0));
        assert_eq!(row.reached(), Some(true));
        row.aim = Some(Aim::AtLeast(1.0));
        assert_eq!(row.reached(), Some(false));
        row.aim = Some(Aim::P99(2000.0));
        assert_eq!(row.reached(), None, "it was not measured");
    }
}
