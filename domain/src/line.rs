//! A line of an intent: so many pieces of one inventory record.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// So many pieces of a product, taken from or given to one inventory record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The product.
    pub product_id: Uuid,
    /// The record.
    pub inventory_id: Uuid,
    /// How many pieces.
    pub pieces: u64,
}

impl Line {
    /// The same intention with each record at most once, on one of both sides.
    ///
    /// Lines of one record are added up, and what is both taken and given cancels out; so per
    /// record an intent does only one of both, once. The order is that of first appearance.
    pub fn net(
        take: impl IntoIterator<Item = Self>,
        give: impl IntoIterator<Item = Self>,
    ) -> (Vec<Self>, Vec<Self>) {
        let (mut take, mut give) = (merged(take), merged(give));
        for taken in &mut take {
            for given in give.iter_mut().filter(|given| given.inventory_id == taken.inventory_id) {
                let both = taken.pieces.min(given.pieces);
                taken.pieces -= both;
                given.pieces -= both;
            }
        }
        take.retain(|line| line.pieces > 0);
        give.retain(|line| line.pieces > 0);
        (take, give)
    }
}

fn merged(lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    let mut merged: Vec<Line> = Vec::new();
    for line in lines {
        match merged.iter_mut().find(|other| other.inventory_id == line.inventory_id) {
            // Requests name their pieces one by one, so no sum of them comes near 2^64.
            Some(other) => other.pieces = other.pieces.saturating_add(line.pieces),
            None => merged.push(line),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{id, line};

    #[test]
    fn each_record_stands_once_and_on_one_side() {
        let take = [line(1, 2), line(2, 5), line(1, 3), line(3, 1)];
        let give = [line(2, 7), line(1, 1), line(3, 1), line(4, 0)];
        let (take, give) = Line::net(take, give);
        assert_eq!(take, [line(1, 4)]);
        assert_eq!(give, [line(2, 2)]);
        assert_eq!(Line::net(take.clone(), give.clone()), (take, give));
    }

    #[test]
    fn its_json_form_is_for_ever() {
        let id = id(7);
        let json = format!(r#"{{"product_id":"{id}","inventory_id":"{id}","pieces":3}}"#);
        let line = Line { product_id: id, inventory_id: id, pieces: 3 };
        assert_eq!(serde_json::to_string(&line).unwrap(), json);
        assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line);
    }
}
