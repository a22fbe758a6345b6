//! The transport of Cloudflare Workers: the runtime's `fetch`, or a service binding.

use std::fmt;
use std::time::Duration;

use ::worker::js_sys::{Math, Uint8Array};
use ::worker::send::SendFuture;
use ::worker::{AbortController, Date, Delay, Fetch, Fetcher, Headers, Method, RequestInit, RequestRedirect, web_sys};

use crate::base_url::{BaseUrl, BaseUrlError};
use crate::transport::{BoxFuture, Request, Response, Transport, TransportError};

/// Requests by the Worker's `fetch`. It works inside the Workers runtime alone: elsewhere a call panics.
///
/// The runtime does not say whether a request that failed had reached the proxy, so only reads, and what the caller
/// says is idempotent, are repeated after a lost connection. Deadlines count the time that passes in waiting alone: the
/// runtime's clock stands still while the Worker computes.
///
/// ```no_run
/// use pool_client::{Client, worker::FetchTransport};
///
/// # fn client(env: &worker::Env) -> Result<Client, Box<dyn std::error::Error>> {
/// let transport = FetchTransport::new(&env.var("POOL_PROXY_URL")?.to_string())?;
/// let client = Client::new(transport, env.secret("POOL_PROXY_KEY")?.to_string());
/// # Ok(client)
/// # }
/// ```
#[derive(Clone)]
pub struct FetchTransport {
    base_url: BaseUrl,
    binding: Option<Fetcher>,
}

impl FetchTransport {
    /// A transport to the proxy at a URL such as `https://pool.example.com`; a path is kept and stands before the
    /// proxy's own.
    ///
    /// Over `http://` the key travels in the clear: for development, or a private network.
    ///
    /// # Errors
    /// If the URL is none.
    pub fn new(base_url: &str) -> Result<Self, BaseUrlError> {
        Ok(Self { base_url: BaseUrl::parse(base_url)?, binding: None })
    }

    /// A transport through a binding, such as one to a VPC service or another Worker. The URL says host and path;
    /// where the request goes is the binding's affair.
    ///
    /// # Errors
    /// If the URL is none.
    pub fn binding(fetcher: Fetcher, base_url: &str) -> Result<Self, BaseUrlError> {
        Ok(Self { base_url: BaseUrl::parse(base_url)?, binding: Some(fetcher) })
    }

    /// Asks until `timeout` has passed.
    async fn ask(&self, request: &Request, timeout: Duration) -> Result<Response, TransportError> {
        let mut abort = AbortOnDrop(Some(AbortController::default()));
        let request = self.request(request, &abort).map_err(|error| TransportError::NotSent(error.to_string()))?;
        let answered = Box::pin(self.fetch(request));
        // setTimeout counts milliseconds in 31 bits.
        let passed = Delay::from(timeout.clamp(Duration::from_millis(1), Duration::from_hours(24)));
        let answer = first(answered, Box::pin(passed)).await.ok_or(TransportError::TimedOut)?;
        abort.0 = None;
        answer.map_err(|error| TransportError::Unknown(error.to_string()))
    }

    fn request(&self, request: &Request, abort: &AbortOnDrop) -> ::worker::Result<::worker::Request> {
        let headers = Headers::new();
        for (name, value) in &request.headers {
            headers.set(name, value)?;
        }
        let mut init = RequestInit::new();
        init.with_headers(headers).with_method(Method::from(request.method.to_owned()));
        init.with_redirect(RequestRedirect::Manual);
        if !request.body.is_empty() {
            init.with_body(Some(Uint8Array::from(request.body.as_slice()).into()));
        }
        let whole = ::worker::Request::new_with_init(&self.base_url.join(request.path), &init)?;
        // The signal is part of the request, since a binding takes it in no other way.
        let signal = web_sys::RequestInit::new();
        signal.set_signal(abort.0.as_ref().map(AbortController::signal).as_deref());
        Ok(web_sys::Request::new_with_request_and_init(whole.inner(), &signal)?.into())
    }

    async fn fetch(&self, request: ::worker::Request) -> ::worker::Result<Response> {
        let mut response: ::worker::Response = match &self.binding {
            None => Fetch::Request(request).send().await?,
            Some(binding) => own(binding.fetch_request(request).await?)?,
        };
        Ok(Response {
            status: response.status_code(),
            headers: response.headers().entries().collect(),
            body: response.bytes().await?,
        })
    }
}

/// A binding answers with another type where the crate `worker` has its feature `http`.
fn own<R: TryInto<::worker::Response, Error: fmt::Display>>(response: R) -> ::worker::Result<::worker::Response> {
    response.try_into().map_err(|error| ::worker::Error::RustError(error.to_string()))
}

/// Gives a request up, when its time has passed or nobody waits any more, so that the proxy cancels the query.
struct AbortOnDrop(Option<AbortController>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}

/// What comes first: an answer, or nothing when the time has passed.
async fn first<T>(
    mut answer: impl Future<Output = T> + Unpin,
    mut passed: impl Future<Output = ()> + Unpin,
) -> Option<T> {
    use std::pin::Pin;
    use std::task::Poll;
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = Pin::new(&mut answer).poll(context) {
            return Poll::Ready(Some(answer));
        }
        Pin::new(&mut passed).poll(context).map(|()| None)
    })
    .await
}

impl Transport for FetchTransport {
    fn send<'a>(&'a self, request: &'a Request, timeout: Duration) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(SendFuture::new(self.ask(request, timeout)))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(SendFuture::new(Delay::from(duration)))
    }

    fn now(&self) -> Duration {
        Duration::from_millis(Date::now().as_millis())
    }

    fn random(&self) -> u64 {
        // Of a number from 1 on and below 2 all 52 bits behind the point are random: as the high ones, then as the low.
        let bits = || (1.0 + Math::random()).to_bits();
        (bits() << 12) ^ (bits() & 0xfff)
    }
}

impl fmt::Debug for FetchTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchTransport")
            .field("base_url", &self.base_url)
            .field("binding", &self.binding.is_some())
            .finish()
    }
}
