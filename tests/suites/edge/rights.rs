//! What the API needs of the proxy and the database: a key whose role may read and write the rows of its two tables.

use std::fmt::Write;

use harness::{Proxy, fresh_database, random_hex};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::blog::Blog;
use super::common;

const GRANTS: &str = include_str!("../../../edge-api/migrations/grants.sql");

#[tokio::test]
async fn the_role_of_the_grants_is_enough_for_the_whole_story() {
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    // Roles are the cluster's, and other tests have theirs.
    let role = format!("edge_{}", random_hex(6));
    database.batch(&GRANTS.replace("edge_api", &role)).await;
    let secret = random_hex(32);
    let hash = Sha256::digest(secret.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let config = format!("[[keys]]\nname = \"edge-api\"\nhash = \"sha256:{hash}\"\nrole = \"{role}\"\n");
    let proxy = Proxy::builder().database(&database).key("").config(config).start().await;
    let blog = Blog::builder().set("POOL_PROXY_URL", proxy.url()).set("POOL_PROXY_KEY", &secret).serve().await;
    common::tell_the_story(blog.url()).await;

    let ada = blog.sign_up("Ada").await;
    blog.write(&ada, "Kept", true).await;
    let list = async || blog.get("/api/v1/blog/bulk").await.expect(200).header("cache-status");
    list().await;
    assert!(list().await.starts_with("pool-proxy; hit"), "its reads are cached, too");
    for query in ["DROP TABLE posts", "CREATE TABLE x (n int)", "SELECT rolname FROM pg_authid", "TRUNCATE posts"] {
        let body = json!({ "query": query });
        let status = proxy.request("POST", "/sql").bearer(&secret).json(&body).send().await.status.as_u16();
        assert!([400, 403].contains(&status), "{query}: {status}");
    }
    drop(proxy);
    database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role};")).await;
}
