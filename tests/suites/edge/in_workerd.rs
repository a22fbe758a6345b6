//! The Worker in the real workerd -> a real proxy -> a real Postgres: the same checks as on the host where what lies
//! between could make a difference, and what only a Worker can show.

use futures_util::future::join_all;
use harness::{Folder, Proxy, Workerd, fresh_database};
use serde_json::json;

use super::blog::{Blog, BlogBuilder, PASSWORD, assert_problem};
use super::{common, exchange, input, lists, outages, posts, reads, tokens};
use crate::pool::cap::Census;

fn builder() -> BlogBuilder {
    Blog::builder().in_workerd()
}

#[tokio::test]
async fn the_whole_story_is_told_by_the_typed_client() {
    let blog = builder().start().await;
    common::tell_the_story(blog.url()).await;
}

#[tokio::test]
async fn tokens_are_taken_and_refused_as_on_the_host() {
    let blog = builder().start().await;
    tokens::check_what_is_not_ours_is_refused(&blog).await;
    tokens::check_an_expired_token_is_named_as_such(&blog).await;
    tokens::check_every_route_of_ones_own_asks_for_a_token(&blog).await;
    tokens::check_hono_and_we_understand_each_other(&blog).await;
}

#[tokio::test]
async fn input_is_checked_as_on_the_host() {
    let blog = builder().start().await;
    input::check_a_body_that_is_no_json_is_told_where(&blog).await;
    input::check_a_body_too_large_or_of_another_kind_is_refused(&blog).await;
    input::check_the_longest_that_is_allowed_is_taken(&blog).await;
    input::check_sql_in_every_field_is_text(&blog).await;
    posts::check_text_comes_back_as_it_went(&blog).await;
}

#[tokio::test]
async fn every_fault_is_told_as_on_the_host() {
    let blog = builder().start().await;
    input::check_every_field_that_is_wrong_is_named_at_once(&blog).await;
}

#[tokio::test]
async fn posts_are_read_as_on_the_host() {
    let blog = builder().start().await;
    exchange::check_every_answer_is_safe_to_hand_to_a_browser(&blog).await;
    exchange::check_what_is_not_there_is_a_problem_too(&blog).await;
    posts::check_the_posts_of_others_are_not_there(&blog).await;
    reads::check_a_post_is_cached_until_it_changes(&blog).await;
    reads::check_who_has_it_is_not_sent_it_again(&blog).await;
    reads::check_head_is_get_without_the_body(&blog).await;
}

#[tokio::test]
async fn pages_join_as_on_the_host() {
    lists::check_pages_join_without_a_gap_whatever_is_written_meanwhile(&builder().start().await).await;
}

#[tokio::test]
async fn outages_are_told_as_on_the_host() {
    outages::check_a_proxy_that_is_not_there_is_a_503(builder()).await;
    outages::check_a_proxy_that_does_not_answer_is_a_503_within_the_deadline(builder()).await;
    outages::check_a_saturated_pool_is_a_503(builder()).await;
    outages::check_a_key_that_the_proxy_refuses_is_our_fault(builder()).await;
}

