//! The stream itself: what becomes of answers when it breaks, and that it leaves nothing behind.

use std::time::Duration;

use harness::{Relay, Signal, eventually, eventually_within};

use super::bench::{Bench, HIT, auto, cluster, connect, publish, status, try_connect, url, value};
use crate::transactions::open::Open;

const COUNTER: &str = "CREATE TABLE counter (id int PRIMARY KEY, n int); INSERT INTO counter VALUES (1, 0)";
const READ: &str = "SELECT n FROM counter WHERE id = 1";
const WALSENDERS: &str = "SELECT count(*) FROM pg_stat_replication";
const LONG: Duration = Duration::from_mins(1);
const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots";
/// Those that are not ready yet.
const WAITING_SLOTS: &str = "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn IS NULL";
/// Of the proxy's.
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = 'app' AND pid <> pg_backend_pid()";

#[tokio::test]
async fn a_broken_stream_drops_everything_and_comes_back() {
    let bench = Bench::after(COUNTER).await;
    let root = bench.root().await;
    for n in 1..=5 {
        bench.keep(READ).await;
        root.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication").await.unwrap();
        bench.run(&format!("UPDATE counter SET n = {n}")).await;
        eventually(|| async { bench.value(READ).await == n }).await;
        // And never the old one again.
        for _ in 0..50 {
            assert_eq!(bench.value(READ).await, n);
        }
        assert_eq!(value(&bench.keep(READ).await), n);
    }
}

#[tokio::test]
async fn a_restarted_postgres_is_followed_again() {
    let bench = Bench::after(COUNTER).await;
    bench.keep(READ).await;
    bench.postgres.go_down(Signal::Quit).unwrap();
    let answer = bench.request(READ).send().await;
    assert!(answer.status == 503 || status(&answer) == HIT, "{}", answer.text);
    bench.postgres.come_back().unwrap();
    let client = connect(&url(&bench.postgres)).await;
    client.batch_execute("UPDATE counter SET n = 7").await.unwrap();
    eventually(|| async { bench.request(READ).send().await.body["rows"][0][0] == 7 }).await;
    assert_eq!(value(&bench.keep(READ).await), 7);
}

/// More than a stream may tell of one row: it ends, and the next one begins behind that.
#[tokio::test]
async fn a_huge_row_is_passed_over() {
    let bench = Bench::after(&format!("{COUNTER}; CREATE TABLE files (id int PRIMARY KEY, file text)")).await;
    bench.run("INSERT INTO files VALUES (1, 'small')").await;
    let size = "SELECT length(file) FROM files WHERE id = 1";
    for megabytes in [70, 1, 80] {
        bench.keep(READ).await;
        bench.keep(size).await;
        bench.run(&format!("UPDATE files SET file = repeat('x', {megabytes} * 1024 * 1024)")).await;
        eventually_within(LONG, || async { bench.value(size).await == megabytes * 1024 * 1024 }).await;
        bench.keep(size).await;
        bench.keep(READ).await;
        bench.run(&format!("UPDATE counter SET n = {megabytes}")).await;
        eventually_within(LONG, || async { bench.value(READ).await == megabytes }).await;
    }
    let said = bench.proxy.stderr();
    assert!(said.contains("too large"), "{said}");
}

#[tokio::test]
async fn the_end_of_the_log_is_reached_where_a_page_begins_with_nothing_on_it() {
    let bench = Bench::after(COUNTER).await;
    let root = bench.root().await;
    bench.keep(READ).await;
    root.batch_execute("SELECT pg_switch_wal()").await.unwrap();
    let end = "SELECT pg_current_wal_insert_lsn()::text FROM pg_sleep(0)";
    let end: String = root.query_one(end, &[]).await.unwrap().get(0);
    // Nothing is written meanwhile that would take the stream further.
    eventually(|| async {
        let answer = bench.request(READ).header("pool-bookmark", &end).send().await.expect(200);
        if status(&answer) == HIT { Ok(()) } else { Err((status(&answer), end.clone())) }
    })
    .await;
}

#[tokio::test]
async fn a_killed_proxy_leaves_no_slot() {
    let mut bench = Bench::after(COUNTER).await;
    assert_eq!(bench.postgres(SLOTS).await, "1");
    assert_eq!(
        bench.postgres("SELECT string_agg(DISTINCT temporary::text, '') FROM pg_replication_slots").await,
        "true"
    );
    // In the middle of more than the sockets hold, which it does not read.
    bench.proxy.signal(Signal::Stop);
    bench.run("INSERT INTO counter SELECT n, n FROM generate_series(2, 300000) n").await;
    bench.proxy.kill();
    eventually(|| async { bench.postgres(SLOTS).await == "0" && bench.postgres(WALSENDERS).await == "0" }).await;
}

