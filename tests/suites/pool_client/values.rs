//! Values of every type that go into Postgres as parameters and come back the same.

use std::fmt::Debug;

use pool_client::{Client, Json, Param};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::Bench;

/// Asks Postgres for the value itself, as this type.
async fn back<T: DeserializeOwned>(client: &Client, kind: &str, value: impl Into<Param>) -> T {
    let query = client.query_scalar(format!("SELECT $1::{kind}")).bind(value);
    query.one().await.unwrap_or_else(|error| panic!("{kind}: {error} {}", error.message()))
}

async fn round<T>(client: &Client, kind: &str, values: impl IntoIterator<Item = T>)
where
    T: Into<Param> + DeserializeOwned + Clone + PartialEq + Debug,
{
    for value in values {
        assert_eq!(back::<T>(client, kind, value.clone()).await, value, "{kind}");
        assert_eq!(back::<Option<T>>(client, kind, Some(value.clone())).await, Some(value), "{kind}");
    }
    assert_eq!(back::<Option<T>>(client, kind, None::<T>).await, None, "{kind}");
}

#[tokio::test]
async fn scalars() {
    let Bench { client, served: _served } = Bench::after("").await;
    let client = &client;
    round(client, "bool", [true, false]).await;
    round(client, "int2", [i16::MIN, 0, i16::MAX]).await;
    round(client, "int4", [i32::MIN, 0, i32::MAX]).await;
    round(client, "int8", [i64::MIN, (1 << 53) + 1, i64::MAX]).await;
    round(client, "int2", [i8::MIN, i8::MAX]).await;
    round(client, "int2", [u8::MIN, u8::MAX]).await;
    round(client, "oid", [u32::MIN, u32::MAX]).await;
    round(client, "numeric", [u64::MAX, 0]).await;
    round(client, "numeric", [i128::MIN, i128::MAX]).await;
    round(client, "float4", [0.1, -0.0, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY]).await;
    round(client, "float8", [0.1, 1.0, 1e-300, 5e-324, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY]).await;
    round(client, "numeric", [0.1, 1e-9, 123_456_789.5]).await;
    round(client, "numeric(10, 2)", [5, -5, 0]).await;
    for unlike_json in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let text = back::<String>(client, "float8", unlike_json).await;
        assert_eq!(back::<Value>(client, "float8", unlike_json).await, json!(text));
    }
    assert!(back::<f64>(client, "float8", f64::NAN).await.is_nan());
    assert!(back::<f64>(client, "float8", -0.0).await.is_sign_negative());
    assert_eq!(back::<i32>(client, "int4", 3.0).await, 3, "a whole float has no exponent");
    round(client, "text", ["", "a\"b\\c'd", "ä🦀", "\n\r\t\u{1}", "NULL", "null"].map(str::to_owned)).await;
    round(client, "numeric", ["12345678901234567890.12345678901234567890", "NaN"].map(str::to_owned)).await;
    round(client, "\"char\"", ['x']).await;
    round(client, "uuid", [Uuid::nil(), Uuid::max()]).await;
    round(client, "bytea", [vec![], vec![0_u8, 1, 0x5c, 0x27, 255], (0..=255).collect()]).await;
    round(client, "inet", ["10.0.0.0/8".to_owned()]).await;
    round(client, "interval", ["1 day 02:03:04.5".to_owned()]).await;
}

#[tokio::test]
async fn bytes_in_the_old_form() {
    let Bench { client, served } = Bench::after("").await;
    let name = served.database.name();
    served.database.batch(&format!("ALTER DATABASE {name} SET bytea_output = 'escape'")).await;
    let results = client.batch().add("SET LOCAL bytea_output = 'escape'");
    let results = results.add(pool_client::sql("SELECT $1::bytea").bind(vec![0_u8, 92, 97, 255])).run().await.unwrap();
    assert_eq!(results.rows::<(Vec<u8>,)>(1).unwrap(), [(vec![0_u8, 92, 97, 255],)]);
    assert_eq!(results.rows::<(String,)>(1).unwrap(), [(r"\000\\a\377".to_owned(),)]);
}

