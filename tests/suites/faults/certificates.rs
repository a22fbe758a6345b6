//! A certificate expires, and another is put in its place. Connections that are open are not concerned, so they are ended.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use harness::{Folder, Postgres, Proxy, Relay, eventually, fresh_database};

use super::postgres::cluster;
use super::scene::{Scene, connect};
use super::tally::TABLES;
use super::{CAP, builder};

/// A folder with a certificate that is good and one that has expired, both of the same authority.
fn certificates() -> Folder {
    let folder = Folder::new();
    folder.authority("ca");
    folder.certificate_by("good", "ca");
    folder.expired_by("expired", "ca");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_proxy() {
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let folder = certificates();
    let serve = |name: &str| {
        for kind in ["crt", "key"] {
            fs::copy(folder.path(&format!("{name}.{kind}")), folder.path(&format!("proxy.{kind}"))).unwrap();
        }
    };
    serve("good");
    let proxy = builder(&database.url()).env("POOL_PROXY_TLS_CERT", folder.path("proxy.crt"));
    let mut proxy = proxy.env("POOL_PROXY_TLS_KEY", folder.path("proxy.key")).start().await;
    let relay = Relay::to(proxy.url()).await;
    let sidecar = Proxy::builder().relay(&relay.url(proxy.url()), proxy.key());
    let sidecar = sidecar.env("POOL_PROXY_UPSTREAM_ROOT_CERT", folder.path("ca.crt")).start().await;
    let fault = "the proxy's certificate expired, seen by a relay";
    let mut scene = Scene::begin(fault, &database.url(), (sidecar.url(), proxy.key()), CAP).await;
    let mut taken_up = async |name: &str| {
        let before = proxy.stderr().matches("certificate read again").count();
        serve(name);
        proxy.signal(harness::Signal::Hangup);
        eventually(|| async { proxy.stderr().matches("certificate read again").count() > before }).await;
    };
    taken_up("expired").await;
    relay.reset().await;
    scene.suffers().await;
    taken_up("good").await;
    scene.heals().await;
    scene.end(&["502", "P"], &["503"]).await;
}

/// Lets a cluster speak TLS with a certificate.
async fn serve(postgres: &Postgres, folder: &Folder, name: &str) {
    let data = postgres.data_dir();
    let owner = fs::metadata(&data).unwrap();
    for kind in ["crt", "key"] {
        let file = data.join(format!("server.{kind}"));
        fs::copy(folder.path(&format!("{name}.{kind}")), &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let client = connect(&postgres.url()).await.unwrap();
    client.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_postgres() {
    let postgres = cluster().await;
    let folder = certificates();
    serve(&postgres, &folder, "good").await;
    let client = connect(&postgres.url()).await.unwrap();
    eventually(|| async { client.query_one("SHOW ssl", &[]).await.unwrap().get::<_, &str>(0) == "on" }).await;
    let root = folder.path("ca.crt");
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.url(), root.display());
    let proxy = super::proxy(&url).await;
    let fault = "Postgres's certificate expired";
    let mut scene = Scene::begin(fault, &postgres.url(), (proxy.url(), proxy.key()), CAP).await;
    serve(&postgres, &folder, "expired").await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pool-proxy'";
    // Until the server has read it, new connections are still let in.
    eventually(|| async { client.query_one(end, &[]).await.unwrap().get::<_, i64>(0) == 0 }).await;
    scene.suffers().await;
    serve(&postgres, &folder, "good").await;
    scene.heals().await;
    scene.end(&["502", "P", "400 57P01"], &["503"]).await;
}
