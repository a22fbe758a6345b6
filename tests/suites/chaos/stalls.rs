//! A network on which nothing moves for a while: answers come within the limits, and nothing is lost for good.

use futures_util::future::join_all;
use harness::{Proxy, Relay, Way, eventually, fresh_database};
use serde_json::json;

use super::ledger::{Ledger, TABLE};
use crate::pool::cap::Census;

#[tokio::test]
async fn a_stall_either_way_ends_in_an_answer() {
    for ways in [&[Way::Out][..], &[Way::Back], &[Way::Out, Way::Back]] {
        let database = fresh_database().await;
        database.batch(TABLE).await;
        let relay = Relay::to(&database.url()).await;
        let config = "[limits]\nquery = \"1s\"\ntransaction = \"1s\"\nqueue = \"1s\"\n[pool]\nmax = 3";
        let proxy = Proxy::builder().through(&relay, &database).config(config).start().await;
        eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
        let census = Census::of(&database).await;
        let ledger = Ledger::default();
        for batch in [false, true, false, true] {
            assert_eq!(ledger.ask(&proxy, batch).await, 200);
        }
        for way in ways {
            relay.stall(*way);
        }
        let answers = join_all((0..12).map(|number| {
            let (id, body) = ledger.write(number % 2 == 0);
            let request = proxy.sql_request(&body).send();
            async move { (id, request.await) }
        }));
        for (id, answer) in answers.await {
            // What could not even be asked about has run out of time without being run.
            if answer.status == 504 {
                continue;
            }
            assert_ne!(ledger.note(id, &answer), 200, "{ways:?}: {}", answer.text);
        }
        relay.forward();
        eventually(|| async { ledger.ask(&proxy, true).await == 200 }).await;
        // All slots are back: as many at once as there may be connections.
        eventually(|| async {
            let at_once = join_all((0..3).map(|_| proxy.sql(json!({ "query": "SELECT pg_sleep(0.2)" })))).await;
            at_once.iter().all(|answer| answer.status == 200)
        })
        .await;
        ledger.compare(&database.client().await).await;
        let most = census.most().await;
        assert!(most <= 3, "{ways:?}: {most} connections");
    }
}
