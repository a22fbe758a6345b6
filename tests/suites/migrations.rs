//! The blog's data model: that its migrations are applied once and in order, what the database enforces by itself, and
//! that nobody is told a secret on the way.

mod applied;
mod constraints;
mod faults;
mod grants;
mod lists;
mod prisma;
mod program;
mod sample;

use edge_migrations::{MigrationError, Migrator};
use harness::{Database, fresh_database};

/// A database with the tables.
async fn migrated() -> Database {
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    database
}

/// Applies other files.
async fn apply(database: &Database, files: &[(&str, &str)]) -> Result<edge_migrations::Report, MigrationError> {
    let migrator = Migrator::new(&database.url(), None)?.with_files(files)?;
    migrator.apply(&mut |_| {}).await
}

/// The only value of a query, which makes it text.
async fn value(database: &Database, query: &str) -> String {
    database.client().await.query_one(query, &[]).await.unwrap().get(0)
}

/// The tables of the schema, in order.
async fn tables(database: &Database) -> String {
    let query = "SELECT coalesce(string_agg(tablename, ' ' ORDER BY tablename), '') FROM pg_tables \
        WHERE schemaname = 'public'";
    value(database, query).await
}
