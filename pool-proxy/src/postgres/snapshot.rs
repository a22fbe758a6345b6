//! What a query saw: the transactions whose changes were visible to it
//! (<https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT>).

use std::str::FromStr;

/// A snapshot, as `pg_current_snapshot()` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// All transactions below it had ended.
    xmin: u64,
    /// None from here on had.
    xmax: u64,
    /// Those between that were still in progress, in ascending order.
    in_progress: Box<[u64]>,
}

/// The text is no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot is xmin:xmax:list, all of them numbers")]
pub struct SnapshotError;

impl FromStr for Snapshot {
    type Err = SnapshotError;

    fn from_str(text: &str) -> Result<Self, SnapshotError> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| SnapshotError);
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(SnapshotError);
        let (xmin, xmax, list) = (number(part()?)?, number(part()?)?, part()?);
        let mut in_progress = Vec::new();
        if !list.is_empty() {
            for xid in list.split(',') {
                in_progress.push(number(xid)?);
            }
        }
        in_progress.sort_unstable();
        if xmin > xmax || in_progress.iter().any(|xid| !(xmin..xmax).contains(xid)) {
            return Err(SnapshotError);
        }
        Ok(Self { xmin, xmax, in_progress: in_progress.into() })
    }
}

impl Snapshot {
    /// Whether a transaction that has committed was visible: it had ended before the snapshot was taken.
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.in_progress.binary_search(&xid).is_err())
    }

    /// The lowest transaction that had not ended, or the next one to be.
    pub fn xmin(&self) -> u64 {
        self.xmin
    }

    /// The first transaction that had not begun.
    pub fn xmax(&self) -> u64 {
        self.xmax
    }

    /// The whole id of a transaction of which the change stream tells the lower half: the one that is nearest.
    pub fn widen(&self, xid: u32) -> u64 {
        nearest(self.xmax, xid)
    }

    /// What it takes in memory, in bytes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.in_progress)
    }
}

/// Ids in use at one time are less than 2^31 apart
/// (<https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND>).
fn nearest(to: u64, xid: u32) -> u64 {
    let [.., a, b, c, d] = to.to_be_bytes();
    let distance = xid.wrapping_sub(u32::from_be_bytes([a, b, c, d])).cast_signed();
    to.saturating_add_signed(i64::from(distance))
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn sees_what_had_ended() {
        let snapshot = snapshot("10:20:10,14,15");
        let seen: Vec<u64> = (8..22).filter(|xid| snapshot.sees(*xid)).collect();
        assert_eq!(seen, [8, 9, 11, 12, 13, 16, 17, 18, 19]);
    }

    #[test]
    fn takes_no_other_text() {
        assert_eq!(snapshot("7:7:"), Snapshot { xmin: 7, xmax: 7, in_progress: Box::default() });
        for text in ["", "1", "1:2", "2:1:", "1:5:5", "5:9:4", "1:5:,", "1:5:2,", "a:5:", "-1:5:", "1:5:2:3"] {
            assert!(text.parse::<Snapshot>().is_err(), "{text}");
        }
    }

    #[test]
    fn whole_ids_are_the_nearest() {
        let near = |to: u64, xid: u32| nearest(to, xid);
        assert_eq!(near(1000, 990), 990);
        assert_eq!(near(1000, 1010), 1010);
        let turn = 1 << 32;
        assert_eq!(near(turn + 5, 3), turn + 3);
        assert_eq!(near(turn + 5, u32::MAX), turn - 1);
        assert_eq!(near(turn - 2, 4), turn + 4);
        assert_eq!(near(7 * turn + 100, 90), 7 * turn + 90);
    }

    #[test]
    fn whatever_comes_is_a_snapshot_in_order_or_none() {
        let mut dice = Dice::new();
        for _ in 0..cases(20_000) {
            let mut text = b"10:20:10,14,15".to_vec();
            dice.spoil(&mut text, &[":", ",", "0", "9", "18446744073709551616", "-", "+", " ", "é"]);
            if let Ok(read) = String::from_utf8_lossy(&text).parse::<Snapshot>() {
                assert!(
                    read.xmin <= read.xmax && !read.sees(read.xmax) && (read.xmin == 0 || read.sees(read.xmin - 1))
                );
            }
        }
    }
}
