//! A proxy in front of a fresh database, and a client of it.

use harness::ProxyBuilder;
use pool_client::Client;
use pool_client::native::HyperTransport;

use crate::sql::served::Served;

/// All live as long as this does.
pub(super) struct Bench {
    pub(super) served: Served,
    pub(super) client: Client,
}

impl Bench {
    pub(super) async fn after(setup: &str) -> Self {
        Self::with(setup, |proxy| proxy).await
    }

    pub(super) async fn with(setup: &str, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let served = Served::with(setup, settings).await;
        let client = client(served.proxy.url(), served.proxy.key());
        Self { served, client }
    }
}

pub(super) fn client(url: &str, key: &str) -> Client {
    Client::new(HyperTransport::new(url).unwrap(), key)
}
