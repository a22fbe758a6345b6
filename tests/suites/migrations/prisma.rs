//! `schema.prisma` and the migrated database are equal, by the word of Prisma's own engine.

use super::migrated;
use crate::clients::node_with;

#[tokio::test]
async fn prisma_finds_the_schema_that_stands_beside_the_migrations() {
    let database = migrated().await;
    node_with("prisma.test.mjs", &[("DATABASE_URL", &database.url())]).await.unwrap_or_else(|said| panic!("{said}"));
}
