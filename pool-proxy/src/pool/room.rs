//! Making room for other proxies. What limits the connections of all of them together is Postgres itself (a role's
//! CONNECTION LIMIT, a database's, `max_connections`), and whoever came late may have got none: nobody can ask for one
//! without having one. So while the server is full, a pool that has more than one gives one up now and then, and leaves
//! the place free for a while.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Pool;

/// How often a pool looks whether the server is full. A call waits 5 seconds by default; another proxy's must not have
/// to wait that long.
const NEAR: Duration = Duration::from_millis(2500);
/// And as long as there are many places left.
const FAR: Duration = Duration::from_secs(10);
/// Fewer places than this are few.
const MANY: i64 = 10;
/// How long a place is left free: longer than the longest pause of whoever waits for it.
const LEFT_FREE: Duration = Duration::from_millis(700);
/// How long looking may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// When to look next.
pub(super) struct Look(Instant);

impl Look {
    pub(super) fn new() -> Self {
        Self(Instant::now() + NEAR)
    }
}

impl Pool {
    /// Gives up a connection if the server is full and this is not the only one.
    pub(super) async fn make_room(&self, look: &mut Look) {
        if Instant::now() < look.0 || self.size() < 2 {
            return;
        }
        // At the next occasion, if all are in use.
        let Ok(mut lease) = self.checkout(|| PATIENCE).await else { return };
        look.0 = Instant::now() + NEAR.mul_f64(rand::random_range(0.8..1.0));
        let Some(server) = lease.server() else { return };
        match timeout(PATIENCE, server.vacancies()).await {
            Ok(Ok(places)) if places <= 0 && self.size() > 1 => {
                tracing::debug!("the server is full: a connection is given up for others");
                self.0.dialer.leave_free(LEFT_FREE);
                lease.give_up();
            }
            Ok(Ok(places)) => {
                if places > MANY {
                    look.0 = Instant::now() + FAR;
                }
                lease.finish(false).await;
            }
            Err(_) => lease.give_up(),
            // Dropped: it is looked after in the background.
            Ok(Err(_)) => look.0 = Instant::now() + FAR,
        }
    }
}
