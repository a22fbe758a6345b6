use std::time::Duration;

use serde_json::json;

use crate::cache::Cache;
use crate::client::Client;
use crate::error::Error;
use crate::scripted::{Scripted, Step, after, answer, forgotten, healthy, refusal, refused, result, step};
use crate::transport::{Response, TransportError};

const SECOND: Duration = Duration::from_secs(1);

fn fine() -> Response {
    result(&[("n", 23)], &json!([["1"]]))
}

fn lost() -> TransportError {
    TransportError::Unknown("reset".to_owned())
}

fn unsent() -> TransportError {
    TransportError::NotSent("refused".to_owned())
}

fn unknown() -> Response {
    refusal(502, &json!({ "outcome": "unknown" }))
}

fn gateway(status: u16) -> Response {
    Response { status, headers: vec![], body: b"<html>".to_vec() }
}

/// What the caller says of the call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Write,
    /// What may commit in the midst of its work.
    Call,
    Vacuum,
    Idempotent,
    Read,
    NoStore,
    /// `read_only()`, without hints and with `no-store`.
    Vouched,
    VouchedNoStore,
    Batch,
    ReadOnlyBatch,
    IdempotentBatch,
}

use Said::{
    Batch, Call, Idempotent, IdempotentBatch, NoStore, Read, ReadOnlyBatch, Vacuum, Vouched, VouchedNoStore, Write,
};

async fn ask(script: &Scripted, said: Said) -> Result<(), Error> {
    let client = script.client();
    let (query, read) = (client.query("UPDATE t SET a = 1"), client.query_scalar::<i32>("SELECT 1"));
    match said {
        Write => query.execute().await.map(drop),
        Call => client.query(";CALL p()").execute().await.map(drop),
        Vacuum => client.query("VACUUM t").execute().await.map(drop),
        Idempotent => query.idempotent().execute().await.map(drop),
        Read => read.cache(Cache::ttl(SECOND)).all().await.map(drop),
        NoStore => read.cache(Cache::no_store()).all().await.map(drop),
        Vouched => client.query_as::<(i32,)>("SELECT 1").read_only().all().await.map(drop),
        VouchedNoStore => read.read_only().cache(Cache::no_store()).all().await.map(drop),
        Batch => client.batch().add("SELECT 1").run().await.map(drop),
        ReadOnlyBatch => client.batch().read_only().add("SELECT 1").run().await.map(drop),
        IdempotentBatch => client.batch().idempotent().add("SELECT 1").run().await.map(drop),
    }
}

#[tokio::test]
async fn only_what_is_safe_is_repeated() {
    const ALL: &[Said] = &[
        Write,
        Call,
        Vacuum,
        Idempotent,
        Read,
        NoStore,
        Vouched,
        VouchedNoStore,
        Batch,
        ReadOnlyBatch,
        IdempotentBatch,
    ];
    const SAFE: &[Said] = &[Idempotent, Read, Vouched, VouchedNoStore, ReadOnlyBatch, IdempotentBatch];
    let atomic: Vec<Said> = ALL.iter().copied().filter(|said| ![Call, Vacuum].contains(said)).collect();
    let cases: Vec<(Result<Response, TransportError>, &[Said])> = vec![
        (Ok(refusal(503, &json!({}))), ALL),
        (Ok(refusal(429, &json!({}))), ALL),
        (Err(unsent()), ALL),
        (Err(TransportError::NotSentInTime), ALL),
        (Ok(refused("40001")), &atomic),
        (Ok(refused("40P01")), &atomic),
        (Ok(unknown()), SAFE),
        (Err(lost()), SAFE),
        // Of a gateway nobody knows what it did before.
        (Ok(gateway(502)), SAFE),
        (Ok(gateway(503)), SAFE),
        (Ok(gateway(504)), SAFE),
        (Ok(gateway(521)), SAFE),
        (Ok(gateway(530)), SAFE),
        (Ok(gateway(429)), SAFE),
        (Ok(answer(503, &json!({ "message": "no" }))), SAFE),
        (Ok(refusal(500, &json!({}))), SAFE),
        (Ok(refusal(504, &json!({}))), &[]),
        (Ok(refusal(507, &json!({ "committed": true }))), &[]),
        (Ok(refusal(400, &json!({}))), &[]),
        (Ok(refusal(401, &json!({}))), &[]),
        (Ok(refused("23505")), &[]),
        (Ok(refused("57014")), &[]),
        (Ok(gateway(301)), &[]),
        (Ok(gateway(404)), &[]),
    ];
    for (outcome, repeated) in cases {
        for &said in ALL {
            let last = if said.is_batch() { answer(200, &json!({ "results": [] })) } else { fine() };
            let script = Scripted::new([step(outcome.clone()), step(Ok(last))]);
            let came = ask(&script, said).await;
            let again = repeated.contains(&said);
            assert_eq!(script.count(), if again { 2 } else { 1 }, "{said:?} after {outcome:?}");
            assert_eq!(came.is_ok(), again, "{said:?} after {outcome:?}: {came:?}");
            assert!(came.err().is_none_or(|error| !error.is_retryable()), "{said:?} after {outcome:?}");
        }
    }
}

