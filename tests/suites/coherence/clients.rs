//! Clients that know nothing of it: all that holds for them without a cache holds with one.

use std::fs;

use super::bench::{Bench, url};
use crate::accelerate::wide::accelerate_url;
use crate::clients::{folder, node_with};

#[tokio::test]
async fn prisma_sees_no_difference() {
    let sql = |file: &str| fs::read_to_string(folder().join("prisma").join(file)).unwrap();
    let bench = Bench::after(&["schema.sql", "extra.sql", "seed.sql"].map(sql).join(";\n")).await;
    let (at, database) = (accelerate_url(bench.proxy.url(), bench.proxy.key()), url(&bench.postgres));
    let variables = [("ACCELERATE_URL", &*at), ("DATABASE_URL", &*database), ("SEEDED_BEHIND", "yes")];
    for file in ["kept", "reads", "writes", "transactions", "errors"] {
        let passed = node_with(&format!("prisma/{file}.test.mjs"), &variables).await;
        passed.unwrap_or_else(|said| panic!("{said}\nthe proxy:\n{}", bench.proxy.stderr()));
    }
    let metrics = bench.proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
    let hits = metrics
        .lines()
        .find_map(|line| line.strip_prefix("pool_proxy_cache_requests_total{database=\"default\",result=\"hit\"} "));
    assert!(hits.and_then(|hits| hits.parse::<u64>().ok()) > Some(20), "{hits:?} hits show little");
}
