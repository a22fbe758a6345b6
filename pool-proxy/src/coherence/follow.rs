//! From what the stream tells to what it means.

use std::collections::HashMap;

use crate::cache::message::{Message, PREFIX};
use crate::cache::{Published, RowKey, Scope, Transaction};
use crate::postgres::replication::{Change, Event, Replication, Row};

use super::{Coherence, Stop};

/// Rows of one relation that a transaction is told by; with more it is told by the relation.
const ROWS: usize = 1000;
/// And rows of all relations: each further one is told by its relation.
const MOST: usize = 10 * ROWS;

impl Coherence {
    /// Applies what the stream tells until there is no more.
    pub(super) async fn follow(&self, mut stream: Replication) -> Stop {
        let mut open: Option<Collected> = None;
        loop {
            let event = match stream.next().await {
                Ok(event) => event,
                Err(error) => return error.into(),
            };
            match event {
                Event::Begin(xid) => open = Some(Collected::new(xid)),
                Event::Change(change) => match &mut open {
                    Some(open) => open.add(change, &self.changes.followed()),
                    None => return Stop::Answered("a change outside of a transaction".to_owned()),
                },
                Event::Message { prefix, content } if prefix == PREFIX => match (Message::parse(&content), &mut open) {
                    (Some(Message::Defined), Some(open)) => open.transaction.defines = true,
                    (Some(Message::Doubted { by }), _) if by != self.changes.number() => {
                        self.changes.doubt_definitions();
                    }
                    (Some(Message::Invalidated { by, what }), _) if by != self.changes.number() => {
                        self.shelf.invalidate(&self.database.name, &what);
                    }
                    _ => {}
                },
                Event::Message { .. } => {}
                Event::Commit => {
                    if let Some(Collected { transaction, .. }) = open.take()
                        && (transaction.defines || !transaction.scope.is_empty())
                    {
                        self.shelf.discard(&self.changes.apply(&transaction));
                    }
                }
                Event::Progress(position) => self.changes.advance(position),
            }
        }
    }
}

/// A transaction that is being told.
struct Collected {
    transaction: Transaction,
    /// How many rows of each relation have been told.
    rows: HashMap<u32, usize>,
    /// How many were told one by one.
    named: usize,
}

impl Collected {
    fn new(xid: u32) -> Self {
        let transaction = Transaction { xid, scope: Scope::default(), defines: false };
        Self { transaction, rows: HashMap::new(), named: 0 }
    }

    fn add(&mut self, change: Change, followed: &Published) {
        let scope = &mut self.transaction.scope;
        match change {
            Change::Truncate(relations) => relations.into_iter().for_each(|relation| scope.add(relation)),
            Change::Rows { relation, rows } => {
                let told = self.rows.entry(relation).or_default();
                *told += rows.len();
                if *told > ROWS || self.named > MOST {
                    return scope.add(relation);
                }
                self.named += rows.len();
                // What is told by another identity than the one that is known names no row for certain.
                let identity = followed.get(relation).map_or(0, |told| told.identity.len());
                for row in rows {
                    match row {
                        Row::Known(values) if values.len() != identity => scope.add(relation),
                        Row::Known(values) => scope.add_row(relation, RowKey::new(values.iter().map(String::as_str))),
                        Row::Unknown => scope.add(relation),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
