//! The same blog as two Workers in the real workerd: Hono, hono/jwt and zod, once over Drizzle and once over Prisma. A
//! user plays the story by HTTP.

use harness::{Database, Proxy, Workerd, fresh_database, random_hex};
use serde_json::{Value, json};

use super::{Bundle, encoded, proxy};

const TABLES: &str = "CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL, \
    password text NOT NULL); CREATE TABLE posts (id serial PRIMARY KEY, title text NOT NULL, content text NOT NULL, \
    author_id int NOT NULL REFERENCES users, created_at timestamptz(3) NOT NULL DEFAULT now())";

const PASSWORD: &str = "correct horse";

#[tokio::test]
async fn drizzle_in_a_worker_tells_the_story() {
    let blog = Blog::start(Stack::Drizzle).await;
    tell_the_story(&blog).await;
    check_what_is_wrong_is_refused(&blog).await;
}

#[tokio::test]
async fn prisma_in_a_worker_tells_the_story() {
    let blog = Blog::start(Stack::Prisma).await;
    tell_the_story(&blog).await;
    check_what_is_wrong_is_refused(&blog).await;
}

async fn tell_the_story(blog: &Blog) {
    let ada = blog.sign_up("Ada").await;
    let bo = blog.sign_up("Bo").await;

    let first = json!({ "title": "  On O'Hara  ", "content": "'; DROP TABLE posts; -- é 🐘" });
    let (status, post) = blog.post("/api/v1/blog", Some(&ada), &first).await;
    assert_eq!(status, 201, "{post}");
    let id = post["id"].as_i64().unwrap();
    assert_eq!((&post["title"], &post["content"]), (&json!("On O'Hara"), &first["content"]));
    let created = post["createdAt"].as_str().unwrap_or_default();
    assert!(created.starts_with("20") && created.ends_with('Z'), "{post}");
    let second = json!({ "title": "Second", "content": "" });
    assert_eq!(blog.post("/api/v1/blog", Some(&bo), &second).await.0, 201);

    let path = format!("/api/v1/blog/{id}");
    let (status, edited) = blog.put(&path, Some(&ada), &json!({ "title": "Edited" })).await;
    assert_eq!(status, 200, "{edited}");
    assert_eq!((&edited["title"], &edited["content"]), (&json!("Edited"), &first["content"]));
    let (status, read) = blog.get(&path).await;
    assert_eq!(status, 200, "{read}");
    let mut expected = edited;
    expected["author"] = json!({ "name": "Ada" });
    assert_eq!(read, expected);

    let (status, list) = blog.get("/api/v1/blog/bulk").await;
    assert_eq!(status, 200, "{list}");
    let listed = |id, title, name| json!({ "id": id, "title": title, "author": { "name": name } });
    assert_eq!(list, json!({ "posts": [listed(id + 1, "Second", "Bo"), listed(id, "Edited", "Ada")] }));

    // The password alone opens the account again, and nobody keeps it.
    let account = json!({ "email": "ada@example.com", "password": PASSWORD });
    let (status, session) = blog.post("/api/v1/user/signin", None, &account).await;
    assert_eq!(status, 200, "{session}");
    let again = session["token"].as_str();
    assert_eq!(blog.put(&path, again, &json!({ "content": "By the same." })).await.0, 200);
    let kept = blog.database.client().await.query_one("SELECT password FROM users WHERE name = 'Ada'", &[]).await;
    let kept: String = kept.unwrap().get(0);
    assert!(kept.len() == 97 && !kept.contains(PASSWORD), "{kept}");
}

async fn check_what_is_wrong_is_refused(blog: &Blog) {
    let cy = blog.sign_up("Cy").await;
    let dee = blog.sign_up("Dee").await;

    let (status, told) = blog.post("/api/v1/user/signup", None, &json!({ "email": "no", "password": "short" })).await;
    assert_eq!(status, 400, "{told}");
    let paths: Vec<&str> = told["issues"].as_array().unwrap().iter().filter_map(|it| it["path"][0].as_str()).collect();
    assert_eq!(paths, ["email", "name", "password"]);
    let taken = json!({ "email": "cy@example.com", "name": "Another", "password": PASSWORD });
    assert_eq!(blog.post("/api/v1/user/signup", None, &taken).await.0, 409);

    let sign_in = |email: &str, password: &str| json!({ "email": email, "password": password });
    for wrong in [sign_in("cy@example.com", "wrong horse"), sign_in("nobody@example.com", PASSWORD)] {
        assert_eq!(blog.post("/api/v1/user/signin", None, &wrong).await.0, 401);
    }

    let post = json!({ "title": "Mine", "content": "" });
    let forged = format!("{cy}x");
    for token in [None, Some("nonsense"), Some(&*forged)] {
        assert_eq!(blog.post("/api/v1/blog", token, &post).await.0, 401);
    }
    assert_eq!(blog.post("/api/v1/blog", Some(&cy), &json!({ "title": " " })).await.0, 400);
    let (_, post) = blog.post("/api/v1/blog", Some(&cy), &post).await;
    let path = format!("/api/v1/blog/{}", post["id"]);
    assert_eq!(blog.put(&path, Some(&cy), &json!({})).await.0, 400);
    assert_eq!(blog.put(&path, Some(&dee), &json!({ "title": "Stolen" })).await.0, 404);
    assert_eq!(blog.get(&path).await.1["title"], "Mine");
    for nowhere in ["/api/v1/blog/999999", "/api/v1/blog/one", "/"] {
        assert_eq!(blog.get(nowhere).await.0, 404, "{nowhere}");
    }
}

#[derive(Clone, Copy)]
enum Stack {
    Drizzle,
    Prisma,
}

/// One of the Workers, with a proxy and a database of its own.
struct Blog {
    worker: Workerd,
    proxy: Proxy,
    database: Database,
    _bundle: Bundle,
}

impl Blog {
    async fn start(stack: Stack) -> Self {
        let name = match stack {
            Stack::Drizzle => "drizzle",
            Stack::Prisma => "prisma",
        };
        let bundle = Bundle::new("blog", &[name]).await;
        let database = fresh_database().await;
        database.batch(TABLES).await;
        let proxy = proxy(&database).await;
        let key = encoded(proxy.key());
        let address = match stack {
            Stack::Drizzle => format!("postgresql://app:{key}@proxy/default"),
            Stack::Prisma => format!("{}/?api_key={key}", proxy.url().replace("http:", "prisma+postgres:")),
        };
        let worker = Workerd::builder().build(bundle.root()).var("DATABASE_URL", address);
        let worker = worker.var("POOL_PROXY_URL", proxy.url()).var("JWT_SECRET", random_hex(32)).start().await;
        Self { worker, proxy, database, _bundle: bundle }
    }

    /// A new account; the token.
    async fn sign_up(&self, name: &str) -> String {
        let email = format!("{}@example.com", name.to_lowercase());
        let account = json!({ "email": email, "name": name, "password": PASSWORD });
        let (status, session) = self.post("/api/v1/user/signup", None, &account).await;
        assert_eq!(status, 201, "{session}\n{}\n{}", self.worker.log(), self.proxy.stderr());
        session["token"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.worker.request("GET", path).send().await;
        (answer.status.as_u16(), answer.body)
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        self.send("POST", path, token, body).await
    }

    async fn put(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        self.send("PUT", path, token, body).await
    }

    async fn send(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self.worker.request(method, path).json(body);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let answer = request.send().await;
        (answer.status.as_u16(), answer.body)
    }
}
