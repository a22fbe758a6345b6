//! A database of one's own for every test, gone when the test ends.

use std::env;
use std::sync::OnceLock;
use std::thread;

use tokio_postgres::{Client, NoTls};

use crate::{Error, Postgres, random_hex};

/// Where `cargo xtask test` says which cluster to use.
const CLUSTER: &str = "POOL_PROXY_TEST_POSTGRES";

/// An empty database, dropped with everything that still uses it when this value goes.
#[derive(Debug)]
pub struct Database {
    name: String,
}

/// A new, empty database in the tests' private cluster. The cluster is the one whose superuser URL is in
/// `POOL_PROXY_TEST_POSTGRES`, else one that this process starts for itself on first use.
pub async fn fresh_database() -> Database {
    let name = format!("test_{}", random_hex(8));
    let server = connect(cluster()).await.unwrap();
    // Nobody can be connected to template0, which would make the copy fail.
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    server.batch_execute(&create).await.unwrap();
    Database { name }
}

impl Database {
    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its direct URL, as the cluster's superuser.
    pub fn url(&self) -> String {
        format!("{}/{}", server_url(), self.name)
    }

    /// Its direct URL for another role.
    pub fn url_as(&self, role: &str, password: &str) -> String {
        let (_, address) = server_url().rsplit_once('@').unwrap_or_default();
        format!("postgres://{role}:{password}@{address}/{}", self.name)
    }

    /// A direct connection as the cluster's superuser, past the proxy.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// How many of its sessions sleep in `pg_sleep` now.
    pub async fn sleeping(&self) -> i64 {
        const SLEEPING: &str =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        self.client().await.query_one(SLEEPING, &[]).await.unwrap().get(0)
    }

    /// Runs `sql`, any number of statements, over a direct connection.
    pub async fn batch(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // On a thread and a runtime of its own: the test's runtime cannot be waited for here.
        let dropper = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Error::doing("starting a runtime"))?;
            runtime.block_on(async {
                let server = connect(cluster()).await?;
                let dropped = server.batch_execute(&drop).await;
                dropped.map_err(Error::doing(drop))
            })
        });
        match dropper.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("{error}"),
            Err(_) => eprintln!("{} could not be dropped", self.name),
        }
    }
}

/// The superuser's URL of the cluster, which is started if none was given.
fn cluster() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    // A static is never dropped: the guard of the cluster stops it when this process ends.
    static OWN: OnceLock<Postgres> = OnceLock::new();
    URL.get_or_init(|| match env::var(CLUSTER) {
        Ok(url) if !url.is_empty() => url,
        _ => OWN.get_or_init(|| Postgres::start(&mut |step| eprintln!("{step}")).unwrap()).url(),
    })
}

/// The cluster's URL without its database.
fn server_url() -> &'static str {
    cluster().rsplit_once('/').map_or("", |(server, _)| server)
}

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.map_err(Error::doing("connecting to the tests' Postgres"))?;
    tokio::spawn(connection);
    Ok(client)
}
