//! A relay on an application's machine, in front of a proxy elsewhere: nobody can tell the two apart, and the application
//! speaks plain HTTP to `localhost`.

mod circles;
mod framing;
mod leaving;
mod operators;
mod outages;
mod passing;
mod settings;
mod streams;
pub(crate) mod stub;
mod tls;

use harness::{Proxy, ProxyBuilder};

use crate::sql::served::Served;

/// A proxy with a database, and a relay to it.
struct Relayed {
    served: Served,
    relay: Proxy,
}

impl Relayed {
    async fn plain() -> Self {
        Self::with("", |proxy| proxy).await
    }

    /// After `setup`, with settings of the proxy.
    async fn with(setup: &str, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let served = Served::with(setup, settings).await;
        let relay = Proxy::builder().relay_to(&served.proxy).start().await;
        Self { served, relay }
    }
}
