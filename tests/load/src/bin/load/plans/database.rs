//! The tables of `node/plans.prisma`, and what is in them.

use load::Outcome;

use crate::setup::{Bench, progress};
use crate::sql::Sql;

pub(super) const USERS: u32 = 2_000;
pub(super) const POSTS: u32 = 10_000;

/// As Prisma's own migrations would make them.
const TABLES: &str = r#"
    CREATE TABLE "User" (
        id serial PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL, credits bigint NOT NULL, active bool NOT NULL,
        "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE "Post" (
        id serial PRIMARY KEY, title text NOT NULL, content text NOT NULL, published bool NOT NULL DEFAULT true,
        views int NOT NULL DEFAULT 0, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
        "authorId" int NOT NULL REFERENCES "User"
    );
    CREATE TABLE "Comment" (
        id serial PRIMARY KEY, text text NOT NULL, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
        "authorId" int NOT NULL REFERENCES "User", "postId" int NOT NULL REFERENCES "Post"
    );
    CREATE INDEX ON "Comment" ("postId");
"#;

pub(super) fn prepare(bench: &Bench) -> Outcome<()> {
    progress(&format!("plans: creating {POSTS} posts of {USERS} users"));
    let sql = Sql::connect(&bench.database.url)?;
    sql.run(TABLES)?;
    sql.run(&format!(
        r#"INSERT INTO "User" (email, name, credits, active)
           SELECT 'user' || n || '@example.com', 'User number ' || n, n * 7919::bigint, n % 3 > 0 FROM generate_series(1, {USERS}) n;
           INSERT INTO "Post" (title, content, "authorId")
           SELECT 'Post number ' || n, repeat('Sentence of post ' || n || '. ', 5), 1 + n % {USERS} FROM generate_series(1, {POSTS}) n;
           INSERT INTO "Comment" (text, "authorId", "postId")
           SELECT 'Comment number ' || n, 1 + n % {USERS}, 1 + n % {POSTS} FROM generate_series(1, {POSTS} * 2) n"#
    ))?;
    sql.run(r#"VACUUM ANALYZE "User", "Post", "Comment""#)
}
