//! npm's clients, which run in `tests/clients/faults.mjs`.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::tally::{FINE, Tally, Told};
use crate::clients::folder;

/// How long they may take from one line to the next while they start.
const START: Duration = Duration::from_secs(30);

/// How long they may take to end: what is under way is waited for.
const END: Duration = Duration::from_secs(20);

/// Node with all clients in it.
pub(super) struct Npm {
    child: Child,
    reader: JoinHandle<()>,
}

/// A line that it writes.
#[derive(Debug, Deserialize)]
struct Line {
    client: String,
    ids: Vec<i32>,
    said: String,
}

impl Npm {
    /// Starts them; returns once each has had an answer.
    pub(super) async fn start(url: &str, key: &str, without: Option<&str>, tally: Arc<Tally>) -> Self {
        let mut command = Command::new("node");
        command.current_dir(folder()).arg("faults.mjs");
        // Prisma's extension speaks plain HTTP to this name alone.
        command.env("FAULTS_PROXY", url.replace("127.0.0.1", "localhost")).env("FAULTS_KEY", key);
        command.env("FAULTS_WITHOUT", without.unwrap_or_default());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("node cannot be run: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut waiting: Vec<String> = CLIENTS.map(str::to_owned).to_vec();
        waiting.retain(|client| Some(&**client) != without);
        while !waiting.is_empty() {
            let line = tokio::time::timeout(START, lines.next_line()).await;
            let line = line.expect("the clients do not start").unwrap().expect("the clients have ended");
            let line = take_down(&line, &tally);
            assert_eq!(line.said, "ok", "{} before there is a fault", line.client);
            waiting.retain(|client| *client != line.client);
        }
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                take_down(&line, &tally);
            }
        });
        Self { child, reader }
    }

    /// Ends them, and returns when all that they were told is taken down.
    pub(super) async fn end(mut self) {
        drop(self.child.stdin.take());
        tokio::time::timeout(END, self.reader).await.expect("the clients do not end").unwrap();
        assert!(self.child.wait().await.unwrap().success());
    }
}

/// The one that needs each step of its transactions to come to the same proxy.
pub(super) const TRANSACTIONS: &str = "prisma transaction";

/// Everybody in there.
const CLIENTS: [&str; 8] = [
    "neon read",
    "neon write",
    "neon batch",
    "drizzle write",
    "kysely read",
    "prisma read",
    "prisma write",
    TRANSACTIONS,
];

fn take_down(line: &str, tally: &Tally) -> Line {
    let line: Line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let (what, told) = match &*line.said {
        "ok" => (FINE.to_owned(), Told::Done),
        // Nothing was done, or Postgres has refused it.
        "503" | "429" => (line.said.clone(), Told::Refused),
        code if code.len() == 5 && !code.starts_with('P') => (format!("400 {code}"), Told::Refused),
        other => (other.to_owned(), Told::Unknown),
    };
    tally.saw(&what, 1);
    if let [one, other] = line.ids[..] {
        tally.wrote_both(one, other);
    }
    for id in &line.ids {
        tally.told(*id, told);
    }
    line
}
