//! What a client saw, and what all of them saw together.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::work::Task;

/// One client's share.
#[derive(Default)]
pub(crate) struct Tally {
    /// Answers within the time.
    in_time: u32,
    /// Of these, to reads, and out of the proxy's cache.
    reads_in_time: u32,
    hits_in_time: u32,
    writes: u32,
    /// Of all answers, in microseconds.
    took: Vec<u32>,
    /// 429 and 503, by status, in microseconds.
    refused: BTreeMap<u16, Vec<u32>>,
    without_retry_after: u32,
    failed: BTreeMap<String, u32>,
}

impl Tally {
    pub(crate) fn done(&mut self, took: Duration, task: &Task<'_>, hit: bool, in_time: bool) {
        self.in_time += u32::from(in_time);
        self.reads_in_time += u32::from(in_time && !task.writes());
        self.hits_in_time += u32::from(in_time && hit);
        self.writes += u32::from(task.writes());
        self.took.push(micros(took));
    }

    pub(crate) fn refuse(&mut self, status: u16, took: Duration, retry_after: bool) {
        self.without_retry_after += u32::from(!retry_after);
        self.refused.entry(status).or_default().push(micros(took));
    }

    pub(crate) fn fail(&mut self, what: String) {
        *self.failed.entry(what).or_default() += 1;
    }
}

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

/// All of them, as the driver reads it.
pub(crate) fn summary(tallies: Vec<Tally>, time: Duration) -> Value {
    let mut each: Vec<u32> = tallies.iter().map(|tally| tally.in_time).collect();
    let (mut took, mut refusals, mut statuses, mut failed) = (vec![], vec![], BTreeMap::new(), BTreeMap::new());
    let (mut writes, mut without_retry_after, mut reads_in_time, mut hits_in_time) = (0, 0, 0, 0);
    for tally in tallies {
        took.extend(tally.took);
        writes += tally.writes;
        reads_in_time += tally.reads_in_time;
        hits_in_time += tally.hits_in_time;
        without_retry_after += tally.without_retry_after;
        for (status, times) in tally.refused {
            *statuses.entry(status.to_string()).or_insert(0) += times.len();
            refusals.extend(times);
        }
        for (what, count) in tally.failed {
            *failed.entry(what).or_insert(0) += count;
        }
    }
    for values in [&mut each, &mut took, &mut refusals] {
        values.sort_unstable();
    }
    let in_time: u32 = each.iter().sum();
    json!({
        "answered": took.len(),
        "writes": writes,
        "in_time": { "all": in_time, "reads": reads_in_time, "hits": hits_in_time },
        "per_second": f64::from(in_time) / time.as_secs_f64(),
        "p50_ms": ms(percentile(&took, 50)),
        "p99_ms": ms(percentile(&took, 99)),
        "slowest_ms": ms(percentile(&took, 100)),
        "failed": failed,
        "per_client": {
            "least": percentile(&each, 0),
            "p50": percentile(&each, 50),
            "most": percentile(&each, 100),
            "without_any": each.iter().filter(|answers| **answers == 0).count(),
        },
        "refused": {
            "by_status": statuses,
            "p50_ms": ms(percentile(&refusals, 50)),
            "p99_ms": ms(percentile(&refusals, 99)),
            "without_retry_after": without_retry_after,
        },
    })
}

fn ms(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}

/// Of sorted values: the smallest that so many of a hundred are not above; 0 of none.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Tally, percentile, summary};
    use crate::work::Task;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let check = |values: &[u32], percent, expected| {
            assert_eq!(percentile(values, percent), expected, "{percent} of {values:?}");
        };
        check(&[], 50, 0);
        check(&[7], 0, 7);
        check(&[1, 2, 3, 4], 50, 2);
        check(&[1, 2, 3, 4], 99, 4);
        check(&[1, 2, 3, 4], 100, 4);
    }

    #[test]
    fn a_client_without_an_answer_is_seen() {
        let (mut served, mut late) = (Tally::default(), Tally::default());
        let task = |writes| Task::Statement { sql: "", id: None, writes };
        served.done(Duration::from_millis(2), &task(false), true, true);
        served.done(Duration::from_millis(4), &task(true), false, true);
        late.done(Duration::from_millis(900), &task(false), true, false);
        late.refuse(503, Duration::from_millis(1), false);
        let seen = summary(vec![served, late], Duration::from_secs(2));
        assert_eq!(seen["answered"], 3);
        assert_eq!(seen["per_second"], 1.0);
        assert_eq!(seen["in_time"], serde_json::json!({ "all": 2, "reads": 1, "hits": 1 }));
        assert_eq!(seen["per_client"]["without_any"], 1);
        assert_eq!(seen["refused"]["by_status"]["503"], 1);
        assert_eq!(seen["refused"]["without_retry_after"], 1);
    }
}