#[tokio::test]
async fn without_a_publication_everything_is_answered_by_the_database() {
    let bench = Bench::after(COUNTER).await;
    bench.keep(READ).await;
    bench.run("DROP PUBLICATION pool_proxy").await;
    eventually(|| async { status(&bench.ask(READ).await) != HIT }).await;
    for n in 1..=20 {
        bench.run(&format!("UPDATE counter SET n = {n}")).await;
        let answer = bench.ask(READ).await;
        assert_eq!(value(&answer), n, "{}", status(&answer));
    }
    // Who asks for a time gets it as always.
    let ask = || bench.request(READ).header("cache-control", "max-age=60").send();
    ask().await.expect(200);
    assert!(status(&ask().await).starts_with("pool-proxy; hit; ttl="));
    bench.run("CREATE PUBLICATION pool_proxy FOR TABLE counter WITH (publish_via_partition_root = true)").await;
    bench.keep(READ).await;
}

#[tokio::test]
async fn no_connection_is_opened_beyond_the_pools() {
    let settings = |proxy: harness::ProxyBuilder| proxy.env("POOL_PROXY_POOL_MAX", "2");
    let bench = Bench::with(COUNTER, settings).await;
    let mut asking = Vec::new();
    for _ in 0..20 {
        asking.push(tokio::spawn(bench.request("SELECT pg_sleep(0.05)").send()));
    }
    for _ in 0..20 {
        assert!(bench.postgres(SESSIONS).await.parse::<u32>().unwrap() <= 2);
    }
    for asking in asking {
        asking.await.unwrap().expect(200);
    }
    bench.keep(READ).await;
}

#[tokio::test]
async fn of_two_connections_clients_have_both() {
    let settings = |proxy: harness::ProxyBuilder| proxy.env("POOL_PROXY_POOL_MAX", "2");
    let bench = Bench::with(COUNTER, settings).await;
    bench.keep(READ).await;
    let transaction = Open::begin(&bench.proxy).await;
    transaction.value("SELECT 1").await;
    for n in 1..=20 {
        assert_eq!(bench.value(&format!("SELECT {n} FROM pg_sleep(0)")).await, n);
    }
    bench.keep(READ).await;
    transaction.end("commit").await.expect(200);
}

#[tokio::test]
async fn a_transaction_that_stays_open_holds_up_the_stream_and_nobodys_writes() {
    let bench = Bench::after(&format!("{COUNTER}; CREATE TABLE other (id int)")).await;
    let root = bench.root().await;
    bench.keep(READ).await;
    root.batch_execute("BEGIN; INSERT INTO other VALUES (1)").await.unwrap();
    let open: i32 = root.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    // A slot waits for whoever has written; the one before it, which goes with its session, does no longer.
    bench.root().await.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication").await.unwrap();
    eventually(|| async { bench.postgres(WAITING_SLOTS).await == "1" && status(&bench.ask(READ).await) != HIT }).await;
    bench.run("ALTER TABLE counter DROP CONSTRAINT counter_pkey").await;
    let write = || bench.client.batch_execute("UPDATE counter SET n = n + 1");
    eventually_within(Duration::from_secs(30), || async {
        write().await.map_err(|error| (format!("{error:?}"), bench.proxy.stderr()))
    })
    .await;
    let said = format!("a transaction that stays open holds the stream up (pid {open} in pg_stat_activity)");
    eventually_within(Duration::from_secs(20), || async {
        if bench.proxy.stderr().contains(&said) { Ok(()) } else { Err(bench.proxy.stderr()) }
    })
    .await;
    bench.run("ALTER TABLE counter ADD PRIMARY KEY (id); ALTER PUBLICATION pool_proxy ADD TABLE counter").await;
    root.batch_execute("COMMIT").await.unwrap();
    bench.keep(READ).await;
    assert_eq!(bench.postgres(SLOTS).await, "1");
    assert_eq!(bench.proxy.stderr().matches(&said).count(), 1, "it is said once");
}

#[tokio::test]
async fn a_standby_is_passed_over() {
    let standby = cluster().await;
    standby.go_down(Signal::Interrupt).unwrap();
    std::fs::write(standby.data_dir().join("standby.signal"), "").unwrap();
    std::fs::remove_file(standby.data_dir().with_file_name("down")).unwrap();
    eventually_within(Duration::from_secs(30), || async { try_connect(&url(&standby)).await.is_some() }).await;

    let postgres = cluster().await;
    let client = connect(&url(&postgres)).await;
    client.batch_execute(COUNTER).await.unwrap();
    publish(&client).await;
    let relay = Relay::to(&url(&standby)).await;
    relay.refuse();
    let first = relay.url(&url(&standby));
    let hosts = format!("{},127.0.0.1:{}/app", first.trim_end_matches("/app"), postgres.port());
    // No more connections than there are by the time that the standby is to be had.
    let proxy = auto(&postgres).database_url(hosts).env("POOL_PROXY_POOL_MAX", "2").start().await;
    let bench = Bench { postgres, proxy, client };
    bench.is_followed(&bench.proxy).await;
    eventually(|| async { bench.postgres(SESSIONS).await == "2" }).await;

    relay.forward();
    let opened = relay.opened();
    bench.root().await.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication").await.unwrap();
    eventually(|| async { relay.opened() > opened }).await;
    bench.is_followed(&bench.proxy).await;
    bench.run("UPDATE counter SET n = 7").await;
    eventually(|| async { bench.value(READ).await == 7 }).await;
    assert_eq!(value(&bench.keep(READ).await), 7);
}
