//! Several hosts: the first that will do. One that does not answer holds nobody up for long.

use std::future::Future;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::address::{ConnectError, Stage};
use super::session_attrs::SessionAttrs;
use super::target::{Host, Target};

/// How long a host is waited for before the next is asked besides, as between addresses in RFC 8305, section 5. The other
/// may be down without saying so, which is told from a slow one by nothing but time.
const HEAD_START: Duration = Duration::from_millis(250);

/// How soon a host that has refused is asked again while another is silent: that one may be lost, and this one promoted.
const AGAIN: Duration = Duration::from_millis(400);

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
    /// it has failed; where only some will do, also when it has not answered for a while. Where any will do, a slow one is
    /// not passed over, as it is the one that was named first.
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
        let races = self.session_attrs != SessionAttrs::Any;
        let ask = |host: &'a Host, is_first: bool| attempt(host).map(move |outcome| (host, is_first, outcome));
        let (mut running, mut refused) = (FuturesUnordered::new(), Vec::new());
        // Hosts that have not answered since they were asked first; when the next is asked; when those are that have refused.
        let (mut silent, mut patience, mut again) = (0_usize, Instant::now(), Instant::now());
        loop {
            if (silent == 0 || (races && patience <= Instant::now()))
                && let Some(host) = hosts.next()
            {
                running.push(ask(host, true));
                silent += 1;
                patience = Instant::now() + HEAD_START;
            }
            if silent == 0 {
                return Err(farthest);
            }
            if races && again <= Instant::now() {
                running.extend(refused.drain(..).map(|host| ask(host, false)));
            }
            tokio::select! {
                ended = running.next() => {
                    let Some((host, is_first, outcome)) = ended else { return Err(farthest) };
                    silent -= usize::from(is_first);
                    match outcome {
                        Ok(found) => return Ok(found),
                        Err(error) => {
                            if error.stage() >= farthest.stage() {
                                farthest = error;
                            }
                            refused.push(host);
                            (patience, again) = (Instant::now(), Instant::now() + AGAIN);
                        }
                    }
                }
                () = sleep_until(patience), if races && hosts.len() > 0 => {}
                () = sleep_until(again), if races && !refused.is_empty() => {}
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
    async fn outcome(fates: &[Fate], attrs: &str) -> (Result<usize, Stage>, usize) {
        let hosts: Vec<_> = (0..fates.len()).map(|number| format!("host{number}")).collect();
        let url = format!("postgres://app@{}/app?target_session_attrs={attrs}", hosts.join(","));
        let target = Target::new(&url, None).unwrap();
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
            let asked = |asked: (_, usize)| (asked.0, asked.1.min(fates.len()));
            assert_eq!(asked(outcome(&fates, "read-write").await), expected, "{case}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_any_will_do_the_first_that_answers_at_all_is_taken() {
        for (case, fates, expected) in [
            ("slow", vec![(2000, Ok(())), (5, Ok(()))], (Ok(0), 1)),
            ("it fails late", vec![(2000, Err(Stage::Tcp)), (5, Ok(()))], (Ok(1), 2)),
            ("both fail", vec![(5, Err(Stage::Tls)), (5, Err(Stage::Tcp))], (Err(Stage::Tls), 2)),
        ] {
            assert_eq!(outcome(&fates, "any").await, expected, "{case}");
        }
    }

    /// The primary is lost without a word, and its standby promoted a little later.
    #[tokio::test(start_paused = true)]
    async fn while_one_is_silent_the_others_are_asked_again() {
        let target = Target::new("postgres://app@lost,standby/app?target_session_attrs=primary", None).unwrap();
        let begun = tokio::time::Instant::now();
        let promoted = begun + Duration::from_secs(2);
        let found = target.first_of(|host| async move {
            if *host == Host::Tcp("lost".to_owned(), 5432) {
                tokio::time::sleep(Duration::from_secs(10)).await;
                return Err(ConnectError::new(Stage::Tcp, "no answer"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            let is_promoted = tokio::time::Instant::now() >= promoted;
            is_promoted.then_some(()).ok_or_else(|| ConnectError::new(Stage::Role, "a standby"))
        });
        assert!(found.await.is_ok());
        assert!(promoted.elapsed() < super::AGAIN * 2, "{:?}", begun.elapsed());
    }
}
