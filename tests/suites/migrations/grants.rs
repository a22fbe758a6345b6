//! The role that `grants.sql` makes for the edge API's key.

use std::path::Path;

use harness::fresh_database;

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
    UPDATE posts SET title = 'On locks', content = 'They open.', published = true, published_at = now(),
        updated_at = now();
    UPDATE users SET password_hash = '$$' WHERE password_hash = '$';
    DO $$
    DECLARE
        forbidden text;
    BEGIN
        FOREACH forbidden IN ARRAY ARRAY[
            'DELETE FROM users',
            'UPDATE users SET id = id',
            'UPDATE users SET email = ''bo@example.com''',
            'UPDATE users SET name = ''Bo''',
            'UPDATE users SET created_at = now()',
            'UPDATE users SET password_hash = ''$'', name = ''Bo''',
            'INSERT INTO users (email, name, password_hash) VALUES (''ada@example.com'', ''Bo'', ''$'')
                ON CONFLICT (email) DO UPDATE SET name = excluded.name',
            'UPDATE posts SET id = id',
            'UPDATE posts SET author_id = author_id',
            'UPDATE posts SET created_at = now()',
            'SELECT * FROM refinery_schema_history',
            'INSERT INTO refinery_schema_history VALUES (3)',
            'DELETE FROM refinery_schema_history',
            'TRUNCATE users, posts',
            'TRUNCATE posts',
            'CREATE TABLE mine ()',
            'CREATE SCHEMA mine',
            'CREATE TRIGGER mine BEFORE INSERT ON posts EXECUTE FUNCTION suppress_redundant_updates_trigger()',
            'CREATE RULE mine AS ON INSERT TO posts DO INSTEAD NOTHING',
            'ALTER TABLE users ADD mine int',
            'ALTER TABLE posts OWNER TO edge_api',
            'DROP TABLE posts',
            'DROP INDEX posts_newest_published',
            'COPY posts TO PROGRAM ''true''',
            'CREATE ROLE mine'
        ] LOOP
            BEGIN
                EXECUTE forbidden;
                RAISE 'edge_api may %', forbidden;
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END;
        END LOOP;
    END $$;
    DELETE FROM posts;
";

/// Said after `grants.sql`, by a superuser, in the same transaction: `web_read`, which `deploy/grants.sql` lets read every
/// table, reads no password hash.
const HASHES_ARE_CLOSED: &str = r"
    INSERT INTO users (email, name, password_hash) VALUES ('eve@example.com', 'Eve', '$secret');
    SET LOCAL SESSION AUTHORIZATION pool_proxy;
    SET LOCAL ROLE web_read;
    SELECT id, email, name, created_at FROM users;
    SELECT * FROM posts;
    DO $$
    DECLARE
        forbidden text;
    BEGIN
        FOREACH forbidden IN ARRAY ARRAY[
            'SELECT password_hash FROM users',
            'SELECT * FROM users',
            'SELECT users FROM users',
            'SELECT row_to_json(users) FROM users',
            'SELECT id FROM users WHERE starts_with(password_hash, ''$'')',
            'SELECT id FROM users ORDER BY password_hash',
            'UPDATE users SET name = name'
        ] LOOP
            BEGIN
                EXECUTE forbidden;
                RAISE 'web_read may %', forbidden;
            EXCEPTION WHEN insufficient_privilege THEN NULL;
            END;
        END LOOP;
    END $$;
";

