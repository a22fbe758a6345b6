//! What the Workers runtime does for the API: the time, the log, and a hash that is too slow in wasm.

use std::time::Duration;

use edge_app::{Runtime, RuntimeError};
use pool_client::BoxFuture;
use web_sys::{CryptoKey, Pbkdf2Params, WorkerGlobalScope};
use worker::js_sys::{self, Array, ArrayBuffer, Uint8Array};
use worker::send::SendFuture;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Date, console_error};

/// The runtime around us.
pub(crate) struct Workers;

impl Runtime for Workers {
    fn now(&self) -> u64 {
        Date::now().as_millis() / 1000
    }

    fn since_1970(&self) -> Duration {
        Duration::from_millis(Date::now().as_millis())
    }

    fn pbkdf2_sha256<'a>(
        &'a self,
        password: &'a [u8],
        salt: &'a [u8],
        rounds: u32,
    ) -> BoxFuture<'a, Result<[u8; 32], RuntimeError>> {
        Box::pin(SendFuture::new(async move {
            derive(password, salt, rounds).await.map_err(|refused| RuntimeError(format!("WebCrypto: {refused:?}")))
        }))
    }

    fn log(&self, line: &str) {
        console_error!("{line}");
    }
}

async fn derive(password: &[u8], salt: &[u8], rounds: u32) -> Result<[u8; 32], JsValue> {
    let subtle = js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle();
    let uses = Array::of1(&"deriveBits".into());
    let key = subtle.import_key_with_str("raw", &Uint8Array::from(password), "PBKDF2", false, &uses)?;
    let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
    let parameters = Pbkdf2Params::new_with_str("PBKDF2", "SHA-256", rounds, &Uint8Array::from(salt));
    let bits = JsFuture::from(subtle.derive_bits_with_object(&parameters, &key, 256)?).await?;
    let bytes = Uint8Array::new(&bits.unchecked_into::<ArrayBuffer>());
    let mut hash = [0; 32];
    if bytes.length() != 32 {
        return Err("not 32 bytes".into());
    }
    bytes.copy_to(&mut hash);
    Ok(hash)
}
