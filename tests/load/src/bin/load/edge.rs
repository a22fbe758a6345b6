//! Part 6: the edge API's two public reads through its Worker in the real workerd, cached at the proxy and not.

use std::process::Command;

use load::Outcome;

use crate::contest::{self, Contest};
use crate::figures::{Asked, median};
use crate::http::{Answer, get};
use crate::oha::{Load, Request, Transport};
use crate::report::Chapter;
use crate::servers::{self, POOL, Server};
use crate::setup::{Bench, progress};
use crate::sql::Sql;

const USERS: u32 = 200;
/// Published, each of about 2 KB, a minute apart.
const POSTS: u32 = 2_000;
/// Longer than any run: an entry that ends in the middle would mix other answers among the hits.
const TTL: u32 = 86_400;

pub(crate) fn run(bench: &Bench) -> Outcome<Vec<Chapter>> {
    let post = prepare(bench)?;
    Ok(vec![
        chapter(bench, "Edge API: the list of posts", "edge list", "/api/v1/blog/bulk")?,
        chapter(bench, "Edge API: one post", "edge post", &format!("/api/v1/blog/{post}"))?,
    ])
}

fn chapter(bench: &Bench, title: &'static str, short: &str, path: &str) -> Outcome<Chapter> {
    let cached = servers::edge_api(bench, "edge API (cached)", "pool-proxy (cached)", TTL)?;
    let uncached = servers::edge_api(bench, "edge API (uncached)", "pool-proxy (uncached)", 0)?;
    for server in [&cached, &uncached] {
        get(&server.address, "/health")?;
    }
    // Fills the cache.
    get(&cached.address, path)?;
    let answer = expect_difference(&cached, &uncached, path)?;

    let load = Load {
        clients: 64,
        seconds: bench.options.seconds(),
        headers: Vec::new(),
        request: Request::Get(path.to_owned()),
        transport: Transport::Plain,
    };
    let contest = Contest::hold(bench, short, &[&cached, &uncached], &load)?;
    expect_difference(&cached, &uncached, path)?;
    Ok(Chapter {
        title,
        question: format!(
            "64 clients ask the Worker, in workerd, for `{path}`: {} bytes of JSON, from {POSTS} published posts of {USERS} users. Two \
             workerd, each in front of a pool-proxy of its own with {POOL} connections. They differ in CACHE_TTL_SECONDS alone: {TTL} \
             and 0.",
            answer.body.len()
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            contest.ratio("requests/s", contest::per_second, &cached, &uncached, Asked::Nothing),
            contest.told("the proxy's share of the CPU", contest::share_behind, &cached),
            contest.told("the proxy's share of the CPU", contest::share_behind, &uncached),
            contest.failures(),
        ],
        standings: vec![contest.standing(&cached)?, contest.standing(&uncached)?],
        notes: vec![
            format!(
                "CPU per request: {}; {}. The proxy's share is its part of the two together; neither Postgres nor oha is in it.",
                each(&contest, &cached),
                each(&contest, &uncached)
            ),
            "The table tells of workerd; the proxy has a process of its own. workerd runs the Worker in one isolate, which is one \
             thread: the more of the CPU is the Worker's, the less the cache can change its requests/s."
                .to_owned(),
        ],
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
    })
}

/// CPU per request of a Worker and of the proxy behind it.
fn each(contest: &Contest, server: &Server) -> String {
    let figure = |of| median(contest.figures(server, of));
    let (own, behind) = (figure(contest::cpu), figure(contest::cpu_behind));
    format!("{}: workerd {own:.1} µs, pool-proxy {behind:.1} µs", server.name)
}

/// Before and after the load: both answer alike, one from the proxy's cache and the other never.
fn expect_difference(cached: &Server, uncached: &Server, path: &str) -> Outcome<Answer> {
    let (hit, plain) = (get(&cached.address, path)?, get(&uncached.address, path)?);
    if !hit.is_hit() {
        let status = hit.cache_status();
        return Err(
            format!("{path} should be answered from the proxy's cache, but Cache-Status says `{status}`").into()
        );
    }
    if plain.is_hit() {
        return Err(format!("{path} is answered from the proxy's cache, though the Worker is told not to").into());
    }
    if hit.body != plain.body {
        return Err(format!("{path}: the cached answer is not the uncached one").into());
    }
    Ok(hit)
}

/// Migrates the database and fills it; hands back the id of a post in the middle of the list.
fn prepare(bench: &Bench) -> Outcome<String> {
    progress(&format!("creating {POSTS} posts of {USERS} users"));
    let program = bench.options.migrations_binary()?;
    // The URL goes by the environment: everybody may see a command line.
    let mut migrate = Command::new(&program);
    migrate.env("DATABASE_URL", &bench.database.url).env_remove("POOL_PROXY_DB_ROOT_CERT");
    let done = migrate.output().map_err(|failure| format!("{}: {failure}", program.display()))?;
    if !done.status.success() {
        return Err(format!("{}: {}", program.display(), String::from_utf8_lossy(&done.stderr).trim()).into());
    }
    let sql = Sql::connect(&bench.database.url)?;
    sql.run(&format!(
        "INSERT INTO users (id, email, name, password_hash)
         SELECT md5('user ' || n)::uuid, 'user' || n || '@example.com', 'User number ' || n, '$none$'
         FROM generate_series(1, {USERS}) n;
         INSERT INTO posts (id, author_id, title, content, published, published_at)
         SELECT md5('post ' || n)::uuid, md5('user ' || 1 + n % {USERS})::uuid, 'Post number ' || n,
                repeat('Sentence of post ' || n || '. ', 2000 / 24), true, timestamptz '2026-01-01 00:00Z' + n * interval '1 minute'
         FROM generate_series(1, {POSTS}) n"
    ))?;
    sql.run("VACUUM ANALYZE users, posts")?;
    sql.text(&format!("SELECT id::text FROM posts ORDER BY published_at LIMIT 1 OFFSET {}", POSTS / 2))
}
