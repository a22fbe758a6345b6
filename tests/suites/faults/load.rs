//! The steady load beside every fault: oha reads, npm's clients read and write, and ours send with a key what is to be done
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use harness::{Answer, Error, Request, random_hex};
use serde_json::json;
use tokio::task::JoinHandle;

use super::npm::Npm;
use super::oha::Oha;
use super::tally::{FINE, Tally, Told};

/// How long a client of ours waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it rests between two requests.
const REST: Duration = Duration::from_millis(15);

/// How many clients of ours there are: half of them send with a key.
const CLIENTS: usize = 6;

/// Clients at work.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    ours: Vec<JoinHandle<()>>,
    oha: Vec<Oha>,
    npm: Npm,
}

impl Load {
    /// Sets them to work on a proxy, but for one of npm's.
    pub(super) async fn begin(url: &str, key: &str, without: Option<&str>, tally: &Arc<Tally>) -> Self {
        let read = json!({ "query": "SELECT n FROM counters WHERE id = $1", "params": [7] });
        let oha = vec![
            Oha::start(url, key, 60, &read, &[]),
            // Answers that are a second old will do.
            Oha::start(url, key, 60, &read, &["cache-control: max-age=1"]),
        ];
        let npm = Npm::start(url, key, without, Arc::clone(tally)).await;
        let over = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicI32::new(1));
        let ours = (0..CLIENTS).map(|number| {
            let client = Client {
                url: format!("{url}/sql"),
                key: key.to_owned(),
                tally: Arc::clone(tally),
                over: Arc::clone(&over),
                next: Arc::clone(&next),
            };
            tokio::spawn(async move { if number % 2 == 0 { client.write().await } else { client.write_once().await } })
        });
        Self { ours: ours.collect(), over, oha, npm }
    }

    /// Ends them, and takes down what they have not told yet.
    pub(super) async fn end(self, tally: &Tally) {
        self.over.store(true, Ordering::Relaxed);
        for client in self.ours {
            client.await.unwrap();
        }
        self.npm.end().await;
        for oha in self.oha {
            oha.end(tally);
        }
    }
}

struct Client {
    url: String,
    key: String,
    tally: Arc<Tally>,
    over: Arc<AtomicBool>,
    next: Arc<AtomicI32>,
}

impl Client {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    async fn ask(&self, request: Request) -> Told {
        let answer = tokio::time::timeout(PATIENCE, request.try_send()).await;
        let (what, told) = judge(answer.ok().as_ref());
        self.tally.saw(&what, 1);
        tokio::time::sleep(REST).await;
        told
    }

    /// Inserts a row after the other, each once.
    async fn write(self) {
        let request = Request::to("POST", &self.url).bearer(&self.key);
        while !self.is_over() {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let body = json!({ "query": "INSERT INTO ledger VALUES ($1, $1)", "params": [id] });
            let told = self.ask(request.clone().json(&body)).await;
            self.tally.told(id, told);
        }
    }

    /// Inserts a row after the other, each until it is told that it is done, with a key of its own.
    async fn write_once(self) {
        let request = Request::to("POST", &self.url).bearer(&self.key);
        while !self.is_over() {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let body = json!({ "query": "INSERT INTO done_once VALUES ($1)", "params": [id] });
            let request = request.clone().header("idempotency-key", random_hex(16)).json(&body);
            let mut told = Told::Unknown;
            while told != Told::Done && !self.is_over() {
                told = self.ask(request.clone()).await;
            }
            self.tally.told_once(id, told);
        }
    }
}

/// What a client saw in a word, and what it knows of its write. What an answer lacks that it must have is an error of ours.
pub(super) fn judge(answer: Option<&Result<Answer, Error>>) -> (String, Told) {
    let answer = match answer {
        None => return ("no answer".to_owned(), Told::Unknown),
        Some(Err(error)) if error.to_string().contains("refused") => {
            return ("connection refused".to_owned(), Told::Refused);
        }
        Some(Err(_)) => return ("connection ended".to_owned(), Told::Unknown),
        Some(Ok(answer)) => answer,
    };
    let status = answer.status.as_u16();
    let told = match status {
        200 => return (FINE.to_owned(), Told::Done),
        502 => {
            assert_eq!(answer.body["outcome"], "unknown", "{}", answer.text);
            Told::Unknown
        }
        503 | 429 => {
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|after| after > 0), "{}", answer.text);
            Told::Refused
        }
        // With a key: the first is not through yet.
        409 => {
            assert_ne!(answer.header("retry-after"), "", "{}", answer.text);
            Told::Unknown
        }
        504 => Told::Unknown,
        _ => Told::Refused,
    };
    assert!(answer.body["message"].is_string(), "{status}: {}", answer.text);
    let code = answer.body["code"].as_str().filter(|_| status == 400);
    (code.map_or_else(|| status.to_string(), |code| format!("{status} {code}")), told)
}
