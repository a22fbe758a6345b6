//! The same values asked of Postgres directly and through the proxy, in every way a client can ask for them.

use std::fmt::Write;

use harness::{Answer, Dice};
use serde_json::{Value as Json, json};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::sql::served::Served;

/// Types of the tests' own, beside those that Postgres has.
const SETUP: &str = "
CREATE TYPE mood AS ENUM ('sad', 'fine', 'a \"quoted\" \\ one', 'with, comma', '');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nest AS (p pair, list pair[], at timestamptz, d bytea, f float8);
CREATE DOMAIN small AS int CHECK (VALUE < 1000000);
CREATE DOMAIN papers AS jsonb;
CREATE DOMAIN several AS int[];
CREATE DOMAIN nick AS varchar(5);
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
";

/// A value by its type and the text that it is read from; `None` is NULL.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) kind: String,
    pub(super) text: Option<String>,
}

impl Value {
    pub(super) fn new(kind: &str, text: &str) -> Self {
        Self { kind: kind.to_owned(), text: Some(text.to_owned()) }
    }

    fn literal(&self) -> String {
        match &self.text {
            Some(text) => format!("'{}'::{}", text.replace('\'', "''"), self.kind),
            None => format!("NULL::{}", self.kind),
        }
    }

    /// Whether it is to be JSON where not everything is text (contract, section 4).
    fn is_json(&self) -> bool {
        is_json(&self.kind)
    }
}

/// bool, int2, int4, floats, json, jsonb and arrays of them; a domain is what it stands for, an array of domains a type
/// of its own.
fn is_json(kind: &str) -> bool {
    let element = kind.trim_end_matches("[]");
    let plain = ["bool", "int2", "int4", "float4", "float8", "json", "jsonb"].contains(&element);
    plain || ["small", "papers", "several"].contains(&kind)
}

/// A Postgres, and a proxy in front of it.
pub(super) struct Pair {
    pub(super) served: Served,
    direct: Client,
}

/// What one column is: the text, or NULL.
type Texts = Vec<Option<String>>;

impl Pair {
    pub(super) async fn start() -> Self {
        let config = "[limits]\nquery = \"60s\"\ntransaction = \"60s\"";
        let served = Served::with(SETUP, |proxy| proxy.config(config)).await;
        let direct = served.database.client().await;
        Self { served, direct }
    }

