//! Hints for the proxy's cache, and what takes cached answers away.

use std::time::Duration;

use pool_client::{Cache, Client, Rows};

use super::bench::Bench;

const SETUP: &str = "CREATE TABLE words (word text); INSERT INTO words VALUES ('old')";
const MINUTES: Duration = Duration::from_mins(10);

async fn read(client: &Client, hints: Cache) -> Rows<String> {
    client.query_scalar("SELECT word FROM words").cache(hints).fetch().await.unwrap()
}

fn status(rows: &Rows<String>) -> &str {
    rows.cache_status.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn hints_store_and_find() {
    let Bench { client, served } = Bench::after(SETUP).await;
    let hints = || Cache::ttl(MINUTES).swr(MINUTES).tags(["words"]);
    let first = read(&client, hints()).await;
    assert_eq!((status(&first), first.is_hit()), ("pool-proxy; fwd=miss; stored", false));
    served.database.batch("UPDATE words SET word = 'new'").await;
    let second = read(&client, hints()).await;
    assert!(status(&second).starts_with("pool-proxy; hit; ttl="), "{second:?}");
    assert!(second.is_hit() && second.age.is_some_and(|age| age < MINUTES));
    assert_eq!(second.rows, ["old"]);
    let bare = client.query_scalar::<String>("SELECT word FROM words").fetch().await.unwrap();
    assert_eq!((bare.rows, bare.cache_status, bare.age), (vec!["new".to_owned()], None, None));
    let bypass = read(&client, Cache::no_store()).await;
    assert_eq!((status(&bypass), &*bypass.rows), ("pool-proxy; fwd=bypass; detail=no-store", &["new".to_owned()][..]));
    let refreshed = read(&client, Cache::refresh(MINUTES)).await;
    assert_eq!((status(&refreshed), &*refreshed.rows), ("pool-proxy; fwd=request; stored", &["new".to_owned()][..]));
    assert!(read(&client, hints()).await.is_hit());
}

#[tokio::test]
async fn tags_take_away_what_carries_them() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let hints = || Cache::ttl(MINUTES).tag("a").tag("b");
    read(&client, hints()).await;
    client.invalidate(["c"]).await.unwrap();
    assert!(read(&client, hints()).await.is_hit());
    client.invalidate(["c", "b"]).await.unwrap();
    assert!(!read(&client, hints()).await.is_hit());
    assert!(read(&client, hints()).await.is_hit());
    client.invalidate_all().await.unwrap();
    assert!(!read(&client, hints()).await.is_hit());
}

#[tokio::test]
async fn what_is_no_read_runs_and_says_why_it_was_not_kept() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let query = client.query_scalar::<String>("UPDATE words SET word = 'x' RETURNING word");
    let rows = query.cache(Cache::ttl(MINUTES)).fetch().await.unwrap();
    assert_eq!((status(&rows), &*rows.rows), ("pool-proxy; fwd=bypass; detail=writes", &["x".to_owned()][..]));
}
