//! The primary is lost, and its standby takes its place.

use harness::eventually;
use tokio::task::block_in_place;

use super::postgres::cluster;
use super::scene::{Scene, connect};
use super::{CAP, proxy};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_promoted() {
    let primary = cluster().await;
    let standby = block_in_place(|| primary.standby()).unwrap();
    let client = connect(&primary.url()).await.unwrap();
    // Nothing is acknowledged that the standby does not have.
    client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let synchronous = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually(|| async { client.query(synchronous, &[]).await.unwrap().len() == 1 }).await;

    let url = primary.url();
    let (server, database) = url.rsplit_once('/').unwrap();
    let hosts = format!("{server},127.0.0.1:{}/{database}?target_session_attrs=read-write", standby.port());
    let proxy = proxy(&hosts).await;
    let fault = "failover: the primary is lost, a standby promoted";
    let mut scene = Scene::begin(fault, &standby.url(), (proxy.url(), proxy.key()), CAP).await;
    block_in_place(|| primary.kill()).unwrap();
    scene.suffers().await;
    let client = connect(&standby.url()).await.unwrap();
    client.execute("SELECT pg_promote()", &[]).await.unwrap();
    scene.heals().await;
    scene.end(&["502", "P"], &["503"]).await;
}
