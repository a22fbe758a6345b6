//! Several statements in one transaction.

use pool_client::{Isolation, sql};

use super::bench::Bench;

const SETUP: &str = "CREATE TABLE t (a int PRIMARY KEY)";

#[tokio::test]
async fn all_results_come_back() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let batch = client.batch().add(sql("INSERT INTO t VALUES ($1), ($2)").bind(1).bind(2));
    let results = batch.add("SELECT a FROM t ORDER BY a").add("SELECT a FROM t WHERE a > 5").run().await.unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!((&*results.done(0).unwrap().command, results.done(0).unwrap().rows_affected), ("INSERT", Some(2)));
    assert_eq!(results.rows::<(i32,)>(1).unwrap(), [(1,), (2,)]);
    assert_eq!(results.optional::<i32>(2).unwrap(), None);
    assert!(results.rows::<i32>(3).is_err());
    assert!(results.request_id().is_some());
    assert!(client.batch().run().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_transaction_is_as_asked() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let show = "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),
        current_setting('transaction_deferrable')";
    for (level, name) in [
        (Isolation::ReadUncommitted, "read uncommitted"),
        (Isolation::ReadCommitted, "read committed"),
        (Isolation::RepeatableRead, "repeatable read"),
        (Isolation::Serializable, "serializable"),
    ] {
        let results = client.batch().isolation(level).add(show).run().await.unwrap();
        let (isolation, read_only, _) = results.one::<(String, String, String)>(0).unwrap();
        assert_eq!((&*isolation, &*read_only), (name, "off"));
    }
    let batch = client.batch().isolation(Isolation::Serializable).read_only().deferrable();
    let shown = batch.add(show).run().await.unwrap().one::<[String; 3]>(0).unwrap();
    assert_eq!(shown, ["serializable", "on", "on"]);
    let error = client.batch().read_only().add("INSERT INTO t VALUES (1)").run().await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("25006"), "{error}");
    // What is no change of a table, the caller vouches for.
    client.batch().read_only().add("NOTIFY told").run().await.unwrap();
}

#[tokio::test]
async fn a_failure_names_its_statement_and_undoes_the_others() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let batch = client.batch().add("INSERT INTO t VALUES (1)").add("INSERT INTO t VALUES (2)");
    let error = batch.add("INSERT INTO t VALUES (1)").add("SELECT 1").run().await.unwrap_err();
    assert!(error.is_unique_violation());
    assert_eq!(error.query_index(), Some(2));
    assert!(error.to_string().contains("statement 2 of the batch"), "{error}");
    assert_eq!(client.query_scalar::<i64>("SELECT count(*) FROM t").one().await.unwrap(), 0);
}
