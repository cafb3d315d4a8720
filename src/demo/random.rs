//! Numbers that look random and are the same for the same seed.
//!
//! Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (`SplitMix64`).

/// A source of numbers.
pub(super) struct Random(u64);

impl Random {
    /// The source that this seed stands for, in that part of the program.
    pub(super) fn part(seed: u64, part: u64) -> Self {
        let mut seeds = Self(seed ^ part.rotate_left(32));
        Self(seeds.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("it is below a usize")
    }

    /// One of these; none of none.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len())) }
    }

    /// Puts these into another order.
    pub(super) fn shuffle<T>(&mut self, these: &mut [T]) {
        for index in (1..these.len()).rev() {
            these.swap(index, self.below(index + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_each_part_its_own() {
        let take =
            |mut random: Random| [random.below(1000), random.below(1000), random.below(1000)];
        assert_eq!(take(Random::part(7, 1)), take(Random::part(7, 1)));
        assert_ne!(take(Random::part(7, 1)), take(Random::part(7, 2)));
        let mut order: Vec<u32> = (0..20).collect();
        Random::part(7, 0).shuffle(&mut order);
        assert_ne!(order, (0..20).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..20).collect::<Vec<_>>());
    }
}
