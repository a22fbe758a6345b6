//! How many connections each database may have, and for how long.

use std::ops::RangeFrom;
use std::time::Duration;

use super::file::PoolSection;
use super::reader::{Read, Reader};
use super::sources;
use crate::pool::PoolConfig;

/// No Postgres takes more connections (the largest `max_connections`).
const MOST_CONNECTIONS: usize = 262_143;

/// How many connections, with where the numbers came from.
pub(super) struct Pool {
    max: Read<usize>,
    /// Unless somebody says otherwise it follows `max`.
    min_idle: Option<Read<usize>>,
    /// And so does this.
    transactions: Option<Read<usize>>,
    shared_reads: Read<bool>,
    max_lifetime: Read<Duration>,
    idle_timeout: Read<Duration>,
}

impl Pool {
    pub(super) fn everywhere(reader: &mut Reader<'_>, section: &PoolSection) -> Self {
        let default = PoolConfig::default();
        let max = [reader.variable(sources::POOL_MAX), reader.line(&section.max)];
        let max = reader.read("pool.max", max, default.max);
        let min_idle = [reader.variable(sources::POOL_MIN_IDLE), reader.line(&section.min_idle)];
        let min_idle = reader.given("pool.min_idle", min_idle);
        let transactions = reader.line(&section.transactions);
        let transactions = reader.given("pool.transactions", [transactions]);
        let shared_reads = [reader.variable(sources::POOL_SHARED_READS), reader.line(&section.shared_reads)];
        let shared_reads = reader.read("pool.shared_reads", shared_reads, default.shared_reads);
        let (max_lifetime, idle_timeout) = (Read::unsaid(default.max_lifetime), Read::unsaid(default.idle_timeout));
        let mut pool = Self { max, min_idle, transactions, shared_reads, max_lifetime, idle_timeout };
        pool.check(reader, "pool");
        let shown = pool.min_idle_or_default();
        reader.note("pool.min_idle", &shown);
        let shown = pool.transactions_or_default();
        reader.note("pool.transactions", &shown);
        pool.take_times(reader, "pool", section);
        pool
    }

    fn min_idle_or_default(&self) -> Read<usize> {
        let default = || Read::unsaid(PoolConfig::default().min_idle.min(self.max.value));
        self.min_idle.as_ref().map_or_else(default, Read::inherited)
    }

    fn transactions_or_default(&self) -> Read<usize> {
        let default = || Read::unsaid(PoolConfig::most_transactions(self.max.value));
        self.transactions.as_ref().map_or_else(default, Read::inherited)
    }

    pub(super) fn of(&self, reader: &mut Reader<'_>, key: &str, section: &PoolSection) -> PoolConfig {
        let own = section.max.is_some() || section.min_idle.is_some() || section.transactions.is_some();
        let (max_key, min_key) = (format!("{key}.pool.max"), format!("{key}.pool.min_idle"));
        let max = [reader.line(&section.max)];
        let max = reader.given(&max_key, max).unwrap_or_else(|| self.max.inherited());
        let min_idle = [reader.line(&section.min_idle)];
        let min_idle = reader.given(&min_key, min_idle).or_else(|| self.min_idle.as_ref().map(Read::inherited));
        let transactions_key = format!("{key}.pool.transactions");
        let transactions = reader.line(&section.transactions);
        let transactions = reader.given(&transactions_key, [transactions]);
        let transactions = transactions.or_else(|| self.transactions.as_ref().map(Read::inherited));
        let shared_key = format!("{key}.pool.shared_reads");
        let shared_reads = [reader.line(&section.shared_reads)];
        let shared_reads = reader.given(&shared_key, shared_reads).unwrap_or_else(|| self.shared_reads.inherited());
        let (max_lifetime, idle_timeout) = (self.max_lifetime.inherited(), self.idle_timeout.inherited());
        let mut pool = Self { max, min_idle, transactions, shared_reads, max_lifetime, idle_timeout };
        let (min_idle, transactions) = (pool.min_idle_or_default(), pool.transactions_or_default());
        reader.note(&max_key, &pool.max);
        reader.note(&min_key, &min_idle);
        reader.note(&transactions_key, &transactions);
        reader.note(&shared_key, &pool.shared_reads);
        if own {
            pool.check(reader, &format!("{key}.pool"));
        }
        pool.take_times(reader, &format!("{key}.pool"), section);
        let (max_lifetime, idle_timeout) = (pool.max_lifetime.value, pool.idle_timeout.value);
        PoolConfig {
            max: pool.max.value,
            transactions: transactions.value.min(pool.max.value),
            min_idle: min_idle.value,
            shared_reads: pool.shared_reads.value,
            max_lifetime,
            idle_timeout,
        }
    }

    /// What this section says of times, else what held before it.
    fn take_times(&mut self, reader: &mut Reader<'_>, key: &str, section: &PoolSection) {
        const LEAST: (RangeFrom<Duration>, &str) = (Duration::from_secs(1).., "expected at least 1s");
        let (lifetime, idle) = (format!("{key}.max_lifetime"), format!("{key}.idle_timeout"));
        self.max_lifetime = reader.bounded(&lifetime, &section.max_lifetime, &self.max_lifetime, LEAST);
        self.idle_timeout = reader.bounded(&idle, &section.idle_timeout, &self.idle_timeout, LEAST);
    }

    fn check(&self, reader: &mut Reader<'_>, key: &str) {
        let max = &self.max;
        if !max.sound {
            return;
        }
        if !(1..=MOST_CONNECTIONS).contains(&max.value) {
            let problem = format!("expected a whole number from 1 to {MOST_CONNECTIONS}");
            reader.refuse(&format!("{key}.max"), max, problem);
            return;
        }
        let most = || format!("expected at most {key}.max, which is {} ({})", max.value, max.origin);
        if let Some(min_idle) = self.min_idle.as_ref().filter(|min_idle| min_idle.value > max.value) {
            reader.refuse(&format!("{key}.min_idle"), min_idle, most());
        }
        match &self.transactions {
            Some(none) if none.value == 0 => {
                reader.refuse(&format!("{key}.transactions"), none, "expected at least 1");
            }
            Some(many) if many.value > max.value => {
                reader.refuse(&format!("{key}.transactions"), many, most());
            }
            _ => {}
        }
    }
}