impl Said {
    fn is_batch(self) -> bool {
        matches!(self, Batch | ReadOnlyBatch | IdempotentBatch)
    }
}

#[tokio::test]
async fn invalidations_and_health_may_always_be_repeated() {
    for outcome in [Err(lost()), Err(unsent()), Ok(unknown()), Ok(gateway(502)), Ok(refusal(503, &json!({})))] {
        let steps = |answer| Scripted::new([step(outcome.clone()), step(Ok(answer))]);
        let (one, two, three) = (steps(forgotten()), steps(forgotten()), steps(healthy()));
        one.client().invalidate(["a"]).await.unwrap();
        two.client().invalidate_all().await.unwrap();
        three.client().health().await.unwrap();
    }
}

#[tokio::test]
async fn a_call_is_tried_as_often_as_the_client_says() {
    for (retries, expected) in [(0, 1), (1, 2), (5, 6)] {
        let script = Scripted::new(std::iter::repeat_n(step(Err(unsent())), 10));
        let client = script.client().with_retries(retries);
        let error = client.query("SELECT 1").execute().await.unwrap_err();
        assert_eq!(script.count(), expected);
        assert!(error.is_retryable() && error.is_unavailable() && !error.outcome_unknown(), "{error}");
    }
}

#[tokio::test]
async fn pauses_grow_and_differ() {
    // In 1024ths of the usual pause.
    for (dice, part) in [(0, 512), (512, 1024), (1023, 1535), (1024, 512), (u64::MAX, 1535)] {
        let script = Scripted::new(std::iter::repeat_n(step(Err(unsent())), 5)).throwing(dice);
        let _ = script.client().with_retries(4).query("SELECT 1").execute().await;
        let expected = [50, 100, 200, 400].map(|usual| Duration::from_millis(usual) * part / 1024);
        assert_eq!(script.record(|record| record.pauses.clone()), expected, "{dice}");
    }
}

#[tokio::test]
async fn the_proxy_says_when_to_come_back() {
    let script = Scripted::new([step(Ok(after(refusal(503, &json!({})), "3"))), step(Ok(fine()))]);
    script.client().query("SELECT 1").execute().await.unwrap();
    let pauses = script.record(|record| record.pauses.clone());
    assert!(pauses.len() == 1 && pauses[0] >= 3 * SECOND, "{pauses:?}");
}

#[tokio::test]
async fn what_cannot_be_in_time_is_given_up_at_once() {
    let script = Scripted::new([step(Ok(after(refusal(503, &json!({})), "20")))]);
    let error = script.client().query("SELECT 1").execute().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(20 * SECOND));
    assert!(error.is_retryable() && error.is_unavailable());
    assert_eq!(script.record(|record| record.pauses.len()), 0);
    // A date is none of the proxy's.
    let script = Scripted::new([step(Ok(after(refusal(503, &json!({})), "Mon, 01"))), step(Ok(fine()))]);
    script.client().query("SELECT 1").execute().await.unwrap();
}

#[tokio::test]
async fn every_request_gets_what_is_left_of_the_deadline() {
    let slow = |outcome| -> Step { (2 * SECOND, outcome) };
    let script = Scripted::new([slow(Err(unsent())), slow(Err(unsent())), slow(Ok(fine()))]);
    script.client().query("SELECT 1").deadline(6 * SECOND).execute().await.unwrap_err();
    let (timeouts, pauses) = (timeouts(&script), script.record(|record| record.pauses.clone()));
    assert_eq!(timeouts[0], 6 * SECOND);
    assert_eq!(timeouts[1] + pauses[0], 4 * SECOND);
    assert_eq!(timeouts[2] + pauses[0] + pauses[1], 2 * SECOND);
}

#[tokio::test]
async fn a_deadline_that_passed_says_what_is_not_known() {
    for (said, unknown) in [
        (Write, true),
        (Idempotent, true),
        (NoStore, true),
        (Batch, true),
        (Read, false),
        (Vouched, false),
        (VouchedNoStore, false),
        (ReadOnlyBatch, false),
    ] {
        let script = Scripted::new([(60 * SECOND, Ok(fine()))]);
        let error = ask(&script, said).await.unwrap_err();
        assert_eq!(error.outcome_unknown(), unknown, "{said:?}");
        assert!(error.is_timeout() && error.is_unavailable(), "{said:?}");
        assert_eq!(error.status(), None);
        assert_eq!(script.count(), 1, "{said:?}");
    }
}

#[tokio::test]
async fn a_deadline_that_passed_before_anything_was_sent_leaves_nothing_unknown() {
    for said in [Write, Call, Idempotent, NoStore, Batch, Read] {
        let script = Scripted::new([(60 * SECOND, Err(TransportError::NotSentInTime))]);
        let error = ask(&script, said).await.unwrap_err();
        assert!(error.is_timeout() && error.is_unavailable() && error.is_retryable(), "{said:?}: {error}");
        assert!(!error.outcome_unknown(), "{said:?}: {error}");
        assert_eq!((error.status(), script.count()), (None, 1), "{said:?}");
    }
}

