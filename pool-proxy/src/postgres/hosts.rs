//! Several hosts: the first that will do. One that does not answer holds nobody up for long.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::address::{ConnectError, Stage};
use super::target::{Host, Target};

/// How long a host is waited for before the next is asked besides, as between addresses in RFC 8305, section 5. The other
/// may be down without saying so, which is told from a slow one by nothing but time.
const HEAD_START: Duration = Duration::from_millis(250);

/// How far an attempt came that failed.
pub(super) trait Reached: From<ConnectError> {
    /// The stage at which it ended.
    fn stage(&self) -> Stage;
}

impl Reached for ConnectError {
    fn stage(&self) -> Stage {
        self.stage
    }
}

impl Target {
    /// What the first host has to give that gives anything. They are asked in their order, each as soon as the one before
    /// it has failed, or has not answered for a while.
    ///
    /// # Errors
    /// Of all hosts, the error of the attempt that came farthest.
    pub(super) async fn first_of<'a, T, E, F>(&'a self, attempt: impl Fn(&'a Host) -> F) -> Result<T, E>
    where
        E: Reached,
        F: Future<Output = Result<T, E>>,
    {
        let mut farthest = E::from(ConnectError::new(Stage::Dns, "the connection URL names no host"));
        let mut hosts = self.hosts.iter();
        let mut running = FuturesUnordered::new();
        let mut patience = Instant::now();
        loop {
            // The first, and the next once there is a reason.
            if (running.is_empty() || patience <= Instant::now())
                && let Some(host) = hosts.next()
            {
                running.push(attempt(host));
                patience = Instant::now() + HEAD_START;
            }
            tokio::select! {
                ended = running.next() => match ended {
                    None => return Err(farthest),
                    Some(Ok(found)) => return Ok(found),
                    Some(Err(error)) => {
                        if error.stage() >= farthest.stage() {
                            farthest = error;
                        }
                        patience = Instant::now();
                    }
                },
                () = sleep_until(patience), if hosts.len() > 0 => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ConnectError, Host, Stage, Target};

    /// What becomes of an attempt, and after how many milliseconds.
    type Fate = (u64, Result<(), Stage>);

    /// Whose attempt succeeded, or how far the farthest came; how many hosts were asked.
    async fn outcome(fates: &[Fate]) -> (Result<usize, Stage>, usize) {
        let hosts: Vec<_> = (0..fates.len()).map(|number| format!("host{number}")).collect();
        let target = Target::new(&format!("postgres://app@{}/app", hosts.join(",")), None).unwrap();
        let asked = std::cell::Cell::new(0);
        let found = target.first_of(|host| {
            asked.set(asked.get() + 1);
            let Host::Tcp(name, _) = host else { panic!("{host:?}") };
            let number: usize = name.trim_start_matches("host").parse().unwrap();
            let (after, fate) = fates[number];
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                fate.map(|()| number).map_err(|stage| ConnectError::new(stage, ""))
            }
        });
        (found.await.map_err(|error| error.stage), asked.get())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_will_do_is_taken() {
        const NEVER: u64 = 10_000;
        for (case, fates, expected) in [
            ("the first", vec![(200, Ok(())), (0, Ok(()))], (Ok(0), 1)),
            ("the next, when one fails", vec![(5, Err(Stage::Tcp)), (5, Ok(())), (0, Ok(()))], (Ok(1), 2)),
            ("the next, when one is silent", vec![(NEVER, Err(Stage::Tcp)), (5, Ok(()))], (Ok(1), 2)),
            ("whoever is there first", vec![(300, Ok(())), (100, Ok(()))], (Ok(0), 2)),
            ("all fail", vec![(5, Err(Stage::Role)), (5, Err(Stage::Tcp))], (Err(Stage::Role), 2)),
            ("all fail, late", vec![(NEVER, Err(Stage::Tcp)), (5, Err(Stage::Dns))], (Err(Stage::Tcp), 2)),
        ] {
            assert_eq!(outcome(&fates).await, expected, "{case}");
        }
    }
}
