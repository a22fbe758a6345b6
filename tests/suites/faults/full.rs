//! What Postgres lets in, or on its disk, is used up by others.

use harness::{Disk, Signal};
use tokio::task::block_in_place;

use super::postgres::cluster;
use super::scene::{Scene, connect};
use super::{CAP, builder, proxy};

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_left() {
    let postgres = cluster().await;
    let client = connect(&postgres.url()).await.unwrap();
    client.batch_execute("ALTER SYSTEM SET max_connections = 24").await.unwrap();
    block_in_place(|| postgres.go_down(Signal::Interrupt)).unwrap();
    block_in_place(|| postgres.come_back()).unwrap();
    let proxy = builder(&postgres.url()).config("[limits]\nqueue = \"2s\"").start().await;
    let fault = "`max_connections` taken by others";
    let mut scene = Scene::begin(fault, &postgres.url(), (proxy.url(), proxy.key()), CAP).await;
    let root = connect(&postgres.url()).await.unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pool-proxy'";
    let mut others = Vec::new();
    // Until none is the proxy's, since others were faster.
    let take_all = async {
        loop {
            match connect(&postgres.url()).await {
                Ok(other) => others.push(other),
                Err(_) => drop(root.query_one(end, &[]).await.unwrap()),
            }
        }
    };
    tokio::select! {
        () = scene.sees("503") => {}
        () = take_all => {}
    }
    drop(others);
    scene.heals().await;
    scene.end(&["502", "P", "400 57P01", "no answer"], &["503"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_disk_is_left() {
    let postgres = cluster().await;
    let disk = match Disk::mount(16 << 20, &postgres.data_dir()) {
        Ok(disk) => disk,
        // It takes root, and in a container a right of its own.
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let client = connect(&postgres.url()).await.unwrap();
    let place = disk.files();
    client.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display())).await.unwrap();
    for move_there in ["TABLE ledger", "INDEX ledger_pkey", "TABLE done_once"] {
        client.batch_execute(&format!("ALTER {move_there} SET TABLESPACE small")).await.unwrap();
    }
    let proxy = proxy(&postgres.url()).await;
    let fault = "Postgres's disk full";
    let mut scene = Scene::begin(fault, &postgres.url(), (proxy.url(), proxy.key()), CAP).await;
    client.batch_execute("CREATE TABLE filler (t text) TABLESPACE small").await.unwrap();
    let fill = "INSERT INTO filler SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 200)";
    while client.batch_execute(fill).await.is_ok() {}
    scene.suffers().await;
    client.batch_execute("DROP TABLE filler").await.unwrap();
    scene.writes_again().await;
    scene.end(&["P"], &["400 53100"]).await;
    drop((client, proxy, postgres));
}
