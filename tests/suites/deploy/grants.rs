//! The roles that `grants.sql` makes.

use super::parts::read;

/// Said after `grants.sql`, by a superuser, in the same transaction.
const AFTER_GRANTS: &str = r"
    CREATE TABLE public.later (id int);
    DO $$ BEGIN
        ASSERT NOT has_table_privilege('pool_proxy', 'public.earlier', 'SELECT'), 'the login inherits';
        ASSERT NOT has_table_privilege('web_anon', 'public.earlier', 'SELECT'), 'web_anon reads unasked';
        ASSERT has_table_privilege('web_read', 'public.earlier', 'SELECT'), 'web_read cannot read';
        ASSERT has_table_privilege('web_read', 'public.later', 'SELECT'), 'web_read cannot read a later table';
        ASSERT NOT has_table_privilege('web_read', 'public.later', 'INSERT, UPDATE, DELETE'), 'web_read writes';
        ASSERT NOT has_schema_privilege('web_read', 'public', 'CREATE'), 'web_read creates tables';
        ASSERT has_database_privilege('pool_proxy', current_database(), 'TEMPORARY'), 'no statement analysis';
    END $$;
    SET LOCAL SESSION AUTHORIZATION pool_proxy;
    DO $$ BEGIN
        PERFORM * FROM public.earlier;
        RAISE 'the login reads';
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$;
    SET LOCAL ROLE web_read;
    SELECT * FROM public.earlier;
    DO $$ BEGIN
        INSERT INTO public.earlier VALUES (1);
        RAISE 'web_read writes';
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$;
";

#[tokio::test]
async fn the_grants_give_the_login_nothing_and_the_roles_what_they_say() {
    let database = harness::fresh_database().await;
    let grants = read("grants.sql");
    // Roles belong to the whole cluster: rolled back, so that no other test meets them. Twice: it may be run again.
    let sql = format!("BEGIN; CREATE TABLE public.earlier (id int); {grants} {grants} {AFTER_GRANTS} ROLLBACK");
    database.batch(&sql).await;
}

#[tokio::test]
async fn the_sample_of_row_level_security_does_what_it_says() {
    let database = harness::fresh_database().await;
    let grants = read("grants.sql");
    let sample: Vec<&str> = grants.lines().skip_while(|line| !line.starts_with("-- web_anon gets nothing")).collect();
    let sample: String = sample.iter().filter_map(|line| line.strip_prefix("--   ")).collect();
    assert!(sample.contains("CREATE POLICY"), "{sample}");
    let table = "CREATE TABLE comments (text text, approved bool, author text); \
         INSERT INTO comments VALUES ('a', true, NULL), ('b', false, NULL), ('o', false, 'ada');";
    let after = r#"
        SET LOCAL SESSION AUTHORIZATION pool_proxy;
        SET LOCAL ROLE web_anon;
        INSERT INTO comments VALUES ('c', false);
        DO $$ BEGIN
            ASSERT (SELECT string_agg(text, '') FROM comments) = 'a', 'nobody is shown what is somebody''s';
            PERFORM set_config('request.jwt.claims', '{"sub": "ada"}', true);
            ASSERT (SELECT string_agg(text, '' ORDER BY text) FROM comments) = 'ao', 'one''s own is not shown';
            PERFORM set_config('request.jwt.claims', '', true);
            ASSERT (SELECT string_agg(text, '') FROM comments) = 'a', 'it is shown what was not approved';
            INSERT INTO comments VALUES ('d', true);
            RAISE 'web_anon approves';
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END $$;
    "#;
    database.batch(&format!("BEGIN; {grants} {table} {sample} {after} ROLLBACK")).await;
}
