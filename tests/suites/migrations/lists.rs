//! That lists are read from their index, page by page.

use super::migrated;

/// Enough that reading all of it is dearer than a page from an index.
const POSTS: &str = "
    INSERT INTO users (id, email, name, password_hash)
    SELECT gen_random_uuid(), 'u' || n || '@example.com', 'U', '$' FROM generate_series(1, 20) AS n;
    INSERT INTO posts (author_id, title, content, published, published_at, created_at)
    SELECT (SELECT id FROM users ORDER BY email OFFSET n % 20 LIMIT 1), 'T', 'C', n % 3 > 0,
        CASE WHEN n % 3 > 0 THEN timestamptz '2025-01-01' + n / 10 * interval '1 minute' END,
        timestamptz '2025-01-01' + n / 10 * interval '1 minute'
    FROM generate_series(1, 6000) AS n;
    ANALYZE users, posts;";

/// A query, its plan, and the index its order comes from.
async fn check(client: &tokio_postgres::Client, query: &str, index: &str) {
    let rows = client.query(&format!("EXPLAIN (COSTS off) {query}"), &[]).await.unwrap();
    let plan = rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join("\n");
    assert!(plan.contains(&format!("using {index} on posts")), "{query}\n{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("Seq Scan on posts"), "{query}\n{plan}");
}

#[tokio::test]
async fn every_page_of_a_list_comes_from_its_index() {
    let database = migrated().await;
    database.batch(POSTS).await;
    let client = database.client().await;
    let newest = "ORDER BY published_at DESC, posts.id DESC LIMIT 20";
    let joined = "SELECT posts.*, name FROM posts JOIN users ON users.id = author_id";
    let cursor = "('2025-01-01 03:00+00', '80000000-0000-4000-8000-000000000000')";
    let index = "posts_newest_published";
    check(&client, &format!("{joined} WHERE published {newest}"), index).await;
    let behind = format!("{joined} WHERE published AND (published_at, posts.id) < {cursor} {newest}");
    check(&client, &behind, index).await;

    let own = "SELECT * FROM posts WHERE author_id = (SELECT id FROM users LIMIT 1)";
    let newest = "ORDER BY created_at DESC, id DESC LIMIT 20";
    check(&client, &format!("{own} {newest}"), "posts_newest_by_author").await;
    let behind = format!("{own} AND (created_at, id) < {cursor} {newest}");
    check(&client, &behind, "posts_newest_by_author").await;
}

#[tokio::test]
async fn pages_hold_every_published_post_once_although_many_share_a_moment() {
    let database = migrated().await;
    database.batch(POSTS).await;
    let client = database.client().await;
    let page = "SELECT id::text, published_at::text FROM posts
        WHERE published AND ($1::text IS NULL OR (published_at, id) < ($1::text::timestamptz, $2::text::uuid))
        ORDER BY published_at DESC, id DESC LIMIT 7";
    let (mut seen, mut last) = (Vec::<String>::new(), None::<(String, String)>);
    loop {
        let (time, id) = last.clone().unzip();
        let rows = client.query(page, &[&time, &id]).await.unwrap();
        let Some(row) = rows.last() else { break };
        last = Some((row.get(1), row.get(0)));
        seen.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    let all = "SELECT id::text FROM posts WHERE published ORDER BY published_at DESC, id DESC";
    let all = client.query(all, &[]).await.unwrap();
    assert_eq!(seen, all.iter().map(|row| row.get(0)).collect::<Vec<String>>());
    assert_eq!(seen.len(), 4000);
}
