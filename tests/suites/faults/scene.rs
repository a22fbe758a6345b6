//! One fault under load: what is watched while it lasts, and what must hold in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{eventually, eventually_within};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use super::load::Load;
use super::prober::Prober;
use super::report::Row;
use super::tally::{FINE, Tally};

/// The sessions that a proxy has.
const SESSIONS: &str = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() \
    AND application_name = 'pool-proxy'";

/// A fault under load.
pub(super) struct Scene {
    fault: &'static str,
    /// The direct URL of the database that is there in the end.
    database: String,
    cap: i64,
    tally: Arc<Tally>,
    load: Load,
    prober: Prober,
    over: Arc<AtomicBool>,
    most: JoinHandle<i64>,
    healed: Option<Duration>,
}

impl Scene {
    /// Sets clients to work on a proxy, and returns once all are.
    pub(super) async fn begin(fault: &'static str, database: &str, proxy: (&str, &str), cap: i64) -> Self {
        Self::begin_without(None, fault, database, proxy, cap).await
    }

    /// The same without one of npm's clients.
    pub(super) async fn begin_without(
        client: Option<&str>,
        fault: &'static str,
        database: &str,
        (url, key): (&str, &str),
        cap: i64,
    ) -> Self {
        assert!(super::FAULTS.contains(&fault), "{fault} is not in the list");
        let tally = Arc::<Tally>::default();
        let over = Arc::new(AtomicBool::new(false));
        let most = tokio::spawn(count(database.to_owned(), Arc::clone(&over)));
        let load = Load::begin(url, key, client, &tally).await;
        let prober = Prober::start(url, key, &tally);
        let scene = Self { fault, database: database.to_owned(), cap, tally, load, prober, over, most, healed: None };
        scene.goes_on().await;
        scene
    }

    /// Returns once many more requests were answered as they should be.
    pub(super) async fn goes_on(&self) {
        let before = self.tally.fine();
        eventually_within(Duration::from_mins(1), || async { self.tally.fine() > before + 200 }).await;
    }

    /// Returns once some more requests were not.
    pub(super) async fn suffers(&self) {
        let before = self.tally.failed();
        eventually_within(Duration::from_mins(1), || async { self.tally.failed() > before + 20 }).await;
    }

    /// Returns once clients have seen this some times.
    pub(super) async fn sees(&self, word: &str) {
        let often = || self.tally.seen().iter().any(|(what, times)| what.starts_with(word) && *times > 10);
        eventually_within(Duration::from_mins(1), || async { often() }).await;
    }

    /// The fault is over at this moment: how long it takes to be as before is measured from here.
    pub(super) async fn heals_since(&mut self, moment: Instant) {
        self.healed = Some(self.prober.answered_after(moment).await);
        self.goes_on().await;
    }

    /// The same for a fault of writes alone, which is over now.
    pub(super) async fn writes_again(&mut self) {
        let (moment, before) = (Instant::now(), self.tally.acknowledged());
        eventually_within(Duration::from_mins(1), || async { self.tally.acknowledged() > before }).await;
        self.healed = Some(moment.elapsed());
        self.goes_on().await;
    }

    /// The fault is over now.
    pub(super) async fn heals(&mut self) {
        self.heals_since(Instant::now()).await;
    }

    /// Ends the clients and looks at what there is. `allowed` lists what clients may have seen besides
    /// `expected`, which some must have.
    pub(super) async fn end(self, allowed: &[&str], expected: &[&str]) {
        self.goes_on().await;
        self.prober.end().await;
        self.load.end(&self.tally).await;
        let client = connect(&self.database).await.unwrap();
        let open = format!("SELECT count(*) {SESSIONS} AND state LIKE 'idle in transaction%'");
        eventually(|| async { client.query_one(&open, &[]).await.unwrap().get::<_, i64>(0) == 0 }).await;
        self.over.store(true, Ordering::Relaxed);
        let most = self.most.await.unwrap();
        assert!(most <= self.cap, "{most} connections of {}", self.cap);
        let compared = self.tally.compare(&client).await;
        assert_eq!((compared.lost, compared.too_many), (0, 0), "{compared:?}");
        let seen = self.tally.seen();
        let is_allowed = |what: &str| what == FINE || allowed.iter().chain(expected).any(|word| what.starts_with(word));
        assert!(seen.keys().all(|what| is_allowed(what)), "{seen:?}");
        for word in expected {
            assert!(seen.keys().any(|what| what.starts_with(word)), "nobody saw {word}: {seen:?}");
        }
        eprintln!("{}: {seen:?}, {compared:?}, healed after {:?}", self.fault, self.healed);
        Row::new(self.fault, &seen, self.healed, (most, self.cap), &compared).write();
    }
}

/// Counts the proxy's sessions again and again, as long as the database lets it.
async fn count(database: String, over: Arc<AtomicBool>) -> i64 {
    let count = format!("SELECT count(*) {SESSIONS}");
    let mut most = 0;
    while !over.load(Ordering::Relaxed) {
        let Ok(client) = connect(&database).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while !over.load(Ordering::Relaxed)
            && let Ok(Ok(row)) = tokio::time::timeout(Duration::from_secs(2), client.query_one(&count, &[])).await
        {
            most = most.max(row.get(0));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    most
}

/// A direct connection, which must be had soon.
pub(super) async fn connect(url: &str) -> Result<Client, String> {
    let connecting = tokio::time::timeout(Duration::from_secs(2), tokio_postgres::connect(url, NoTls)).await;
    let (client, connection) = connecting.map_err(|_| "no answer")?.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(client)
}
