//! The role that `grants.sql` makes for the edge API's key.

use std::path::Path;

use super::migrated;

/// Said after `grants.sql`, by a superuser, in the same transaction.
const AFTER_GRANTS: &str = r"
    DO $$ BEGIN
        ASSERT pg_has_role('pool_proxy', 'edge_api', 'MEMBER'), 'the login cannot become the role';
        ASSERT NOT has_table_privilege('pool_proxy', 'users', 'SELECT'), 'the login inherits';
    END $$;
    SET LOCAL SESSION AUTHORIZATION pool_proxy;
    SET LOCAL ROLE edge_api;
    INSERT INTO users (email, name, password_hash) VALUES ('ada@example.com', 'Ada', '$');
    INSERT INTO posts (author_id, title, content) SELECT id, 'On keys', 'They lock.' FROM users;
    SELECT * FROM posts JOIN users ON users.id = author_id FOR UPDATE;
    UPDATE posts SET published = true, published_at = now();
    DELETE FROM posts;
    DELETE FROM users;
    DO $$
    DECLARE
        forbidden text;
    BEGIN
        FOREACH forbidden IN ARRAY ARRAY[
            'SELECT * FROM refinery_schema_history',
            'DELETE FROM refinery_schema_history',
            'TRUNCATE posts',
            'CREATE TABLE mine ()',
            'CREATE TRIGGER mine BEFORE INSERT ON posts EXECUTE FUNCTION suppress_redundant_updates_trigger()',
            'ALTER TABLE users ADD mine int',
            'DROP INDEX posts_newest_published',
            'CREATE ROLE mine'
        ] LOOP
            BEGIN
                EXECUTE forbidden;
                RAISE 'edge_api may %', forbidden;
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END;
        END LOOP;
    END $$;
";

#[tokio::test]
async fn the_grants_give_the_rows_and_nothing_else() {
    let database = migrated().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (login, grants) = (read("deploy/grants.sql"), read("edge-api/migrations/grants.sql"));
    // Roles belong to the whole cluster: rolled back, so that no other test meets them. Twice: it may be run again.
    database.batch(&format!("BEGIN; {login} {grants} {grants} {AFTER_GRANTS} ROLLBACK")).await;
}
