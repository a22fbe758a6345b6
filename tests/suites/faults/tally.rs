//! What clients were told, to be compared with what is there in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use tokio_postgres::Client;

/// The tables that the load works on.
pub(super) const TABLES: &str = "CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);
    INSERT INTO counters SELECT id, 0 FROM generate_series(1, 100) AS id;
    CREATE TABLE ledger (id int PRIMARY KEY, pair int NOT NULL);
    CREATE TABLE done_once (id int NOT NULL);";

/// What a client was told of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is done.
    Done,
    /// Nothing was done.
    Refused,
    /// Nothing, or that nobody knows.
    Unknown,
}

/// Notes of all clients.
#[derive(Debug, Default)]
pub(super) struct Tally {
    seen: Mutex<BTreeMap<String, u64>>,
    writes: Mutex<Vec<(i32, Told)>>,
    once: Mutex<Vec<(i32, Told)>>,
    pairs: Mutex<Vec<(i32, i32)>>,
}

/// What the comparison came to.
#[derive(Debug)]
pub(super) struct Compared {
    /// Writes that were acknowledged.
    pub(super) acknowledged: usize,
    /// Those of them that are not there.
    pub(super) lost: usize,
    /// What was refused and is there all the same, or is there more than once.
    pub(super) too_many: usize,
}

impl Tally {
    /// A client saw this, so many times.
    pub(super) fn saw(&self, what: &str, times: u64) {
        *self.seen.lock().unwrap().entry(what.to_owned()).or_default() += times;
    }

    /// A client was told this about a row that nobody else writes.
    pub(super) fn told(&self, id: i32, told: Told) {
        self.writes.lock().unwrap().push((id, told));
    }

    /// Two rows were written in one transaction.
    pub(super) fn wrote_both(&self, one: i32, other: i32) {
        self.pairs.lock().unwrap().push((one, other));
    }

    /// The same about a row that was sent with an idempotency key, until there was an answer.
    pub(super) fn told_once(&self, id: i32, told: Told) {
        self.once.lock().unwrap().push((id, told));
    }

    /// What was seen, and how often.
    pub(super) fn seen(&self) -> BTreeMap<String, u64> {
        self.seen.lock().unwrap().clone()
    }

    /// How often requests were answered as they should be.
    pub(super) fn fine(&self) -> u64 {
        self.seen.lock().unwrap().get(FINE).copied().unwrap_or_default()
    }

    /// How often they were not.
    pub(super) fn failed(&self) -> u64 {
        self.seen.lock().unwrap().iter().filter(|(what, _)| *what != FINE).map(|(_, times)| times).sum()
    }

    /// How many writes were acknowledged so far.
    pub(super) fn acknowledged(&self) -> usize {
        self.writes.lock().unwrap().iter().filter(|(_, told)| *told == Told::Done).count()
    }

    /// Compares with the tables, once all clients have ended.
    pub(super) async fn compare(&self, client: &Client) -> Compared {
        let writes = self.writes.lock().unwrap().clone();
        let once = self.once.lock().unwrap().clone();
        let there = ids(client, "SELECT id FROM ledger").await;
        let there_once = ids(client, "SELECT DISTINCT id FROM done_once").await;
        let twice = ids(client, "SELECT id FROM done_once GROUP BY id HAVING count(*) > 1").await;
        let pairs = self.pairs.lock().unwrap().clone();
        assert!(!pairs.is_empty(), "nobody wrote two rows in one transaction");
        for (one, other) in pairs {
            assert_eq!(there.contains(&one), there.contains(&other), "half a transaction is there: {one}, {other}");
        }
        let count = |told: &[(i32, Told)], wanted: Told, there: &BTreeSet<i32>, is_there: bool| {
            told.iter().filter(|(id, told)| *told == wanted && there.contains(id) == is_there).count()
        };
        Compared {
            acknowledged: writes.iter().chain(&once).filter(|(_, told)| *told == Told::Done).count(),
            lost: count(&writes, Told::Done, &there, false) + count(&once, Told::Done, &there_once, false),
            too_many: count(&writes, Told::Refused, &there, true) + twice.len(),
        }
    }
}

/// How [`Tally::saw`] calls what is as it should be.
pub(super) const FINE: &str = "200";

async fn ids(client: &Client, query: &str) -> BTreeSet<i32> {
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
