//! Postgres is restarted under load, in order and as if it had crashed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::{Postgres, Proxy, Signal, eventually};
use tokio_postgres::{Client, NoTls};

use super::ledger::{Ledger, TABLE};

async fn client(postgres: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn only_what_happened_is_told_and_everything_comes_back() {
    // One of its own: the others' must not be stopped.
    let postgres = Postgres::start(&mut |step| eprintln!("{step}")).unwrap();
    client(&postgres).await.batch_execute(TABLE).await.unwrap();
    let proxy = Proxy::builder().database_url(postgres.url()).env("POOL_PROXY_POOL_MAX", "5").start().await;
    let (proxy, ledger, over) = (Arc::new(proxy), Arc::new(Ledger::default()), Arc::new(AtomicBool::new(false)));
    let writers: Vec<_> = (0..20)
        .map(|number| {
            let (proxy, ledger, over) = (Arc::clone(&proxy), Arc::clone(&ledger), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // Whoever is refused comes again a little later.
                    if ledger.ask(&proxy, number % 2 == 0).await != 200 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            })
        })
        .collect();
    for signal in [Signal::Interrupt, Signal::Quit, Signal::Interrupt, Signal::Quit] {
        let before = ledger.count(200);
        eventually(|| async { ledger.count(200) > before + 200 }).await;
        postgres.go_down(signal).unwrap();
        let refused = ledger.count(503);
        eventually(|| async { ledger.count(503) > refused + 20 }).await;
        postgres.come_back().unwrap();
        let before = ledger.count(200);
        eventually(|| async { ledger.count(200) > before + 200 }).await;
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool-proxy'";
        let there: i64 = client(&postgres).await.query_one(count, &[]).await.unwrap().get(0);
        assert!(there <= 5, "{there} connections after {signal:?}");
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    for batch in [false, true] {
        assert_eq!(ledger.ask(&proxy, batch).await, 200);
    }
    ledger.compare(&client(&postgres).await).await;
}
