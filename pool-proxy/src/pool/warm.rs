//! The janitor of a pool: keeps the least number of connections open, and takes away what is dead, too old or too many.

use std::time::Duration;

use super::Pool;
use super::room::Look;
use crate::postgres::Server;

/// How often it looks.
const CALM: Duration = Duration::from_millis(500);

impl Pool {
    /// Keeps the least number of connections open, for as long as the process serves. While the database is down and
    /// nobody asks, this is the one that keeps trying. It takes no connection that is idle from anybody meanwhile.
    pub async fn keep_warm(self) {
        let mut look = Look::new();
        loop {
            let ageing = self.tidy();
            self.warm(ageing);
            self.make_room(&mut look).await;
            let jitter = Duration::from_millis(rand::random_range(0..100));
            tokio::time::sleep(CALM + jitter).await;
        }
    }

    /// Takes away what is idle and should not be there, and asks those that have been idle for long for a sign of life.
    /// Says whether one is too old and waits for another to take its place.
    fn tidy(&self) -> bool {
        let config = self.0.config;
        let size = self.size();
        let at_the_cap = size >= config.max;
        let mut spare = size.saturating_sub(config.min_idle);
        let mut replaced = false;
        let mut ageing = false;
        let mut keep = |server: &Server| {
            let old = server.is_expired();
            // One at a time, and where there is room for another, not before that is there.
            let retires = old && !replaced && (spare > 0 || at_the_cap);
            let trimmed = spare > 0 && server.resting() > config.idle_timeout;
            let unfit = !server.is_idle() || server.is_mute() || self.0.dialer.is_outdated(server);
            if retires || trimmed || unfit {
                replaced |= retires;
                spare = spare.saturating_sub(1);
                return false;
            }
            ageing |= old;
            server.check(&self.0.drain);
            true
        };
        // Those that were idle longest come first.
        self.0.connections.retain(|server, _| keep(server));
        self.0.dialer.retain(keep);
        ageing
    }

    fn warm(&self, ageing: bool) {
        let (dialer, config) = (&self.0.dialer, &self.0.config);
        let wanted = (config.min_idle + usize::from(ageing)).min(config.max);
        let missing = wanted.saturating_sub(self.size());
        if missing > 0 {
            let _ = dialer.want(missing);
        }
    }
}
