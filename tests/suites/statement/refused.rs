//! What cannot be analysed, and circumstances that get in the way.

use pool_proxy::statement::{Kind, Refusal, Verdict};
use tokio_postgres::types::Type;

use super::bench::Bench;

fn assert_unknown(verdict: &Verdict, what: &str) {
    assert_eq!(verdict.kind, Kind::Unknown, "{what}: {verdict:?}");
    assert_eq!(verdict.cacheable, Err(Refusal::Unanalysable), "{what}");
    assert!(!verdict.clean && verdict.restricted.is_err(), "{what}");
}

#[tokio::test]
async fn tells_kinds_apart() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    for (sql, kind) in [
        ("SELECT 1", Kind::Select),
        ("INSERT INTO t VALUES (1)", Kind::Insert),
        ("UPDATE t SET id = 1", Kind::Update),
        ("DELETE FROM t", Kind::Delete),
        ("VACUUM", Kind::Utility),
        ("BEGIN", Kind::Utility),
        ("COMMIT", Kind::Utility),
        ("CREATE TABLE u (id int)", Kind::Utility),
        ("", Kind::Unknown),
    ] {
        assert_eq!(bench.ask(sql).await.kind, kind, "{sql}");
    }
}

#[tokio::test]
async fn gives_up_where_a_function_cannot_be_made() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    let holes: Vec<String> = (1..=101).map(|n| format!("${n}::int")).collect();
    assert_unknown(&bench.ask(&format!("SELECT {}", holes.join(", "))).await, "more than 100 parameters");
    let hundred = holes[..100].join(", ");
    assert_eq!(bench.ask(&format!("SELECT {hundred}")).await.cacheable, Ok(()));
    for pseudo in [Type::RECORD, Type::ANYARRAY, Type::CSTRING, Type::ANYELEMENT] {
        assert_unknown(&bench.ask_typed("SELECT $1 IS NULL", std::slice::from_ref(&pseudo), None).await, pseudo.name());
    }
    assert_unknown(&bench.ask_typed("SELECT * FROM nowhere", &[], None).await, "a table that went away");
    assert_unknown(&bench.ask_typed("SELECT 1", &[], Some("no such role")).await, "a role that went away");
}

#[tokio::test]
async fn gives_up_without_temp_and_works_with_it() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    let role = bench.role("GRANT SELECT ON t TO ROLE").await;
    assert_eq!(bench.ask_as("SELECT * FROM t", Some(&role)).await.restricted, Ok(()));
    let database = bench.one("SELECT current_database()").await;
    bench.run(&format!("REVOKE TEMP ON DATABASE {database} FROM PUBLIC")).await;
    assert_unknown(&bench.ask_as("SELECT * FROM t", Some(&role)).await, "no TEMP");
    assert_eq!(bench.ask("SELECT * FROM t").await.cacheable, Ok(()), "the login role has it");
    bench.drop_role(&role).await;
}

#[tokio::test]
async fn works_on_a_session_that_is_read_only_by_default() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    bench.run("SET default_transaction_read_only = on; SET default_transaction_isolation = serializable").await;
    assert_eq!(bench.ask("SELECT * FROM t").await.cacheable, Ok(()));
}

#[tokio::test]
async fn is_cut_short_by_a_lock_without_remembering() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    let other = bench.another().await;
    bench.run("SET lock_timeout = '50ms'").await;
    let verdict = {
        other.batch_execute("BEGIN; LOCK t").await.expect("the lock");
        bench.ask_typed("SELECT * FROM t", &[], None).await
    };
    assert!(!verdict.is_lasting() && !verdict.clean && verdict.restricted.is_err(), "{verdict:?}");
    other.batch_execute("ROLLBACK").await.expect("the rollback");
    let verdict = bench.ask("SELECT * FROM t").await;
    assert!(verdict.is_lasting() && verdict.cacheable.is_ok(), "{verdict:?}");
}

#[tokio::test]
async fn lives_with_event_triggers() {
    let bench = Bench::with(
        "CREATE TABLE seen (what text); CREATE TABLE t (id int);
         CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO public.seen VALUES (tg_tag); PERFORM set_config('a.b', 'x', false); END $$;
         CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted();
         CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no functions here'; END $$;
         DELETE FROM seen; SET a.b = ''",
    )
    .await;
    assert_eq!(bench.ask("SELECT * FROM t").await.cacheable, Ok(()));
    assert_eq!(bench.one("SELECT count(*), coalesce(current_setting('a.b', true), '') FROM seen").await, "0|");
    bench.run("CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION refuse()").await;
    assert_unknown(&bench.ask("SELECT * FROM t").await, "an event trigger that refuses");
    bench.run("DROP EVENT TRIGGER refuse; DROP EVENT TRIGGER noted").await;
}

#[tokio::test]
async fn reports_only_a_lost_connection_as_an_error() {
    let bench = Bench::with("").await;
    let pid = bench.one("SELECT pg_backend_pid()").await;
    bench.another().await.batch_execute(&format!("SELECT pg_terminate_backend({pid})")).await.expect("the end");
    let lost =
        pool_proxy::statement::analyse(&bench.client, "SELECT 1", &[], None, &pool_proxy::statement::Safe::default())
            .await;
    assert!(lost.is_err(), "{lost:?}");
}

#[tokio::test]
async fn survives_deep_nesting() {
    let bench = Bench::with("").await;
    let deep = format!("SELECT {}1{}", "abs(".repeat(1000), ")".repeat(1000));
    assert_eq!(bench.ask(&deep).await.cacheable, Ok(()));
    let wide = format!("SELECT {}1", "(SELECT 1) + ".repeat(500));
    assert_eq!(bench.ask(&wide).await.cacheable, Ok(()));
}
