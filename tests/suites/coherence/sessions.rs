//! `pool-client` carries bookmarks by itself.

use pool_client::native::HyperTransport;
use pool_client::{Bookmark, Client, Kept};

use super::bench::Bench;

const COUNTER: &str = "CREATE TABLE counter (id int PRIMARY KEY, n int); INSERT INTO counter VALUES (1, 0)";
const READ: &str = "SELECT n FROM counter WHERE id = 1";

fn client(proxy: &harness::Proxy, known: Option<Bookmark>) -> Client {
    Client::new(HyperTransport::new(proxy.url()).unwrap(), proxy.key()).with_session(known)
}

#[tokio::test]
async fn a_session_sees_its_own_writes_at_every_proxy() {
    let bench = Bench::after(COUNTER).await;
    let other = bench.another().await;
    let mut hits = 0;
    let mut known: Option<String> = None;
    for n in 1..=100 {
        let (near, far) = if n % 2 == 0 { (&bench.proxy, &other) } else { (&other, &bench.proxy) };
        // A request of its user's, whose cookie has what the one before has given it.
        let session = client(near, known.take().and_then(|text| text.parse().ok()));
        let before: i32 = session.query_scalar(READ).read_only().one().await.unwrap();
        assert_eq!(before, n - 1);
        let update = session.query("UPDATE counter SET n = $1 WHERE id = 1").bind(n);
        let done = update.execute().await.unwrap();
        assert_eq!(session.bookmark(), done.bookmark);
        assert!(done.bookmark.is_some());
        let cookie = session.bookmark().unwrap().to_string();
        // The next, elsewhere.
        let session = client(far, cookie.parse().ok());
        for _ in 0..3 {
            let rows = session.query_scalar::<i32>(READ).read_only().fetch().await.unwrap();
            assert_eq!(rows.rows, [n], "{rows:?}");
            hits += usize::from(rows.is_hit());
        }
        assert!(session.bookmark() >= done.bookmark);
        let batch = session.batch().add("SELECT 1").add("UPDATE counter SET n = n WHERE id = 1").run().await.unwrap();
        assert!(batch.bookmark() > done.bookmark && session.bookmark() == batch.bookmark());
        known = session.bookmark().map(|bookmark| bookmark.to_string());
    }
    assert!(hits > 0, "nothing was kept, so nothing was shown");
}

#[tokio::test]
async fn a_copy_is_asked_about_until_it_changes() {
    let bench = Bench::after(COUNTER).await;
    let session = client(&bench.proxy, None);
    let mut copy: Option<Kept<i32>> = None;
    let mut unchanged = 0;
    for n in 1..=50 {
        session.query("UPDATE counter SET n = $1 WHERE id = 1").bind(n).execute().await.unwrap();
        for _ in 0..3 {
            let query = session.query_scalar::<i32>(READ).read_only();
            let kept = copy.insert(query.revalidate(copy.as_ref()).await.unwrap());
            assert_eq!(*kept.rows, [n], "{kept:?}");
            unchanged += usize::from(kept.unchanged);
        }
    }
    assert!(unchanged > 0, "nothing was kept, so nothing was shown");
}