/// `deploy/grants.sql`, and the one beside the migrations.
fn files() -> (String, String) {
    (read("deploy/grants.sql"), read("edge-api/migrations/grants.sql"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

#[tokio::test]
async fn the_grants_give_what_the_api_does_and_nothing_else() {
    let database = migrated().await;
    let (login, grants) = files();
    // Roles belong to the whole cluster: rolled back, so that no other test meets them. Twice: it may be run again.
    database.batch(&format!("BEGIN; {login} {grants} {grants} {AFTER_GRANTS} ROLLBACK")).await;
}

#[tokio::test]
async fn running_the_grants_again_takes_back_what_they_no_longer_give() {
    let database = migrated().await;
    let (login, grants) = files();
    let wider = "GRANT ALL ON users, posts TO edge_api; GRANT UPDATE (email) ON users TO edge_api;";
    database.batch(&format!("BEGIN; {login} {grants} {wider} {grants} {AFTER_GRANTS} ROLLBACK")).await;
}

#[tokio::test]
async fn the_grants_are_for_the_tables_that_the_search_path_finds() {
    let database = migrated().await;
    database.batch("CREATE SCHEMA \"second blog\"").await;
    edge_migrations::apply(&format!("{}?schema=second%20blog", database.url())).await.unwrap();
    let (login, grants) = files();
    let after = "DO $$ BEGIN \
        ASSERT NOT has_table_privilege('edge_api', 'public.posts', 'SELECT'), 'the other schema is open, too'; \
        END $$;";
    let path = "SET LOCAL search_path = 'second blog';";
    database.batch(&format!("BEGIN; {login} {path} {grants} {after} {AFTER_GRANTS} ROLLBACK")).await;
}

#[tokio::test]
async fn a_key_that_reads_every_table_reads_no_password_hash() {
    let database = migrated().await;
    let (login, grants) = files();
    database.batch(&format!("BEGIN; {login} {grants} {grants} {HASHES_ARE_CLOSED} ROLLBACK")).await;
}

#[tokio::test]
async fn in_the_other_order_it_takes_another_run() {
    let database = migrated().await;
    let (login, grants) = files();
    // Every test makes this role first: two that make two roles in two orders would wait for each other.
    let first = "CREATE ROLE pool_proxy; DROP ROLE pool_proxy;";
    let opened = "DO $$ BEGIN \
        ASSERT has_column_privilege('web_read', 'users', 'password_hash', 'SELECT'), 'one run is enough'; \
        END $$;";
    let sql = format!("BEGIN; {first} {grants} {login} {opened} {grants} {HASHES_ARE_CLOSED} ROLLBACK");
    database.batch(&sql).await;
}

#[tokio::test]
async fn tables_made_after_the_roles_are_closed_as_well() {
    let database = fresh_database().await;
    let (login, grants) = files();
    // `deploy/grants.sql` lets `web_read` read the tables that are still to come, too.
    let tables = ["V1__users.sql", "V2__posts.sql"].map(|name| read(&format!("edge-api/migrations/{name}"))).concat();
    database.batch(&format!("BEGIN; {login} {tables} {grants} {HASHES_ARE_CLOSED} ROLLBACK")).await;
}

#[tokio::test]
async fn a_role_that_reads_less_is_given_no_more() {
    let database = migrated().await;
    let (login, grants) = files();
    let narrowed = "REVOKE ALL ON users FROM web_read; GRANT SELECT (id, name) ON users TO web_read;";
    let after = "DO $$ BEGIN \
        ASSERT has_column_privilege('web_read', 'users', 'name', 'SELECT'), 'it lost something'; \
        ASSERT NOT has_column_privilege('web_read', 'users', 'email', 'SELECT'), 'it was given more'; \
        END $$;";
    database.batch(&format!("BEGIN; {login} {narrowed} {grants} {after} ROLLBACK")).await;
}

#[tokio::test]
async fn a_role_that_reads_no_users_is_not_let_in() {
    let database = migrated().await;
    let (login, grants) = files();
    let closed = "REVOKE ALL ON users FROM web_read;";
    let after = "DO $$ BEGIN \
        ASSERT NOT has_any_column_privilege('web_read', 'users', 'SELECT'), 'it was let in'; \
        END $$;";
    database.batch(&format!("BEGIN; {login} {closed} {grants} {after} ROLLBACK")).await;
}
