//! Statements: sent when their node's turn comes, or ahead of it together with those of nodes that do not depend on each other.

use std::sync::Arc;

use super::super::log::Started;
use super::super::template::{self, Rendered, Terms};
use super::super::tree::{Node, Statement};
use super::super::value::{Number, Value};
use super::super::{errors, raw::Raw};
use super::place::{Place, Places};
use super::{Machine, Run, records};
use crate::error::{Failure, PlanError};
use crate::gateway::call::Query;
use crate::gateway::session::Sinks;

/// How many statements are sent at once at most, as each takes memory until it is answered.
pub(super) const MOST: usize = 16;

/// Results of statements whose turn has not come yet.
#[derive(Default)]
pub(super) struct Flight(Vec<(usize, Place)>);

impl Flight {
    fn take(&mut self, statement: &Statement) -> Option<Place> {
        let index = self.0.iter().position(|(place, _)| *place == place_of(statement))?;
        Some(self.0.swap_remove(index).1)
    }
}

/// Which one it is: a plan stays where it is while it runs.
fn place_of(statement: &Statement) -> usize {
    std::ptr::from_ref(statement).addr()
}

impl<'r> Machine<'r> {
    /// A statement whose rows are wanted.
    pub(super) async fn query(&mut self, statement: &'r Statement) -> Result<Value, Failure> {
        if let Some(place) = self.flight.take(statement) {
            return Ok(Value::List(place.into_rows()?.0));
        }
        let rendered = self.render(statement)?;
        if statement.is_raw {
            let results = self.send(rendered, &Raw, true).await?;
            let json = results.into_iter().next().ok_or(Failure::Internal)?.into_json()?;
            self.scope.room.take(json.len())?;
            return Ok(Value::Json(json));
        }
        let (wanted, room) = (vec![true; rendered.len()], self.scope.room.clone());
        let mut all = Vec::new();
        for place in self.send(rendered, &Places { wanted: &wanted, room: &room }, false).await? {
            let rows = place.into_rows()?.0;
            if all.is_empty() {
                all = rows;
            } else {
                all.extend(rows);
            }
        }
        Ok(Value::List(all))
    }

    /// A statement whose number of affected rows is wanted.
    pub(super) async fn execute(&mut self, statement: &'r Statement) -> Result<Value, Failure> {
        if let Some(place) = self.flight.take(statement) {
            return count(vec![place]);
        }
        let rendered = self.render(statement)?;
        if !statement.is_raw || !statement.args.is_empty() {
            let room = self.scope.room.clone();
            return count(self.send(rendered, &Places { wanted: &[], room: &room }, statement.is_raw).await?);
        }
        let rendered = rendered.into_iter().next().ok_or(Failure::Internal)?;
        self.text(rendered).await
    }

    /// SQL without parameters, which may be several statements. Postgres alone knows whether it is: then it refuses to
    /// prepare it. In a transaction that would be the end of it, were there no savepoint.
    async fn text(&mut self, rendered: Rendered) -> Result<Value, Failure> {
        let text = Arc::clone(&rendered.query.text);
        // Who may run one statement at a time has it judged before it is sent, and Postgres refuses several there.
        let is_guarded = self.session.is_in_transaction()
            && !self.session.is_restricted()
            && text.trim_end_matches([';', ' ', '\n']).contains(';');
        let command =
            |text: &str| Rendered { query: Query { text: text.into(), params: Vec::new(), pattern: None }, json: None };
        let statements = if is_guarded {
            vec![command("SAVEPOINT pool_proxy_text"), rendered, command("RELEASE pool_proxy_text")]
        } else {
            vec![rendered]
        };
        let (started, room) = (Started::now(), self.scope.room.clone());
        let failure = match self.send(statements, &Places { wanted: &[], room: &room }, true).await {
            Ok(mut results) if is_guarded => return count(vec![results.swap_remove(1)]),
            Ok(results) => return count(results),
            Err(failure) if is_several(&failure) => failure,
            Err(failure) => return Err(failure),
        };
        if is_guarded {
            let back = ["ROLLBACK TO pool_proxy_text", "RELEASE pool_proxy_text"].map(command);
            self.send(back.into(), &Places { wanted: &[], room: &room }, true).await?;
        } else if self.session.is_in_transaction() {
            return Err(failure);
        }
        Box::pin(self.session.run_text(&text)).await.map_err(|failure| errors::of_statement(failure, true))?;
        if let Some(log) = &self.run.log {
            log.push(started.ended(text, "[]".to_owned()));
        }
        Ok(Value::Number(Number::Int(0)))
    }