#[tokio::test]
async fn fifty_isolates_in_ten_processes_share_five_connections() {
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    let role = format!("edge_{}", database.name());
    let grants = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'edge' CONNECTION LIMIT 5;
         GRANT SELECT, INSERT, UPDATE, DELETE ON users, posts TO {role};"
    );
    database.batch(&grants).await;
    let proxy = Proxy::builder().database_url(database.url_as(&role, "edge")).env("POOL_PROXY_POOL_MAX", "5");
    let proxy = proxy.config("[limits]\nqueue = \"60s\"\n").start().await;
    // Fifty isolates start and hash at once: that takes as long as the machine needs.
    let patient = || Blog::builder().set("PROXY_DEADLINE_MS", "60000");
    let first = patient().with_workerd(Workerd::builder().isolates(5)).in_front_of(proxy).await;
    let proxy = first.proxy.as_ref().unwrap();
    let mut workers = Vec::new();
    for _ in 1..10 {
        let another = patient().set("POOL_PROXY_URL", proxy.url()).set("POOL_PROXY_KEY", proxy.key());
        workers.push(another.with_workerd(Workerd::builder().isolates(5)).serve().await.workerd.unwrap());
    }
    workers.extend(first.workerd);
    let census = Census::of(&database).await;
    let tell = async |worker: &Workerd, isolate: usize, number: usize| {
        let send = async |method: &str, path: &str, token: Option<&str>, body| {
            let mut request = worker.request_to(isolate, method, path).json(&body);
            if let Some(token) = token {
                request = request.bearer(token);
            }
            request.send().await
        };
        let body = json!({ "email": format!("u{number}@example.com"), "name": "Somebody", "password": PASSWORD });
        let session = send("POST", "/api/v1/user/signup", None, body).await.expect(201).body;
        let token = session["token"].as_str();
        let body = json!({ "title": format!("Post {number}"), "content": "Text.", "published": true });
        let post = send("POST", "/api/v1/blog", token, body).await.expect(201).body;
        let path = format!("/api/v1/blog/{}", post["id"].as_str().unwrap());
        for _ in 0..3 {
            let get = async |path: &str| worker.request_to(isolate, "GET", path).send().await.expect(200).body;
            assert_eq!(get(&path).await, post);
            assert!(!get("/api/v1/blog/bulk").await["posts"].as_array().unwrap().is_empty());
        }
        send("PUT", &path, token, json!({ "title": "Edited" })).await.expect(200);
    };
    let isolates = workers
        .iter()
        .enumerate()
        .flat_map(|(process, worker)| (0..5).map(move |isolate| (worker, isolate, process * 5 + isolate)));
    join_all(isolates.map(|(worker, isolate, number)| tell(worker, isolate, number))).await;
    let most = census.most().await;
    assert!((1..=5).contains(&most), "{most} connections");
    // A census may miss what is short; Postgres, which would have refused a sixth, misses nothing.
    let metrics = proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
    let connects = metrics.lines().filter(|line| line.starts_with("pool_proxy_pool_connects_total"));
    let results: Vec<&str> = connects.collect();
    assert!(!results.is_empty() && results.iter().all(|line| line.contains("result=\"ok\"")), "{results:?}");
    let told =
        database.client().await.query_one("SELECT count(*) FROM posts WHERE title = 'Edited'", &[]).await.unwrap();
    assert_eq!(told.get::<_, i64>(0), 50);
    drop(first.proxy);
    database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role};")).await;
}

#[tokio::test]
async fn passwords_are_hashed_by_webcrypto_where_asked_for() {
    let mut worker = builder().set("PASSWORD_HASH", "pbkdf2-sha256").start().await;
    let ada = worker.sign_up("Ada").await;
    let sign_in = |password: &str| json!({ "email": ada.email, "password": password });
    worker.post("/api/v1/user/signin", &sign_in(PASSWORD)).await.expect(200);
    worker.post("/api/v1/user/signin", &sign_in("wrong horse")).await.expect(401);
    let stored = "SELECT password_hash FROM users";
    let before = worker.row(stored).await;
    assert!(before[0].starts_with("$pbkdf2-sha256$i=100000$"), "{before:?}");
    // What WebCrypto derived is what everybody derives.
    let host = Blog::builder().set("PASSWORD_HASH", "pbkdf2-sha256").in_front_of(worker.proxy.take().unwrap()).await;
    host.post("/api/v1/user/signin", &sign_in(PASSWORD)).await.expect(200);
    assert_eq!(worker.row(stored).await, before, "nothing was outdated");
}

#[tokio::test]
async fn the_usual_hash_is_argon2id_as_owasp_has_it() {
    let blog = builder().set("PASSWORD_HASH", "").start().await;
    let ada = blog.sign_up("Ada").await;
    assert!(blog.row("SELECT password_hash FROM users").await[0].starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let body = json!({ "email": ada.email, "password": PASSWORD });
    blog.post("/api/v1/user/signin", &body).await.expect(200);
}

#[tokio::test]
async fn a_service_binding_is_a_private_way_to_the_proxy() {
    let outer = Blog::start().await;
    let proxy = outer.proxy.as_ref().unwrap();
    let address = proxy.url().trim_start_matches("http://").to_owned();
    let worker = Blog::builder().with_workerd(Workerd::builder().service("POOL_PROXY", address));
    // A name that nobody resolves: only the binding leads there.
    let worker = worker.set("POOL_PROXY_URL", "http://pool.invalid").set("POOL_PROXY_KEY", proxy.key()).serve().await;
    worker.get("/health").await.expect(200);
    worker.sign_up("Ada").await;
}

#[tokio::test]
async fn a_proxy_behind_a_private_authority_is_reached_over_tls() {
    let folder = Folder::new();
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    let proxy = folder.encrypts(Proxy::builder().database(&database)).start().await;
    assert!(proxy.url().starts_with("https://"));
    let url = proxy.url().replace("127.0.0.1", "localhost");
    let with =
        |workerd| Blog::builder().with_workerd(workerd).set("POOL_PROXY_URL", &url).set("POOL_PROXY_KEY", proxy.key());
    let trusting = Workerd::builder().trusted_ca(std::fs::read_to_string(folder.path("one.crt")).unwrap());
    let blog = with(trusting).serve().await;
    blog.sign_up("Ada").await;
    let mistrusting = with(Workerd::builder()).serve().await;
    assert_problem(mistrusting.get("/health").await, 503, "database_unavailable");
}
