//! That the application's own statements read its lists from their index, page by page, and lose no post on the way.

use edge_app::statements::{BULK_BEHIND, BULK_FIRST, OWN_BEHIND, OWN_FIRST};
use harness::Database;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::migrated;

/// Enough that reading all of it is dearer than a page from an index; a hundred posts share each moment.
const POSTS: &str = "
    INSERT INTO users (id, email, name, password_hash)
    SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'u' || n || '@example.com', 'U', '$'
    FROM generate_series(0, 19) AS n;
    INSERT INTO posts (author_id, title, content, published, published_at, created_at)
    SELECT ('00000000-0000-4000-8000-' || lpad((n % 20)::text, 12, '0'))::uuid, 'T', 'C', n % 3 > 0,
        CASE WHEN n % 3 > 0 THEN timestamptz '2025-01-01' + n / 100 * interval '10 minutes' END,
        timestamptz '2025-01-01' + n / 100 * interval '10 minutes'
    FROM generate_series(1, 6000) AS n;
    ANALYZE users, posts;";

/// A list, as the application asks for it.
struct List {
    first: &'static str,
    behind: &'static str,
    /// Whose posts, where they are one author's: an argument, and the comma before it.
    author: &'static str,
    /// The types of all arguments, as Postgres finds them.
    types: &'static [&'static str],
    index: &'static str,
    /// Its posts in order, as ids.
    all: &'static str,
    /// How many they are.
    count: usize,
    /// The time they are ordered by.
    time: &'static str,
}

const LISTS: [List; 2] = [
    List {
        first: BULK_FIRST,
        behind: BULK_BEHIND,
        author: "",
        types: &["bigint", "timestamp with time zone", "uuid"],
        index: "posts_newest_published",
        all: "SELECT id::text FROM posts WHERE published ORDER BY published_at DESC, id DESC",
        count: 4000,
        time: "published_at",
    },
    List {
        first: OWN_FIRST,
        behind: OWN_BEHIND,
        author: ", '00000000-0000-4000-8000-000000000007'",
        types: &["bigint", "uuid", "timestamp with time zone", "uuid"],
        index: "posts_newest_by_author",
        all: "SELECT id::text FROM posts WHERE author_id = '00000000-0000-4000-8000-000000000007' \
              ORDER BY created_at DESC, id DESC",
        count: 300,
        time: "created_at",
    },
];

impl List {
    /// A connection on which both statements are prepared, as the proxy does it: Postgres finds the types.
    async fn prepared(&self, database: &Database) -> Client {
        let client = database.client().await;
        let Self { first, behind, .. } = self;
        client.batch_execute(&format!("PREPARE first AS {first}; PREPARE behind AS {behind}")).await.unwrap();
        let types = "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'behind'";
        let types: Vec<String> = client.query_one(types, &[]).await.unwrap().get(0);
        assert_eq!(types, self.types, "{behind}");
        client
    }

    /// Asks for the first page, or for the one behind the post of this time and id.
    fn page(&self, limit: u8, behind: Option<&(String, String)>) -> String {
        let author = self.author;
        match behind {
            None => format!("EXECUTE first({limit}{author})"),
            Some((time, id)) => format!("EXECUTE behind({limit}{author}, '{time}', '{id}')"),
        }
    }

    /// Its index finds where the page begins and gives it in order: nothing is sorted, nothing is read and left out.
    async fn check_plan(&self, client: &Client, page: &str, begins: bool) {
        let lines = client.simple_query(&format!("EXPLAIN (COSTS off) {page}")).await.unwrap();
        let plan = column(&lines, "QUERY PLAN").join("\n");
        assert!(plan.contains(&format!("Index Scan using {} on posts", self.index)), "{page}\n{plan}");
        assert_eq!(plan.contains("ROW("), begins, "{page}\n{plan}");
        for word in ["Sort", "Seq Scan on posts", "Bitmap", "Filter: (ROW"] {
            assert!(!plan.contains(word), "{word}: {page}\n{plan}");
        }
    }
}

/// A column of an answer, row by row.
fn column(answer: &[SimpleQueryMessage], name: &str) -> Vec<String> {
    let value = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(name).map(str::to_owned),
        _ => None,
    };
    answer.iter().filter_map(value).collect()
}

#[tokio::test]
async fn every_page_of_a_list_comes_from_its_index() {
    let database = migrated().await;
    database.batch(POSTS).await;
    let cursor = ("2025-01-01T03:00:00Z".to_owned(), "80000000-0000-4000-8000-000000000000".to_owned());
    for list in LISTS {
        let client = list.prepared(&database).await;
        // A prepared statement is planned for its arguments at first, and later perhaps once for any.
        for mode in ["force_custom_plan", "force_generic_plan"] {
            client.batch_execute(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            list.check_plan(&client, &list.page(21, None), false).await;
            list.check_plan(&client, &list.page(21, Some(&cursor)), true).await;
        }
        let planned = "SELECT count(*) FROM pg_prepared_statements WHERE custom_plans > 0 AND generic_plans > 0";
        assert_eq!(client.query_one(planned, &[]).await.unwrap().get::<_, i64>(0), 2, "both ways");
    }
}

#[tokio::test]
async fn pages_hold_every_post_of_a_list_once_although_many_share_a_moment() {
    let database = migrated().await;
    database.batch(POSTS).await;
    for list in LISTS {
        let client = list.prepared(&database).await;
        let (mut seen, mut last) = (Vec::new(), None);
        loop {
            let page = client.simple_query(&list.page(7, last.as_ref())).await.unwrap();
            let ids = column(&page, "id");
            let Some(end) = column(&page, list.time).pop().zip(ids.last().cloned()) else { break };
            last = Some(end);
            seen.extend(ids);
        }
        let all = client.query(list.all, &[]).await.unwrap();
        assert_eq!(seen, all.iter().map(|row| row.get(0)).collect::<Vec<String>>());
        assert_eq!(seen.len(), list.count);
    }
}
