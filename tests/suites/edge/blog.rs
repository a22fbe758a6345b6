//! The API under test: its router behind a socket of this process, a proxy and a migrated database of its own.

use std::collections::HashMap;
use std::sync::Arc;

use edge_app::{Runtime, Settings, Site};
use harness::{Answer, Database, Proxy, Request, Workerd, WorkerdBuilder, fresh_database, random_hex};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use pool_client::Client;
use pool_client::native::HyperTransport;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::host::{Host, Losing, Lossy};

/// The secret that signs the tokens of every API under test.
pub(super) const JWT_SECRET: &str = "a secret of the tests, at least 32 bytes long";

/// The password of everybody who signs up in the tests.
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// A running API.
pub(super) struct Blog {
    url: String,
    host: Host,
    pub(super) workerd: Option<Workerd>,
    pub(super) proxy: Option<Proxy>,
    pub(super) database: Option<Database>,
}

/// What an API is started with.
pub(super) struct BlogBuilder {
    settings: HashMap<&'static str, String>,
    /// The Worker in workerd instead of the router on the host.
    workerd: Option<WorkerdBuilder>,
    losing: Losing,
}

/// Somebody who has signed up.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) token: String,
}

impl Blog {
    /// With cheap password hashes; everything else as users have it.
    pub(super) fn builder() -> BlogBuilder {
        let settings = [("JWT_SECRET", JWT_SECRET), ("PASSWORD_HASH", "argon2id:m=7168,t=1")];
        BlogBuilder {
            settings: settings.map(|(name, value)| (name, value.to_owned())).into(),
            workerd: None,
            losing: Arc::default(),
        }
    }

    pub(super) async fn start() -> Self {
        Self::builder().start().await
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn request(&self, method: &str, path: &str) -> Request {
        Request::to(method, format!("{}{path}", self.url))
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    /// Signs somebody of this name up.
    pub(super) async fn sign_up(&self, name: &str) -> Person {
        let email = format!("{}-{}@example.com", name.to_lowercase(), random_hex(3));
        let body = json!({ "email": email, "name": name, "password": PASSWORD });
        let session = self.post("/api/v1/user/signup", &body).await.expect(201).body;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person { id: text(&session["user"]["id"]), email, token: text(&session["token"]) }
    }

    /// A request of this person's.
    pub(super) fn by(&self, person: &Person, method: &str, path: &str) -> Request {
        self.request(method, path).bearer(&person.token)
    }

    /// A new post of this person's.
    pub(super) async fn write(&self, person: &Person, title: &str, published: bool) -> Value {
        let body = json!({ "title": title, "content": format!("About {title}."), "published": published });
        self.by(person, "POST", "/api/v1/blog").json(&body).send().await.expect(201).body
    }

    /// What the API has logged.
    pub(super) fn log(&self) -> Vec<String> {
        if let Some(workerd) = &self.workerd {
            return workerd.log().lines().map(str::to_owned).collect();
        }
        self.host.logged()
    }

    /// The rounds of every PBKDF2 that was asked of the host so far.
    pub(super) fn derivations(&self) -> Vec<u32> {
        self.host.derivations()
    }

    /// The first row of a query past the API, its columns as texts.
    pub(super) async fn row(&self, query: &str) -> Vec<String> {
        let database = self.database.as_ref().unwrap().client().await;
        let row = database.query_one(query, &[]).await.unwrap();
        (0..row.len()).map(|column| row.get(column)).collect()
    }
}

impl BlogBuilder {
    pub(super) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// As the Worker in the real workerd.
    pub(super) fn in_workerd(self) -> Self {
        self.with_workerd(Workerd::builder())
    }

    /// As the Worker in this workerd.
    pub(super) fn with_workerd(mut self, workerd: WorkerdBuilder) -> Self {
        self.workerd = Some(workerd);
        self
    }

    /// Loses, on the host, what this says.
    pub(super) fn losing(mut self, losing: &Losing) -> Self {
        self.losing = Arc::clone(losing);
        self
    }

    /// With a database and a proxy of its own.
    pub(super) async fn start(self) -> Blog {
        let database = fresh_database().await;
        edge_migrations::apply(&database.url()).await.unwrap();
        let proxy = Proxy::builder().database(&database).start().await;
        let mut blog = self.in_front_of(proxy).await;
        blog.database = Some(database);
        blog
    }

    /// With this proxy.
    pub(super) async fn in_front_of(self, proxy: Proxy) -> Blog {
        let started = self.set("POOL_PROXY_URL", proxy.url()).set("POOL_PROXY_KEY", proxy.key()).serve().await;
        Blog { proxy: Some(proxy), ..started }
    }

    /// With whatever the settings say.
    pub(super) async fn serve(self) -> Blog {
        let Some(workerd) = self.workerd else {
            return self.serve_on_the_host().await;
        };
        let set = |workerd: WorkerdBuilder, (name, value)| workerd.var(name, value);
        let workerd = self.settings.into_iter().fold(workerd, set).start().await;
        Blog { url: workerd.url(), host: Host::default(), workerd: Some(workerd), proxy: None, database: None }
    }

    async fn serve_on_the_host(self) -> Blog {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let host = Host::default();
        let runtime: Arc<dyn Runtime> = Arc::new(host.clone());
        let settings = Settings::read(|name| self.settings.get(name).cloned());
        let client = settings.as_ref().ok().map(|settings| {
            let transport = HyperTransport::new(&settings.proxy_url).unwrap();
            let transport = Lossy { transport, losing: Arc::clone(&self.losing) };
            Client::new(transport, settings.proxy_key.reveal())
        });
        let router = edge_app::router();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (settings, client, runtime) = (settings.clone(), client.clone(), Arc::clone(&runtime));
                let service = router.clone().map_request(move |request: hyper::Request<hyper::body::Incoming>| {
                    let mut request = request.map(axum::body::Body::new);
                    match (&settings, &client) {
                        (Ok(settings), Some(client)) => {
                            let site = Site::new(settings.clone(), client.clone(), Arc::clone(&runtime));
                            request.extensions_mut().insert(site);
                        }
                        (Err(error), _) => drop(request.extensions_mut().insert(error.clone())),
                        (Ok(_), None) => unreachable!("settings come with their client"),
                    }
                    request
                });
                let service = TowerToHyperService::new(service);
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        Blog { url, host, workerd: None, proxy: None, database: None }
    }
}

/// Asserts that an answer is the problem of this status and code, whole as RFC 9457 wants it, and returns it.
#[track_caller]
pub(super) fn assert_problem(answer: Answer, status: u16, code: &str) -> Answer {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.body["code"], code, "{}", answer.text);
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.body["type"], "about:blank");
    assert!(!answer.body["title"].as_str().unwrap().is_empty());
    assert!(!answer.body["detail"].as_str().unwrap().is_empty());
    assert_eq!(answer.body["requestId"], answer.header("x-request-id"));
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}

/// The fields that a problem names.
#[track_caller]
pub(super) fn blamed(answer: &Answer) -> Vec<&str> {
    let errors = answer.body["errors"].as_array().unwrap();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}
