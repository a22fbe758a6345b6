//! One client: connects, waits until all are there, then asks until its time is up.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::Plan;
use crate::line::{Line, Said};
use crate::tally::Tally;

/// Longer than any time limit of a server.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    plan: Arc<Plan>,
    random: u64,
    line: Option<Line>,
    tally: Tally,
}

impl Client {
    pub(crate) fn new(number: usize, plan: Arc<Plan>) -> Self {
        // Distinct and never zero, the same in each run.
        let random = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { plan, random, line: None, tally: Tally::default() }
    }

    pub(crate) async fn live(mut self) -> Tally {
        let plan = Arc::clone(&self.plan);
        {
            // Never closed.
            let _door = plan.doors.acquire().await.ok();
            self.connect().await;
            if plan.hold {
                self.ask(Instant::now()..Instant::now()).await;
            }
        }
        plan.begin.wait().await;
        if plan.hold {
            std::future::pending::<()>().await;
        }
        let from = Instant::now() + plan.uncounted;
        let until = from + plan.time;
        while Instant::now() < until {
            if let Some(pace) = &plan.pace
                && timeout_at(until, pace.turn()).await.is_err()
            {
                break;
            }
            if self.line.is_none() {
                self.connect().await;
            }
            if !self.ask(from..until).await {
                break;
            }
        }
        self.tally
    }

    async fn connect(&mut self) {
        match timeout(PATIENCE, self.plan.target.connect()).await {
            Ok(Ok(line)) => self.line = Some(line),
            Ok(Err(failure)) => self.tally.fail(format!("connect: {failure}")),
            Err(_) => self.tally.fail("connect: no answer".to_owned()),
        }
        if self.line.is_none() {
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// False if there is nothing more to ask.
    async fn ask(&mut self, counted: Range<Instant>) -> bool {
        let drawn = self.draw();
        let Some(line) = &mut self.line else { return true };
        let Some(task) = self.plan.work.task(drawn) else { return false };
        let since = Instant::now();
        let said = timeout(PATIENCE, line.ask(&task)).await;
        let took = since.elapsed();
        let in_time = counted.contains(&Instant::now());
        match said {
            Ok(Ok(Said::Done { hit })) => self.tally.done(took, &task, hit, in_time),
            Ok(Ok(Said::Refused { status, retry_after })) => self.tally.refuse(status, took, retry_after),
            Ok(Err(failure)) => {
                self.line = None;
                self.tally.fail(failure.to_string());
            }
            Err(_) => {
                self.line = None;
                self.tally.fail("no answer".to_owned());
            }
        }
        true
    }

    /// Marsaglia's xorshift: the ids need be spread, not secret.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
