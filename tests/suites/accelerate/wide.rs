//! A database with every kind of column, key and relation that Prisma's clients know, and a proxy in front of it.

use std::fs;

use harness::{Database, Folder, Proxy, fresh_database};

use crate::clients::{encoded, folder, proxy};

/// A new database with the tables and rows that the models in `tests/clients/prisma/schema.prisma` describe.
pub(super) async fn wide_database() -> Database {
    let database = fresh_database().await;
    for file in ["schema.sql", "extra.sql", "seed.sql"] {
        let sql = fs::read_to_string(folder().join("prisma").join(file)).unwrap();
        database.batch(&sql).await;
    }
    database
}

/// The same with a proxy.
pub(super) struct Wide {
    pub(super) proxy: Proxy,
    pub(super) database: Database,
}

impl Wide {
    pub(super) async fn start() -> Self {
        let database = wide_database().await;
        Self { proxy: proxy(&database).await, database }
    }

    /// At an address of the loopback that Prisma's extension does not take for this machine.
    pub(super) async fn elsewhere() -> Self {
        let database = wide_database().await;
        let proxy = Proxy::builder().database(&database).env("POOL_PROXY_LISTEN", "127.0.0.10:0").start().await;
        Self { proxy, database }
    }

    /// At the same address, over TLS with the certificate `proxy` of a folder.
    pub(super) async fn encrypted(folder: &Folder) -> Self {
        let database = wide_database().await;
        let proxy = Proxy::builder().database(&database).env("POOL_PROXY_LISTEN", "127.0.0.10:0");
        let proxy = proxy.env("POOL_PROXY_TLS_CERT", folder.path("proxy.crt"));
        let proxy = proxy.env("POOL_PROXY_TLS_KEY", folder.path("proxy.key")).start().await;
        Self { proxy, database }
    }

    /// What an application has as its `accelerateUrl`.
    pub(super) fn url(&self) -> String {
        accelerate_url(self.proxy.url(), self.proxy.key())
    }
}

/// The URL by which Prisma's clients find a server of plans.
pub(crate) fn accelerate_url(server: &str, key: &str) -> String {
    format!("{}/?api_key={}", server.replace("https:", "prisma:").replace("http:", "prisma+postgres:"), encoded(key))
}
