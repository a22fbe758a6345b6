//! Copies that the caller keeps, and asks about again.

use std::time::Duration;

use pool_client::{Cache, Client, Kept};

use super::bench::Bench;

const SETUP: &str =
    "CREATE TABLE words (id int, word text); INSERT INTO words SELECT n, 'old' FROM generate_series(1, 300) AS n";
const MINUTES: Duration = Duration::from_mins(10);

async fn ask(client: &Client, copy: Option<&Kept<(i32, String)>>, hints: Cache) -> Kept<(i32, String)> {
    let query = client.query_as("SELECT id, word FROM words ORDER BY id LIMIT $1").bind(200);
    query.cache(hints).revalidate(copy).await.unwrap()
}

#[tokio::test]
async fn a_copy_is_sent_once() {
    let Bench { client, served } = Bench::after(SETUP).await;
    let hints = || Cache::ttl(MINUTES).tag("words");
    let first = ask(&client, None, hints()).await;
    assert_eq!((first.rows.len(), first.rows[0].clone(), first.unchanged), (200, (1, "old".to_owned()), false));
    served.database.batch("UPDATE words SET word = 'new'").await;
    let again = ask(&client, Some(&first), hints()).await;
    assert!(again.unchanged && std::sync::Arc::ptr_eq(&again.rows, &first.rows), "{again:?}");
    assert!(again.cache_status.as_deref().is_some_and(|status| status.starts_with("pool-proxy; hit; ttl=")));
    assert!(again.age.is_some());
    client.invalidate(["words"]).await.unwrap();
    let new = ask(&client, Some(&again), hints()).await;
    assert_eq!((new.rows[0].clone(), new.unchanged), ((1, "new".to_owned()), false));
    assert!(ask(&client, Some(&new), Cache::refresh(MINUTES)).await.unchanged, "read anew, and the same");
    // The copy of before is no more what it was.
    assert!(!ask(&client, Some(&first), hints()).await.unchanged);
}

#[tokio::test]
async fn what_the_proxy_does_not_keep_is_sent_each_time() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let first = ask(&client, None, Cache::no_store()).await;
    let second = ask(&client, Some(&first), Cache::no_store()).await;
    assert!(!second.unchanged && second.rows == first.rows);
}

#[tokio::test]
async fn a_copy_of_another_query_is_not_taken_for_its_answer() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let query = |id: i32| {
        let query = client.query_as::<(i32, String)>("SELECT id, word FROM words WHERE id = $1").bind(id);
        query.cache(Cache::ttl(MINUTES))
    };
    let one = query(1).revalidate(None).await.unwrap();
    let two = query(2).revalidate(Some(&one)).await.unwrap();
    assert_eq!((two.rows[0].0, two.unchanged), (2, false));
}
