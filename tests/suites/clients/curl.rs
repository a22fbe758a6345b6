//! curl, as a shell script asks.

use harness::{Database, Proxy, fresh_database};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{encoded, proxy, run};

#[tokio::test]
async fn curl_asks_one_query() {
    let (_database, proxy) = people().await;
    let body = json!({"query": "SELECT id, name, 9007199254740993 AS big FROM person WHERE id = $1", "params": [1]});
    let answer = curl(&proxy, "/sql", &[], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.body["rows"], json!([{"id": 1, "name": "Ada", "big": "9007199254740993"}]));
    assert_eq!(answer.body["command"], "SELECT");
    assert_eq!(answer.body["rowCount"], 1);
    assert_eq!(answer.body["rowAsArray"], false);
    let types: Vec<_> = fields(&answer.body, "dataTypeID");
    assert_eq!(types, [23, 25, 20]);
    assert_eq!(fields(&answer.body, "columnID"), [1, 2, 0]);
    assert!(!answer.header("x-request-id").is_empty(), "{:?}", answer.headers);
    assert!(answer.header("cache-status").is_empty(), "{:?}", answer.headers);
}

#[tokio::test]
async fn curl_asks_for_text_and_arrays() {
    let (_database, proxy) = people().await;
    let body = json!({"query": "SELECT 1 AS a, true AS b, null AS c, '[1, 2]'::json AS d, 1.50 AS a"});
    let headers = ["Neon-Raw-Text-Output: true", "Neon-Array-Mode: true"];
    let answer = curl(&proxy, "/sql", &headers, &body).await;
    assert_eq!(answer.body["rows"], json!([["1", "t", null, "[1, 2]", "1.50"]]));
    assert_eq!(answer.body["rowAsArray"], true);
}

#[tokio::test]
async fn curl_knows_the_key_by_a_connection_string() {
    let (_database, proxy) = people().await;
    let header = format!("Neon-Connection-String: postgresql://x:{}@host/default", encoded(proxy.key()));
    let ask = async |header: &str| curl_as(&proxy, "/sql", &[header], &json!({"query": "SELECT 1 AS a"})).await;
    assert_eq!(ask(&header).await.body["rows"], json!([{"a": 1}]));
    let wrong = ask("Neon-Connection-String: postgresql://x:nobody-knows-this-key@host/default").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.body["message"].is_string(), "{}", wrong.body);
    assert!(!wrong.body.to_string().contains("nobody-knows-this-key"), "{}", wrong.body);
    assert_eq!(ask("X-Nothing: 1").await.status, 401);
}

#[tokio::test]
async fn curl_sends_a_batch() {
    let (database, proxy) = people().await;
    let batch = |last: &str| {
        json!({"queries": [
            {"query": "UPDATE person SET name = $1 WHERE id = 1", "params": ["Augusta"]},
            {"query": "SELECT name, current_setting('transaction_isolation') AS isolation FROM person WHERE id = 1"},
            {"query": last},
        ]})
    };
    let headers = ["Neon-Batch-Isolation-Level: RepeatableRead"];

    let failed = curl(&proxy, "/sql", &headers, &batch("SELECT 1/0")).await;
    assert_eq!(failed.status, 400);
    assert_eq!(failed.body["code"], "22012");
    assert_eq!(failed.body["queryIndex"], 2);
    assert_eq!(name_of_first(&database).await, "Ada");

    let answer = curl(&proxy, "/sql", &headers, &batch("SELECT 1 AS one")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["results"][0]["command"], "UPDATE");
    assert_eq!(answer.body["results"][0]["rowCount"], 1);
    let row = json!([{"name": "Augusta", "isolation": "repeatable read"}]);
    assert_eq!(answer.body["results"][1]["rows"], row);
    assert_eq!(answer.body["results"][2]["rows"], json!([{"one": 1}]));
    assert_eq!(name_of_first(&database).await, "Augusta");
}

