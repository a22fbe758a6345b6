//! What a request stands on, from the Worker's variables, secrets and bindings.

use std::sync::Arc;

use edge_app::{Settings, SettingsError, Site};
use pool_client::Client;
use pool_client::worker::FetchTransport;
use worker::Env;
use worker::js_sys::Reflect;

use crate::runtime::Workers;

/// A service binding under this name is the way to the proxy, instead of the open network: a VPC service, or another
/// Worker. Host and path are those of `POOL_PROXY_URL` still.
const BINDING: &str = "POOL_PROXY";

/// The site of a request, or the setting that is wrong.
pub(crate) fn of(env: &Env) -> Result<Site, SettingsError> {
    let settings = Settings::read(|name| env.var(name).ok().map(|value| value.to_string()))?;
    let transport = match env.service(BINDING) {
        Ok(binding) => FetchTransport::binding(binding, &settings.proxy_url),
        // Something else of that name was meant as the private way: the open network must not stand in for it.
        Err(_) if is_bound(env) => return Err(SettingsError::new(BINDING, "is no service binding")),
        Err(_) => FetchTransport::new(&settings.proxy_url),
    };
    let transport = transport.map_err(|error| SettingsError::new("POOL_PROXY_URL", format!("is wrong: {error}")))?;
    let client = Client::new(transport, settings.proxy_key.reveal());
    Ok(Site::new(settings, client, Arc::new(Workers)))
}

/// Whether anything at all is bound to the private way's name.
fn is_bound(env: &Env) -> bool {
    Reflect::has(env, &BINDING.into()).unwrap_or(true)
}
