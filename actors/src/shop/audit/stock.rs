//! The stock equation, for each product, at the end of every transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use ordershop_domain::{Inventory, InventoryEvent, Order, ProductIds};
use uuid::Uuid;

use super::intents::Moved;
use super::{AuditRule, Complaints};

/// Where the pieces of one product are, and where they came from and went.
#[derive(Clone, Copy, Default)]
struct Tally {
    stock: i128,
    in_orders: i128,
    reserved: i128,
    put_in: i128,
    taken_out: i128,
    written_off: i128,
}

/// All products.
#[derive(Default)]
pub(super) struct Tallies {
    tallies: HashMap<Uuid, Tally>,
    /// Those that the present transaction has touched.
    touched: BTreeSet<Uuid>,
}

impl Tallies {
    pub(super) fn len(&self) -> usize {
        self.tallies.len()
    }

    /// Leaves these products out of all that is checked.
    pub(super) fn leave_out(&mut self, products: &HashSet<Uuid>) {
        self.touched.retain(|product_id| !products.contains(product_id));
        self.tallies.retain(|product_id, _| !products.contains(product_id));
    }

    fn tally(&mut self, product_id: Uuid) -> &mut Tally {
        self.touched.insert(product_id);
        self.tallies.entry(product_id).or_default()
    }

    pub(super) fn stock_event(
        &mut self,
        before: &Inventory,
        after: &Inventory,
        event: &InventoryEvent,
    ) {
        let amount = |record: &Inventory| i128::from(record.amount().unwrap_or(0));
        let Some(product_id) = after.product_id().or(before.product_id()) else {
            return;
        };
        let tally = self.tally(product_id);
        tally.stock += amount(after) - amount(before);
        match *event {
            InventoryEvent::StockOpened { amount, .. } => tally.put_in += i128::from(amount.get()),
            InventoryEvent::StockSet { from, to } => {
                tally.put_in += i128::from(to);
                tally.taken_out += i128::from(from);
            }
            InventoryEvent::StockIncreased { pieces } => tally.put_in += i128::from(pieces),
            InventoryEvent::StockDecreased { pieces } => tally.taken_out += i128::from(pieces),
            InventoryEvent::StockDeleted { left } => tally.taken_out += i128::from(left),
            InventoryEvent::StockReserved { pieces, .. } => tally.reserved += i128::from(pieces),
            InventoryEvent::StockReleased { pieces, .. }
            | InventoryEvent::StockReturned { pieces, .. } => tally.reserved -= i128::from(pieces),
            InventoryEvent::ReservationBarred { .. } => {}
        }
    }

    pub(super) fn order_event(&mut self, before: &Order, after: &Order) {
        for (order, sign) in [(before, -1), (after, 1)] {
            for (product_id, pieces) in order.product_ids().into_iter().flat_map(ProductIds::counts)
            {
                self.tally(product_id).in_orders += sign * i128::from(pieces);
            }
        }
    }

    pub(super) fn moved(&mut self, moved: &[Moved]) {
        for Moved { product_id, reserved, written_off } in moved {
            let tally = self.tally(*product_id);
            tally.reserved += reserved;
            tally.written_off += written_off;
        }
    }

    /// Checks what the transaction that ends here has touched.
    pub(super) fn check(&mut self, complaints: &mut Complaints) {
        for product_id in std::mem::take(&mut self.touched) {
            let Some(tally) = self.tallies.get_mut(&product_id) else { continue };
            let Tally { stock, in_orders, reserved, put_in, taken_out, written_off } = *tally;
            let lost = put_in - taken_out - written_off - stock - in_orders - reserved;
            if lost == 0 {
                continue;
            }
            let reason = format!(
                "product {product_id}: {stock} in stock + {in_orders} in orders + {reserved} \
                 reserved is not {put_in} put in - {taken_out} taken out - {written_off} written off"
            );
            complaints.push((AuditRule::Stock, reason));
            // Told once; what is lost from here on is told by itself.
            tally.written_off += lost;
        }
    }
}