    /// The first row of the last statement, or the SQLSTATE.
    pub(super) async fn directly(&self, before: &[&str], select: &str) -> Result<Texts, String> {
        let mut script = String::from("BEGIN; ");
        for statement in before {
            let _ = write!(script, "{statement}; ");
        }
        let answer = self.direct.simple_query(&format!("{script}{select}")).await;
        self.direct.batch_execute("ROLLBACK").await.unwrap();
        let messages = answer.map_err(|error| match error.code() {
            Some(code) => code.code().to_owned(),
            None => panic!("{select}: {error:?}"),
        })?;
        let row = messages.into_iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row = row.unwrap_or_else(|| panic!("{select}: no row"));
        Ok((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
    }

    /// Compares the values, as they are after the statements of `before`; says how many of them Postgres accepts. Those
    /// it does not accept must be refused through the proxy in the same words.
    pub(super) async fn check(&self, before: &[&str], values: &[Value], why: &str) -> usize {
        let literals: Vec<String> = values.iter().map(Value::literal).collect();
        match self.directly(before, &format!("SELECT {}", literals.join(", "))).await {
            Ok(expected) => {
                self.check_accepted(before, values, &literals, &expected, why).await;
                values.len()
            }
            Err(code) if values.len() == 1 => {
                self.check_refused(before, &values[0], &code, why).await;
                0
            }
            Err(_) => {
                let (left, right) = values.split_at(values.len() / 2);
                Box::pin(self.check(before, left, why)).await + Box::pin(self.check(before, right, why)).await
            }
        }
    }

    async fn check_accepted(
        &self,
        before: &[&str],
        values: &[Value],
        literals: &[String],
        expected: &Texts,
        why: &str,
    ) {
        let named = |(index, literal): (usize, &String)| format!("{literal} AS c{index}");
        let literals: Vec<String> = literals.iter().enumerate().map(named).collect();
        let select = json!({ "query": format!("SELECT {}", literals.join(", ")) });
        let answer = self.through(before, select, true).await;
        for (index, (value, expected)) in values.iter().zip(expected).enumerate() {
            let got = &answer["rows"][0][format!("c{index}")];
            assert_eq!(got, &json!(expected), "literal {value:?} after {before:?}; {why}");
        }
        let places: Vec<String> =
            (1..).zip(values).map(|(number, value)| format!("${number}::{}", value.kind)).collect();
        let texts: Vec<&Option<String>> = values.iter().map(|value| &value.text).collect();
        let select = json!({ "query": format!("SELECT {}", places.join(", ")), "params": texts, "arrayMode": true });
        let answer = self.through(before, select.clone(), true).await;
        for (index, (value, expected)) in values.iter().zip(expected).enumerate() {
            assert_eq!(answer["rows"][0][index], json!(expected), "parameter {value:?} after {before:?}; {why}");
        }
        let expected = self.as_json(before, values, expected).await;
        let answer = self.through(before, select, false).await;
        for (index, (value, expected)) in values.iter().zip(&expected).enumerate() {
            assert_eq!(&answer["rows"][0][index], expected, "as JSON {value:?} after {before:?}; {why}");
        }
    }

    /// What the values are where not everything is text: Postgres's own JSON for those types that are JSON.
    async fn as_json(&self, before: &[&str], values: &[Value], texts: &Texts) -> Vec<Json> {
        let own: Vec<String> =
            values.iter().filter(|it| it.is_json()).map(|it| format!("to_json({})", it.literal())).collect();
        let documents = if own.is_empty() {
            Vec::new()
        } else {
            self.directly(before, &format!("SELECT {}", own.join(", "))).await.unwrap()
        };
        let mut documents = documents.into_iter();
        let parse =
            |document: String| serde_json::from_str(&document).unwrap_or_else(|error| panic!("{document}: {error}"));
        let one = |(value, text): (&Value, &Option<String>)| {
            if value.is_json() { documents.next().flatten().map_or(Json::Null, parse) } else { json!(text) }
        };
        values.iter().zip(texts).map(one).collect()
    }

    async fn check_refused(&self, before: &[&str], value: &Value, code: &str, why: &str) {
        let literal = json!({ "query": format!("SELECT {}", value.literal()) });
        let parameter = json!({ "query": format!("SELECT $1::{}", value.kind), "params": [value.text] });
        for select in [literal, parameter] {
            let answer = self.ask(before, select, true).await;
            let got = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
            assert_eq!(got, (400, code), "{value:?} after {before:?}: {}; {why}", answer.text);
        }
    }

    /// The last result; after statements in one transaction with it, if there are any.
    async fn through(&self, before: &[&str], select: Json, raw: bool) -> Json {
        let answer = self.ask(before, select, raw).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        match before.len() {
            0 => answer.body,
            last => answer.body["results"][last].clone(),
        }
    }

    async fn ask(&self, before: &[&str], select: Json, raw: bool) -> Answer {
        let body = if before.is_empty() {
            select
        } else {
            let before = before.iter().map(|statement| json!({ "query": statement }));
            json!({ "queries": before.chain([select]).collect::<Vec<_>>() })
        };
        self.served.proxy.sql_request(&body).header("Neon-Raw-Text-Output", raw).send().await
    }
}

/// Says with which seed to see it again.
pub(super) fn seeded(dice: &Dice) -> String {
    format!("POOL_PROXY_TEST_SEED={}", dice.seed())
}
