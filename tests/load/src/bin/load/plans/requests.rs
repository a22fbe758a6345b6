//! What is asked: requests that Prisma's own client wrote for a server that only writes them down.

use std::path::PathBuf;
use std::process::Command;

use load::Outcome;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::{Answer, post};
use crate::servers::{self, Server};
use crate::setup::{Bench, node_folder, progress};

use super::database::{POSTS, USERS};

/// Requests of each kind, each with other parameters; in a quick run.
const REQUESTS: [u32; 2] = [1_000, 100];
/// So many of each are compared.
const COMPARED: usize = 5;
/// What differs between servers that do the same one after the other.
const OWN: [&str; 4] = ["id", "postId", "createdAt", "views"];

/// A kind of request.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    FindUnique,
    FindMany,
    Create,
    Transaction,
    /// One `FindMany`, again and again.
    Hit,
}

impl Kind {
    /// The file's name.
    fn name(self) -> &'static str {
        match self {
            Self::FindUnique => "find-unique",
            Self::FindMany => "find-many",
            Self::Create => "create",
            Self::Transaction => "transaction",
            Self::Hit => "hit",
        }
    }

    /// As the client sends them, the extension's among them where an answer may be kept.
    pub(super) fn headers(self) -> Vec<String> {
        headers(if self == Self::Hit { &["Cache-Control: max-age=600"] } else { &[] })
    }
}

/// The client's headers that say something to a server, and these.
pub(super) fn headers(more: &[&str]) -> Vec<String> {
    let own = ["Prisma-Engine-Hash: 7.10.0", "X-Capture-Telemetry: error"];
    servers::headers(&[&own, more].concat())
}

/// The files that the client has filled.
pub(super) struct Requests(PathBuf);

impl Requests {
    pub(super) fn record(bench: &Bench) -> Outcome<Self> {
        progress("plans: having Prisma's client write its requests");
        let folder = bench.scratch.file("plans");
        std::fs::create_dir_all(&folder)?;
        let [all, few] = REQUESTS;
        let count = if bench.options.is_quick() { few } else { all };
        let mut node = Command::new("node");
        node.arg(node_folder().join("bodies.mjs")).arg(&folder).args([count, USERS, POSTS].map(|it| it.to_string()));
        let done = node.env("NODE_ENV", "production").output()?;
        if !done.status.success() {
            return Err(format!("node/bodies.mjs: {}", String::from_utf8_lossy(&done.stderr).trim()).into());
        }
        Ok(Self(folder))
    }

    pub(super) fn file(&self, kind: Kind) -> PathBuf {
        self.0.join(kind.name())
    }

    fn some(&self, kind: Kind, count: usize) -> Outcome<Vec<String>> {
        let text = std::fs::read_to_string(self.file(kind))?;
        Ok(text.lines().take(count).map(str::to_owned).collect())
    }

    /// Both must answer the same, but for what cannot be; and where a hit is measured there must be one, and else none.
    pub(super) fn expect_same(&self, kind: Kind, proxy: &Server, reference: &Server) -> Outcome<()> {
        for request in self.some(kind, COMPARED)? {
            if kind == Kind::Hit {
                ask(proxy, kind, &request)?;
            }
            let (first, second) = (ask(proxy, kind, &request)?, ask(reference, kind, &request)?);
            if first.iter().any(|answer| is_hit(answer) != (kind == Kind::Hit)) {
                return Err(format!("the proxy's cache is not used as it should be for {request}").into());
            }
            for (first, second) in first.iter().zip(&second) {
                // Logs are each server's own.
                let data = |answer: &Answer| -> Outcome<Value> { Ok(answer.json()?["data"].take()) };
                let (mut left, mut right) = (data(first)?, data(second)?);
                if matches!(kind, Kind::Create | Kind::Transaction) {
                    mask(&mut left);
                    mask(&mut right);
                }
                if left != right || left.is_null() {
                    return Err(format!(
                        "to {request} {} answers\n{left}\nbut {}\n{right}",
                        proxy.name, reference.name
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}

/// The answers to a request, of which a transaction has one for each of its queries.
fn ask(server: &Server, kind: Kind, request: &str) -> Outcome<Vec<Answer>> {
    let headers = kind.headers();
    if kind != Kind::Transaction {
        return Ok(vec![post(server, "/query", &headers, request)?]);
    }
    let begun = post(server, "/transaction/start", &headers, r#"{"maxWait":2000,"timeout":5000}"#)?.json()?;
    let id = begun["id"].as_str().ok_or("a transaction without an id")?;
    let queries: Vec<Box<RawValue>> = serde_json::from_str(request)?;
    let path = format!("/transaction/{id}/query");
    let answers: Outcome<Vec<_>> = queries.iter().map(|query| post(server, &path, &headers, query.get())).collect();
    let answers = answers?;
    post(server, &format!("/transaction/{id}/commit"), &headers, "")?;
    Ok(answers)
}

/// In the words of the extension.
fn is_hit(answer: &Answer) -> bool {
    answer.header("accelerate-cache-status") == Some("ttl")
}

/// Takes the values out that are each server's own.
fn mask(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if OWN.contains(&name.as_str()) { *field = Value::Null } else { mask(field) }
            }
        }
        _ => {}
    }
}