#[tokio::test]
async fn without_time_nothing_is_sent() {
    let script = Scripted::default();
    let error = script.client().with_deadline(Duration::ZERO).query("SELECT 1").execute().await.unwrap_err();
    assert!(error.is_timeout() && error.is_unavailable(), "{error}");
    assert!(!error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!((error.status(), script.count()), (None, 0));
}

#[tokio::test]
async fn a_lost_read_leaves_nothing_unknown() {
    let lost = [Err(lost()), Ok(unknown()), Ok(gateway(520)), Ok(gateway(200)), Ok(answer(200, &json!({})))];
    for outcome in lost {
        for (said, unknown) in
            [(NoStore, true), (Batch, true), (Vouched, false), (VouchedNoStore, false), (ReadOnlyBatch, false)]
        {
            let script = Scripted::new(std::iter::repeat_n(step(outcome.clone()), 3));
            let error = ask(&script, said).await.unwrap_err();
            assert_eq!(error.outcome_unknown(), unknown, "{said:?} after {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_later_try_does_not_settle_an_earlier_one() {
    for last in [
        Err(unsent()),
        Err(TransportError::NotSentInTime),
        Ok(refusal(503, &json!({}))),
        Ok(refused("40001")),
        Ok(refused("23505")),
    ] {
        let script = Scripted::new([step(Err(lost())), step(last.clone())]);
        let client = script.client().with_retries(1);
        let error = client.query("UPDATE t SET a = 1").idempotent().execute().await.unwrap_err();
        assert!(error.outcome_unknown(), "{last:?}");
        let script = Scripted::new([step(Err(unsent())), step(last.clone())]);
        let client = script.client().with_retries(1);
        let error = client.query("UPDATE t SET a = 1").idempotent().execute().await.unwrap_err();
        assert!(!error.outcome_unknown(), "{last:?}");
    }
}

fn timeouts(script: &Scripted) -> Vec<Duration> {
    script.record(|record| record.requests.iter().map(|(_, timeout)| *timeout).collect())
}

#[tokio::test]
async fn calls_of_one_total_are_told_what_is_left() {
    let steps = [3, 2, 0, 0].map(|seconds| -> Step { (seconds * SECOND, Ok(fine())) });
    let script = Scripted::new(steps);
    script.pass(60 * SECOND);
    let base = script.client().with_deadline(5 * SECOND);
    let client = base.clone().with_total_deadline(7 * SECOND);
    let write = |client: &Client| client.query("UPDATE t SET a = 1");
    write(&client).execute().await.unwrap();
    script.pass(SECOND);
    // Clones share it, and a call may ask for less but not for more.
    write(&client.clone()).deadline(60 * SECOND).execute().await.unwrap();
    write(&client).deadline(SECOND / 2).execute().await.unwrap();
    // A total of a total ends no later.
    write(&client.with_total_deadline(60 * SECOND)).execute().await.unwrap();
    assert_eq!(timeouts(&script), [5 * SECOND, 3 * SECOND, SECOND / 2, SECOND]);
}

#[tokio::test]
async fn after_the_total_nothing_is_sent() {
    let script = Scripted::new([step(Ok(fine()))]);
    let base = script.client();
    let client = base.clone().with_total_deadline(SECOND);
    script.pass(SECOND);
    let errors = [
        client.query("UPDATE t SET a = 1").deadline(SECOND).execute().await.unwrap_err(),
        client.query_scalar::<i32>("SELECT 1").read_only().all().await.unwrap_err(),
        client.batch().add("SELECT 1").run().await.unwrap_err(),
        client.invalidate(["a"]).await.unwrap_err(),
        client.health().await.unwrap_err(),
        client.with_total_deadline(SECOND).health().await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_timeout() && error.is_unavailable(), "{error}");
        assert!(!error.outcome_unknown() && !error.is_retryable(), "{error}");
    }
    assert_eq!(script.count(), 0);
    // The client it was made from goes on.
    base.query("UPDATE t SET a = 1").execute().await.unwrap();
}

#[tokio::test]
async fn a_total_ends_a_call_in_its_midst() {
    let script = Scripted::new([(2 * SECOND, Ok(fine()))]);
    let client = script.client().with_total_deadline(SECOND);
    let error = client.query("UPDATE t SET a = 1").execute().await.unwrap_err();
    assert!(error.is_timeout() && error.outcome_unknown(), "{error}");
    // And leaves no time for a pause.
    let script = Scripted::new([step(Ok(after(refusal(503, &json!({})), "1")))]);
    let error = script.client().with_total_deadline(SECOND).query("SELECT 1").execute().await.unwrap_err();
    assert_eq!((error.status(), script.count()), (Some(503), 1));
}

#[tokio::test]
async fn a_total_without_end_is_none() {
    let script = Scripted::new([step(Ok(fine()))]);
    script.pass(SECOND);
    script.client().with_total_deadline(Duration::MAX).query("SELECT 1").execute().await.unwrap();
    assert_eq!(timeouts(&script), [20 * SECOND]);
}