    /// Sends the first statement of each node in one flight and keeps what they come to. Only what is run in any case and
    /// whose arguments are there already is sent.
    pub(super) async fn run_ahead(&mut self, nodes: impl ExactSizeIterator<Item = &'r Node>) -> Result<(), Failure> {
        if nodes.len() < 2 {
            return Ok(());
        }
        let mut statements = Vec::with_capacity(nodes.len());
        let mut places = Vec::with_capacity(nodes.len());
        let mut wanted = Vec::with_capacity(nodes.len());
        for (statement, is_wanted) in nodes.filter_map(|node| self.first(node)).collect::<Vec<_>>() {
            if statement.is_raw {
                continue;
            }
            // What cannot be written fails when its turn comes; what was written in several is sent then.
            if let Ok(mut rendered) = self.render(statement)
                && rendered.len() == 1
            {
                statements.append(&mut rendered);
                places.push(place_of(statement));
                wanted.push(is_wanted);
            }
        }
        if statements.len() < 2 {
            return Ok(());
        }
        let room = self.scope.room.clone();
        let results = self.send(statements, &Places { wanted: &wanted, room: &room }, false).await?;
        self.flight.0.extend(places.into_iter().zip(results));
        Ok(())
    }

    /// The statement that a node begins with, whatever comes of it, and whether its rows are wanted.
    fn first(&self, node: &'r Node) -> Option<(&'r Statement, bool)> {
        match node {
            Node::Query(statement) => Some((statement, true)),
            Node::Execute(statement) => Some((statement, false)),
            Node::Let(of) => self.first(of.bindings.first().map_or(&of.expr, |binding| &binding.expr)),
            Node::Unique(of) | Node::Required(of) | Node::Reverse(of) => self.first(of),
            // Outside of a transaction it opens one.
            Node::Transaction(of) => self.first(of).filter(|_| self.session.is_in_transaction()),
            Node::MapField(of) => self.first(&of.records),
            Node::DataMap(of) => self.first(&of.expr),
            Node::Validate(of) => self.first(&of.expr),
            Node::Process(of) => self.first(&of.expr),
            Node::Join(of) => match &of.parent {
                // The children of nothing are not asked for.
                Node::Get(name) if records::is_absent(&*self.scope.look(name).ok()?) => None,
                Node::Get(_) => self.first(&of.children.first()?.node),
                parent => self.first(parent),
            },
            Node::Seq(nodes) | Node::Concat(nodes) | Node::Sum(nodes) => self.first(nodes.first()?),
            Node::If(of) => self.first(&of.value),
            Node::Diff(of) => self.first(&of.from),
            Node::InitializeRecord(of) => self.first(&of.expr),
            Node::MapRecord(of) => self.first(&of.expr),
            Node::Get(_) | Node::Value(_) | Node::FirstNonEmpty(_) | Node::Unit => None,
        }
    }

    fn render(&self, statement: &Statement) -> Result<Vec<Rendered>, PlanError> {
        let args: Vec<_> = statement.args.iter().map(|value| self.scope.value(value, 0)).collect::<Result<_, _>>()?;
        let Run { comment, log, .. } = self.run;
        template::render(statement, &args, &Terms { comment, is_logged: log.is_some(), room: &self.scope.room })
    }

    /// Runs statements in one flight, and writes down those with a list of their parameters.
    async fn send<S: Sinks>(
        &mut self,
        rendered: Vec<Rendered>,
        sinks: &S,
        is_raw: bool,
    ) -> Result<Vec<S::Sink>, Failure> {
        let (queries, params): (Vec<Query>, Vec<_>) = rendered.into_iter().map(|one| (one.query, one.json)).unzip();
        let started = Started::now();
        let outcome = Box::pin(self.session.run(&queries, sinks)).await;
        let results = outcome.map_err(|failure| errors::of_statement(failure, is_raw))?;
        if let Some(log) = &self.run.log {
            for (query, params) in queries.into_iter().zip(params) {
                if let Some(params) = params {
                    log.push(started.ended(query.text, params));
                }
            }
        }
        Ok(results)
    }
}

/// How many rows were affected in all.
fn count(results: Vec<Place>) -> Result<Value, Failure> {
    let mut sum = 0;
    for result in results {
        sum += result.into_rows()?.1;
    }
    Ok(Value::Number(Number::Int(i64::try_from(sum).unwrap_or(i64::MAX))))
}

/// Postgres does not prepare several statements at once.
fn is_several(failure: &Failure) -> bool {
    match failure {
        Failure::Plan(error) => {
            error.sqlstate.as_deref() == Some("42601") && error.message.contains("cannot insert multiple commands into")
        }
        _ => false,
    }
}
