//! What clients were told of their writes, to be compared with what is there in the end.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use harness::{Answer, Proxy};
use serde_json::{Value, json};

/// The table that writes go to.
pub(super) const TABLE: &str = "CREATE TABLE ledger (id int8 PRIMARY KEY)";

#[derive(Default)]
pub(super) struct Ledger {
    next: AtomicI64,
    told: Mutex<Vec<(i64, u16)>>,
}

impl Ledger {
    /// A write that nobody else makes: one statement, or one in a batch.
    pub(super) fn write(&self, batch: bool) -> (i64, Value) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let insert = json!({ "query": "INSERT INTO ledger VALUES ($1)", "params": [id] });
        (id, if batch { json!({ "queries": [{ "query": "SELECT 1" }, insert] }) } else { insert })
    }

    /// Takes down what the client was told, if it is one of the things that it may be told here.
    pub(super) fn note(&self, id: i64, answer: &Answer) -> u16 {
        let status = answer.status.as_u16();
        match status {
            200 => {}
            502 => assert_eq!(answer.body["outcome"], "unknown", "{}", answer.text),
            503 => assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|after| after > 0), "{}", answer.text),
            _ => panic!("{status}: {}", answer.text),
        }
        self.told.lock().unwrap().push((id, status));
        status
    }

    /// Makes a write and takes down what came of it.
    pub(super) async fn ask(&self, proxy: &Proxy, batch: bool) -> u16 {
        let (id, body) = self.write(batch);
        let answer = proxy.sql(body).await;
        self.note(id, &answer)
    }

    /// How many were told so.
    pub(super) fn count(&self, status: u16) -> usize {
        self.told.lock().unwrap().iter().filter(|(_, told)| *told == status).count()
    }

    /// 200: it is there. 503: it is not. 502: nobody knows.
    pub(super) async fn compare(&self, client: &tokio_postgres::Client) {
        let rows = client.query("SELECT id FROM ledger", &[]).await.unwrap();
        let there: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
        for (id, status) in self.told.lock().unwrap().iter() {
            match status {
                200 => assert!(there.contains(id), "{id} was answered with 200 and is not there"),
                503 => assert!(!there.contains(id), "{id} was answered with 503 and is there"),
                _ => {}
            }
        }
    }
}