#[tokio::test]
async fn curl_asks_the_cache() {
    let (database, proxy) = people().await;
    let body = json!({"query": "SELECT name FROM person WHERE id = 1"});
    let ask = async |cache_control: &str| {
        let cache_control = format!("Cache-Control: {cache_control}");
        let answer = curl(&proxy, "/sql", &[&cache_control, "Cache-Tag: people"], &body).await;
        let name = answer.body["rows"][0]["name"].as_str().unwrap_or_default().to_owned();
        (answer.header("cache-status").to_owned(), answer.header("age").to_owned(), name)
    };
    let rename = async |name: &str| database.batch(&format!("UPDATE person SET name = '{name}' WHERE id = 1")).await;

    let (status, age, name) = ask("max-age=600").await;
    assert_eq!((&*status, &*age, &*name), ("pool-proxy; fwd=miss; stored", "", "Ada"));
    rename("Augusta").await;
    let (status, age, name) = ask("max-age=600").await;
    let ttl = status.strip_prefix("pool-proxy; hit; ttl=").and_then(|ttl| ttl.parse::<u64>().ok());
    assert!(ttl.is_some_and(|ttl| ttl <= 600), "{status}");
    assert!(age.parse::<u64>().is_ok(), "{age}");
    assert_eq!(name, "Ada");

    let (status, _, name) = ask("no-store").await;
    assert!(!status.contains("hit") && !status.contains("stored"), "{status}");
    assert_eq!(name, "Augusta");
    let (status, _, name) = ask("no-cache, max-age=600").await;
    assert_eq!((&*status, &*name), ("pool-proxy; fwd=request; stored", "Augusta"));

    rename("Lovelace").await;
    let (status, _, name) = ask("max-age=600").await;
    assert!(status.starts_with("pool-proxy; hit; "), "{status}");
    assert_eq!(name, "Augusta");
    let gone = curl(&proxy, "/invalidate", &[], &json!({"tags": ["people"]})).await;
    assert_eq!((gone.status, gone.body), (200, json!({})));
    let (status, _, name) = ask("max-age=600").await;
    assert_eq!((&*status, &*name), ("pool-proxy; fwd=miss; stored", "Lovelace"));
}

#[tokio::test]
async fn curl_is_told_what_is_wrong() {
    let (_database, proxy) = people().await;
    let ask = async |query: &str| curl(&proxy, "/sql", &[], &json!({"query": query})).await;

    let answer = ask("INSERT INTO person VALUES (1, 'Ada')").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["code"], "23505");
    assert_eq!(answer.body["constraint"], "person_pkey");
    assert_eq!(answer.body["table"], "person");
    assert_eq!(answer.body["detail"], "Key (id)=(1) already exists.");
    assert_eq!(answer.body["requestId"], answer.header("x-request-id"));

    let answer = ask("SELECT nothing FROM person").await;
    assert_eq!(answer.body["code"], "42703");
    assert_eq!(answer.body["position"], "8");

    let mut command = asking(&proxy, "/sql", &[&bearer(&proxy)]);
    command.args(["--data-binary", "{\"query\": \"SELECT 1\",\n \"params\": [1,]}"]);
    let answer = answered(command).await;
    assert_eq!(answer.status, 400);
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("line 2 column"), "{message}");

    let answer = answered(asking(&proxy, "/sql", &[&bearer(&proxy)])).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST, OPTIONS"));
    let answer = answered(asking(&proxy, "/nowhere", &[&bearer(&proxy)])).await;
    assert_eq!(answer.status, 404);
}

/// A database with a person in it, and a proxy before it.
async fn people() -> (Database, Proxy) {
    let database = fresh_database().await;
    database.batch("CREATE TABLE person (id int PRIMARY KEY, name text); INSERT INTO person VALUES (1, 'Ada')").await;
    let proxy = proxy(&database).await;
    (database, proxy)
}

async fn name_of_first(database: &Database) -> String {
    let row = database.client().await.query_one("SELECT name FROM person WHERE id = 1", &[]).await;
    row.unwrap().get(0)
}

/// One value of every field.
fn fields(body: &Value, name: &str) -> Vec<u64> {
    let fields = body["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    fields.iter().map(|field| field[name].as_u64().unwrap_or(u64::MAX)).collect()
}

/// What curl has got.
struct Curled {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Curled {
    /// A header's value, empty if it is absent.
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// `body` posted by curl with the full-access key.
async fn curl(proxy: &Proxy, path: &str, headers: &[&str], body: &Value) -> Curled {
    let key = bearer(proxy);
    let headers: Vec<&str> = headers.iter().copied().chain([&*key]).collect();
    curl_as(proxy, path, &headers, body).await
}

/// `body` posted by curl with these headers.
async fn curl_as(proxy: &Proxy, path: &str, headers: &[&str], body: &Value) -> Curled {
    let mut command = asking(proxy, path, headers);
    // curl says that this is a form, which the proxy has to overlook.
    command.arg("--data-binary").arg(body.to_string());
    answered(command).await
}

fn asking(proxy: &Proxy, path: &str, headers: &[&str]) -> Command {
    let mut command = Command::new("curl");
    // First of all: nothing of the developer's own settings.
    command.args(["--disable", "--silent", "--show-error", "--include", "--noproxy", "*"]);
    for header in headers {
        command.args(["--header", header]);
    }
    command.arg(format!("{}{path}", proxy.url()));
    command
}

async fn answered(command: Command) -> Curled {
    let output = run(command).await;
    assert!(output.success, "{}", output.text);
    let (head, body) = output.text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{}", output.text));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Curled {
        status: status.unwrap_or_else(|| panic!("{head}")),
        headers: lines.filter_map(header).collect(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

fn bearer(proxy: &Proxy) -> String {
    format!("Authorization: Bearer {}", proxy.key())
}
