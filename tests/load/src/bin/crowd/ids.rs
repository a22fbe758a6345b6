//! Which row a request is about: one is as likely as another, or few are asked for most of the time, or each comes once.

use std::sync::atomic::{AtomicU32, Ordering};

/// Ids from 1 to a number.
pub(crate) enum Ids {
    /// One is as likely as another.
    Even(u32),
    /// Few of them most of the time.
    Zipf(Zipf),
    /// Each once, by whoever comes next.
    Each { count: u32, next: AtomicU32 },
}

impl Ids {
    /// The id that a random number stands for; none if each has come.
    pub(crate) fn id(&self, drawn: u64) -> Option<u32> {
        match self {
            Self::Even(count) => u32::try_from(drawn % u64::from(*count) + 1).ok(),
            // The lower half: the upper bits of what is left of a number are not even.
            Self::Zipf(zipf) => Some(zipf.id(u32::try_from(drawn & u64::from(u32::MAX)).ok()?)),
            Self::Each { count, next } => {
                let id = next.fetch_add(1, Ordering::Relaxed);
                (id < *count).then_some(id + 1)
            }
        }
    }
}

/// Zipf's law: the likelihood of the one in place k falls with k to the power of an exponent
/// (<https://www.nist.gov/dads/HTML/zipfslaw.html>).
pub(crate) struct Zipf {
    /// How likely it is that one of the first so many is drawn.
    upto: Vec<f64>,
}

/// Larger than any number of rows, and prime: places are spread over all ids, each to one of its own.
const SPREAD: u64 = 2_654_435_761;

impl Zipf {
    pub(crate) fn new(count: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let upto = (1..=count).map(|place| {
            sum += f64::from(place).powf(-exponent);
            sum
        });
        let upto: Vec<f64> = upto.collect();
        Self { upto: upto.into_iter().map(|upto| upto / sum).collect() }
    }

    fn id(&self, drawn: u32) -> u32 {
        let share = f64::from(drawn) / (f64::from(u32::MAX) + 1.0);
        let count = self.upto.len().max(1);
        let place = self.upto.partition_point(|upto| *upto <= share).min(count - 1);
        u32::try_from(place as u64 * SPREAD % count as u64 + 1).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::AtomicU32;

    use super::{Ids, Zipf};

    #[test]
    fn few_are_drawn_most_of_the_time() {
        let zipf = Zipf::new(4, 1.0);
        // 1, 1/2, 1/3 and 1/4 of 25/12: the first is drawn 48 times in a hundred.
        let share = |percent: u32| zipf.id(u32::MAX / 100 * percent);
        let first = share(0);
        assert!((0..48).all(|percent| share(percent) == first) && share(49) != first);
        let all: BTreeSet<u32> = (0..100).map(share).collect();
        assert_eq!(all, BTreeSet::from([1, 2, 3, 4]), "each place has an id of its own");
    }

    #[test]
    fn each_comes_once() {
        let ids = Ids::Each { count: 3, next: AtomicU32::new(0) };
        assert_eq!([7, 7, 7, 7].map(|drawn| ids.id(drawn)), [Some(1), Some(2), Some(3), None]);
    }
}