#[tokio::test]
async fn arrays() {
    let Bench { client, served: _served } = Bench::after("").await;
    let client = &client;
    round(client, "int4[]", [vec![], vec![1, -2, 3]]).await;
    round(client, "int8[]", [vec![Some(i64::MAX), None]]).await;
    round(client, "int4[]", [vec![vec![1, 2], vec![3, 4]]]).await;
    round(client, "int4[]", [vec![vec![vec![Some(1)], vec![None]]]]).await;
    round(client, "bool[]", [vec![true, false]]).await;
    round(client, "float8[]", [vec![0.5, f64::INFINITY]]).await;
    let odd = ["", "NULL", "null", "a,b", "{}", "\"", "\\", " ", "ä🦀", "a b", "\n"].map(str::to_owned).to_vec();
    round(client, "text[]", [odd.clone(), vec![]]).await;
    round(client, "text[]", [odd.into_iter().map(Some).chain([None]).collect::<Vec<_>>()]).await;
    round(client, "bytea[]", [vec![vec![0_u8, 255], vec![]]]).await;
    round(client, "uuid[]", [vec![Uuid::max(), Uuid::nil()]]).await;
    round(client, "jsonb[]", [vec![json!({ "a": "\"" }), json!("x"), json!([1])]]).await;
    let moved: Vec<i32> = client.query_scalar("SELECT '[0:2]={1,2,3}'::int[]").one().await.unwrap();
    assert_eq!(moved, [1, 2, 3]);
    let boxes: Vec<String> = client.query_scalar("SELECT '{(2,2),(1,1);(4,4),(3,3)}'::box[]").one().await.unwrap();
    assert_eq!(boxes, ["(2,2),(1,1)", "(4,4),(3,3)"]);
    let vector: Vec<i16> = client.query_scalar("SELECT '1 2 3'::int2vector").one().await.unwrap();
    assert_eq!(vector, [1, 2, 3]);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Doc {
    title: String,
    stars: Vec<u8>,
    note: Option<String>,
}

#[tokio::test]
async fn documents() {
    let Bench { client, served: _served } = Bench::after("").await;
    let client = &client;
    let doc = Doc { title: "\"ä\" \\ 🦀".to_owned(), stars: vec![1, 2], note: None };
    for kind in ["json", "jsonb"] {
        assert_eq!(back::<Doc>(client, kind, Json(&doc)).await, doc);
        let list = vec![doc.clone()];
        assert_eq!(back::<Vec<Doc>>(client, kind, Json(&list)).await, list);
        for value in [json!({ "a": [1, null, "x"] }), json!([1, 2]), json!("x"), json!(1.5), json!(true)] {
            assert_eq!(back::<Value>(client, kind, value.clone()).await, value);
        }
        assert_eq!(back::<Option<Doc>>(client, kind, Json(None::<Doc>)).await, None, "JSON's own null");
        assert_eq!(back::<Option<Doc>>(client, kind, None::<Json<Doc>>).await, None);
    }
    assert_eq!(back::<Option<Doc>>(client, "json", " null\n").await, None, "as it was written");
    assert_eq!(client.query_scalar::<String>("SELECT '{\"a\": \"x\"}'::json -> 'a'").one().await.unwrap(), "\"x\"");
    assert_eq!(client.query_scalar::<String>("SELECT '{\"a\": \"x\"}'::json ->> 'a'").one().await.unwrap(), "x");
    let exact = "{\"b\" : 1.10, \"a\":12345678901234567890123}";
    assert_eq!(back::<Box<RawValue>>(client, "json", exact).await.get(), exact);
    assert_eq!(back::<String>(client, "json", exact).await, exact);
}

#[tokio::test]
async fn times() {
    let Bench { client, served: _served } = Bench::after("").await;
    let client = &client;
    let moment: jiff::Timestamp = "2024-02-29T23:59:59.123456Z".parse().unwrap();
    assert_eq!(back::<jiff::Timestamp>(client, "timestamptz", moment.to_string()).await, moment);
    let local: jiff::civil::DateTime = "2024-02-29T23:59:59.5".parse().unwrap();
    assert_eq!(back::<jiff::civil::DateTime>(client, "timestamp", local.to_string()).await, local);
    let date: jiff::civil::Date = "2024-02-29".parse().unwrap();
    assert_eq!(back::<jiff::civil::Date>(client, "date", date.to_string()).await, date);
    let time: jiff::civil::Time = "23:59:59.5".parse().unwrap();
    assert_eq!(back::<jiff::civil::Time>(client, "time", time.to_string()).await, time);
    for text in ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC"] {
        assert_eq!(back::<String>(client, "timestamptz", text).await, text, "it has no form in RFC 3339");
        client.query_scalar::<jiff::Timestamp>("SELECT $1::timestamptz").bind(text).one().await.unwrap_err();
    }
    for (zone, expected) in [
        ("UTC", "2024-07-01T12:00:00+00:00"),
        ("Asia/Kolkata", "2024-07-01T17:30:00+05:30"),
        ("America/St_Johns", "2024-07-01T09:30:00-02:30"),
    ] {
        let batch = client.batch().add(format!("SET LOCAL TimeZone = '{zone}'"));
        let results = batch.add("SELECT '2024-07-01 12:00:00+00'::timestamptz").run().await.unwrap();
        assert_eq!(results.one::<String>(1).unwrap(), expected);
        assert_eq!(results.one::<jiff::Timestamp>(1).unwrap(), "2024-07-01T12:00:00Z".parse().unwrap());
    }
    let several = "SELECT ARRAY['2024-07-01 12:00:00+00', NULL]::timestamptz[]";
    let several: Vec<Option<jiff::Timestamp>> = client.query_scalar(several).one().await.unwrap();
    assert_eq!(several, [Some("2024-07-01T12:00:00Z".parse().unwrap()), None]);
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mood {
    Sad,
    Happy,
}

#[tokio::test]
async fn types_of_the_database_itself() {
    let setup = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)";
    let Bench { client, served: _served } = Bench::after(setup).await;
    let client = &client;
    assert_eq!(back::<Mood>(client, "mood", "happy").await, Mood::Happy);
    assert_eq!(back::<Vec<Option<Mood>>>(client, "mood[]", vec![Some("sad"), None]).await, [Some(Mood::Sad), None]);
    assert_eq!(back::<i32>(client, "positive", 7).await, 7);
    assert_eq!(back::<Vec<i32>>(client, "positive[]", vec![7]).await, [7]);
    let error = client.query_scalar::<Mood>("SELECT 'angry'").one().await.unwrap_err();
    assert!(error.to_string().contains("sad, happy") && !error.to_string().contains("angry"), "{error}");
}
