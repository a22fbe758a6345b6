//! What the API needs of the proxy and the database: deployed step by step as its README says, by an owner who is no
//! superuser, it works through a login without rights of its own and a key whose role may do what the API does.

use harness::{Database, Proxy, fresh_database, key_entry, random_hex};
use serde_json::json;
use tokio_postgres::NoTls;

use super::blog::Blog;
use super::common;

const LOGIN_GRANTS: &str = include_str!("../../../deploy/grants.sql");
const GRANTS: &str = include_str!("../../../edge-api/migrations/grants.sql");

/// A database with the tables and all the roles, under names of their own: roles are the cluster's.
struct Deployed {
    database: Database,
    password: String,
}

impl Deployed {
    async fn new() -> Self {
        let deployed = Self { database: fresh_database().await, password: random_hex(16) };
        let (database, password) = (&deployed.database, &deployed.password);
        let owner = deployed.role("owner");
        let create = format!("CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{password}'");
        database.batch(&format!("{create}; ALTER DATABASE {} OWNER TO {owner}", database.name())).await;

        deployed.as_owner(LOGIN_GRANTS).await;
        deployed.as_owner(&format!("ALTER ROLE pool_proxy PASSWORD '{password}'")).await;
        edge_migrations::apply(&database.url_as(&owner, password)).await.unwrap();
        deployed.as_owner(GRANTS).await;
        deployed
    }

    /// What a role of the files is called here.
    fn role(&self, name: &str) -> String {
        format!("{}_{name}", self.database.name())
    }

    /// Runs SQL as the owner.
    async fn as_owner(&self, sql: &str) {
        let names = ["pool_proxy", "web_anon", "web_read", "edge_api"];
        let sql = names.iter().fold(sql.to_owned(), |sql, name| sql.replace(name, &self.role(name)));
        let url = self.database.url_as(&self.role("owner"), &self.password);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&sql).await.unwrap();
    }

    /// The URL that the proxy is given.
    fn login_url(&self) -> String {
        self.database.url_as(&self.role("pool_proxy"), &self.password)
    }

    /// Drops what outlives the database.
    async fn end(self) {
        let roles = ["pool_proxy", "web_anon", "web_read", "edge_api", "owner"].map(|name| self.role(name)).join(", ");
        let release = format!("ALTER DATABASE {} OWNER TO CURRENT_USER", self.database.name());
        self.database.batch(&format!("{release}; DROP OWNED BY {roles}; DROP ROLE {roles}")).await;
    }

    /// Of the API's key, whose role may do what the API does.
    fn key_entry(&self, secret: &str) -> String {
        key_entry("edge-api", secret, &format!("role = \"{}\"", self.role("edge_api")))
    }
}

#[tokio::test]
async fn the_role_of_the_grants_is_enough_for_the_whole_story() {
    let deployed = Deployed::new().await;
    let secret = random_hex(32);
    let config = deployed.key_entry(&secret);
    let proxy = Proxy::builder().database_url(deployed.login_url()).key("").config(config).start().await;
    let blog = Blog::builder().set("POOL_PROXY_URL", proxy.url()).set("POOL_PROXY_KEY", &secret).serve().await;
    common::tell_the_story(blog.url()).await;

    let ada = blog.sign_up("Ada").await;
    blog.write(&ada, "Kept", true).await;
    let list = async || blog.get("/api/v1/blog/bulk").await.expect(200).header("cache-status");
    list().await;
    assert!(list().await.starts_with("pool-proxy; hit"), "its reads are cached, too");
    for query in [
        "DELETE FROM users",
        "UPDATE users SET email = 'bo@example.com'",
        "UPDATE posts SET author_id = author_id",
        "SELECT * FROM refinery_schema_history",
        "SELECT rolname FROM pg_authid",
        "TRUNCATE posts",
        "DROP TABLE posts",
        "CREATE TABLE x (n int)",
        "SET ROLE none",
    ] {
        let body = json!({ "query": query });
        let answer = proxy.request("POST", "/sql").bearer(&secret).json(&body).send().await;
        // Postgres's refusal, or the proxy's own of what such a key may not ask.
        let refused = answer.status == 403 || answer.status == 400 && answer.body["code"] == "42501";
        assert!(refused, "{query}: {} {}", answer.status, answer.text);
    }
    drop(proxy);
    deployed.end().await;
}

#[tokio::test]
async fn a_hash_is_made_anew_and_the_login_itself_reads_nothing() {
    let deployed = Deployed::new().await;
    let (secret, plain) = (random_hex(32), random_hex(32));
    let config = deployed.key_entry(&secret);
    let proxy = Proxy::builder().database_url(deployed.login_url()).key(&plain).config(config).start().await;
    let with = |scheme: &str| {
        let blog = Blog::builder().set("POOL_PROXY_URL", proxy.url()).set("POOL_PROXY_KEY", &secret);
        blog.set("PASSWORD_HASH", scheme).serve()
    };
    let ada = with("argon2id:m=7168,t=1").await.sign_up("Ada").await;
    let hash = "SELECT split_part(password_hash, '$', 4) FROM users";
    let client = deployed.database.client().await;
    assert_eq!(client.query_one(hash, &[]).await.unwrap().get::<_, String>(0), "m=7168,t=1,p=1");
    let blog = with("argon2id:m=7168,t=2").await;
    let body = json!({ "email": ada.email, "password": super::blog::PASSWORD });
    blog.post("/api/v1/user/signin", &body).await.expect(200);
    assert_eq!(client.query_one(hash, &[]).await.unwrap().get::<_, String>(0), "m=7168,t=2,p=1", "{:?}", blog.log());

    // A key without a role runs as the login.
    let answer = proxy.sql(json!({ "query": "SELECT email FROM users" })).await.expect(400);
    assert_eq!(answer.body["code"], "42501", "{}", answer.text);
    drop(proxy);
    deployed.end().await;
}
