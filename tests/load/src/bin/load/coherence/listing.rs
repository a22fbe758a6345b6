//! The edge API's list of posts: a join, of which one changes now and then.

use load::Outcome;

use super::{CLIENTS, Mode, Side, failures, per_second, ratio, rounds};
use crate::crowd::Crowd;
use crate::figures::Asked;
use crate::report::Chapter;
use crate::setup::{Bench, progress};
use crate::sql::Sql;

const USERS: u32 = 200;
const POSTS: u32 = 2_000;
/// One request of so many changes a post of the page.
const ONE_OF: u32 = 1000;

/// The statement of `edge-api/app/src/blog/bulk.rs`, for its largest page.
const LIST: &str = "SELECT p.id, p.title, left(p.content, 300) AS excerpt, p.published, p.published_at, p.created_at, \
                    u.id AS author_id, u.name AS author_name FROM blog.posts AS p JOIN blog.users AS u ON u.id = p.author_id \
                    WHERE p.published ORDER BY p.published_at DESC, p.id DESC LIMIT 101";
/// The newest post.
const WRITE: &str = "UPDATE blog.posts SET title = title || '' WHERE id = md5('post 2000')::uuid";

/// The tables that the list needs, as the edge API has them.
pub(super) fn prepare(sql: &Sql) -> Outcome<()> {
    progress(&format!("coherence: creating {POSTS} posts of {USERS} users"));
    sql.run(&format!(
        "CREATE SCHEMA blog;
         CREATE TABLE blog.users (id uuid PRIMARY KEY, name text NOT NULL);
         CREATE TABLE blog.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES blog.users ON DELETE CASCADE, title text NOT NULL,
                                  content text NOT NULL, published boolean NOT NULL, published_at timestamptz,
                                  created_at timestamptz NOT NULL DEFAULT now());
         CREATE INDEX ON blog.posts (published_at DESC, id DESC) WHERE published;
         INSERT INTO blog.users SELECT md5('user ' || n)::uuid, 'User number ' || n FROM generate_series(1, {USERS}) n;
         INSERT INTO blog.posts
         SELECT md5('post ' || n)::uuid, md5('user ' || 1 + n % {USERS})::uuid, 'Post number ' || n,
                repeat('Sentence of post ' || n || '. ', 2000 / 24), true, timestamptz '2026-01-01 00:00Z' + n * interval '1 minute'
         FROM generate_series(1, {POSTS}) n"
    ))?;
    sql.run("VACUUM ANALYZE blog.users, blog.posts")
}

pub(super) fn chapter(bench: &Bench) -> Outcome<Chapter> {
    let crowd = Crowd {
        clients: CLIENTS,
        seconds: bench.options.seconds(),
        read: LIST,
        write: Some(WRITE),
        one_of: Some(ONE_OF),
        ..Crowd::default()
    };
    let side = |name, mode| Side { name, mode, crowd: crowd.clone(), warm_up: 1, is_full: false };
    let rounds = rounds(bench, "list", &[side("uncached", Mode::Ask), side("kept until it changes", Mode::Auto)])?;
    let bars = vec![ratio(&rounds, "requests/s", per_second, (1, 0), Asked::AtLeast(10.0)), failures(&rounds)];
    Ok(super::chapter(
        "Kept until it changes: the list of posts",
        format!(
            "{CLIENTS} clients ask for the newest 100 of {POSTS} published posts with their authors, by the statement of the edge API's \
             `/api/v1/blog/bulk?limit=100`; one request of {ONE_OF} updates one of them.",
        ),
        crowd.spelled_out_at_proxy(),
        bars,
        rounds,
        Vec::new(),
    ))
}
