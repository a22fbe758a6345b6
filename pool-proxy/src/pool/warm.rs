//! The janitor of a pool: keeps the least number of connections open and takes away what is dead.

use std::time::Duration;

use super::Pool;
use super::room::Look;

/// How often it looks.
const CALM: Duration = Duration::from_millis(500);

impl Pool {
    /// Keeps the least number of connections open, for as long as the process serves. While the database is down and
    /// nobody asks, this is the one that keeps trying.
    pub async fn keep_warm(self) {
        let mut look = Look::new();
        loop {
            self.tidy();
            self.warm();
            self.make_room(&mut look).await;
            let jitter = Duration::from_millis(rand::random_range(0..100));
            tokio::time::sleep(CALM + jitter).await;
        }
    }

    /// What the server has closed counts for nothing.
    fn tidy(&self) {
        self.0.connections.retain(|server, _| server.is_idle());
        self.0.dialer.retain(|server| server.is_idle());
    }

    fn warm(&self) {
        let (dialer, config) = (&self.0.dialer, &self.0.config);
        let wanted = config.min_idle.min(config.max);
        let missing = wanted.saturating_sub(self.size());
        if missing > 0 {
            let _ = dialer.want(missing);
        }
    }
}
