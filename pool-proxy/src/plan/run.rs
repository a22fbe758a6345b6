//! Runs a plan on a session: one function for each kind of node, which asks for its children's values first.

mod flight;
mod place;
mod records;

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::coop::consume_budget;

use self::flight::Flight;
use super::errors;
use super::join::join;
use super::log::{Log, Started};
use super::process::{Means, process};
use super::room::Room;
use super::rules;
use super::scope::{Scope, Slot};
use super::shape;
use super::shape::plain;
use super::template;
use super::tree::{DataMap, FirstNonEmpty, If, Join, Let, MapField, Name, Node, Params, Plan, Process, Validate};
use super::value::Value;
use crate::error::{Failure, PlanError};
use crate::gateway::session::{Script, Session};

/// A plan and what one request makes of it.
pub struct Run {
    plan: Arc<Plan>,
    params: Params,
    /// Stands behind each statement.
    comment: String,
    log: Option<Log>,
    /// In milliseconds since 1970.
    now: i64,
}

impl Run {
    /// Of a request. `params` is JSON, an object; `comments` go behind each statement; what is run is written down in the
    /// log, if there is one.
    ///
    /// # Errors
    /// `P6000` for parameters that are no object, or nested too deeply, and for comments that are too long; `P6009` for too
    /// many values.
    pub fn new(
        plan: Arc<Plan>,
        params: &str,
        comments: Option<&BTreeMap<String, String>>,
        log: Option<Log>,
    ) -> Result<Self, PlanError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or_default();
        let comment = comments.map_or(Ok(String::new()), template::comment)?;
        Ok(Self { plan, params: Params::parse(params)?, comment, log, now })
    }

    /// Whether it generates values, such as ids or the time: what it comes to is not to be given to anybody else.
    pub fn is_volatile(&self) -> bool {
        self.plan.is_volatile() || self.params.is_volatile()
    }
}

impl Script for Run {
    fn may_be_kept(&self) -> bool {
        !self.plan.writes()
    }

    fn run<'a>(
        &'a self,
        session: &'a mut Session,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send + 'a>> {
        // What a first run did has not come to stay when there is another.
        if let Some(log) = &self.log {
            log.clear();
        }
        let limit = session.response_bytes();
        let scope = Scope::new(&self.plan, &self.params, self.now, Room::of(limit));
        let mut machine = Machine { run: self, session, scope, flight: Flight::default(), limit };
        Box::pin(async move { Ok(answer(machine.value(self.plan.root()).await?, limit)?) })
    }
}

/// `{"data":...}`, without it if there is none; in so many bytes.
fn answer(value: Value, limit: u64) -> Result<Vec<u8>, PlanError> {
    const BEFORE: &[u8] = b"{\"data\":";
    let mut body = match value {
        Value::Undefined => return Ok(b"{}".to_vec()),
        // Moved within what it takes already, however large it is.
        Value::Json(json) => {
            let mut body = json.into_string().into_bytes();
            body.reserve_exact(BEFORE.len() + 1);
            body.splice(0..0, BEFORE.iter().copied());
            body
        }
        other => {
            if plain::least(&other) as u64 > limit {
                return Err(shape::too_long(limit));
            }
            let mut body = BEFORE.to_vec();
            plain::write(&mut body, &other);
            body
        }
    };
    body.push(b'}');
    if body.len() as u64 > limit { Err(shape::too_long(limit)) } else { Ok(body) }
}

/// What a node comes to, when it has been run. Each node's future has only what it needs itself, since they stand in each other.
type Step<'m> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'm>>;

/// One run.
struct Machine<'r> {
    run: &'r Run,
    session: &'r mut Session,
    scope: Scope<'r>,
    /// What was run ahead of its turn.
    flight: Flight,
    /// How long the answer may be, in bytes.
    limit: u64,
}

impl<'r> Machine<'r> {
    fn value<'m>(&'m mut self, node: &'r Node) -> Step<'m> {
        match node {
            Node::Query(statement) => Box::pin(self.query(statement)),
            Node::Execute(statement) => Box::pin(self.execute(statement)),
            Node::Get(name) => done(self.scope.take(name)),
            Node::Let(of) => Box::pin(self.bind(of)),
            Node::Unique(of) => Box::pin(async move { Ok(records::unique(self.value(of).await?)?) }),
            Node::Required(of) => Box::pin(async move { Ok(records::required(self.value(of).await?)?) }),
            Node::MapField(of) => self.map_field(of),
            Node::DataMap(of) => Box::pin(self.data_map(of)),
            Node::Validate(of) => Box::pin(self.validate(of)),
            Node::Join(of) => Box::pin(self.join(of)),
            Node::Seq(nodes) => Box::pin(self.last_of(nodes)),
            Node::Concat(nodes) => Box::pin(async move { Ok(records::concat(self.all(nodes).await?)) }),
            Node::Sum(nodes) => Box::pin(async move { Ok(records::sum(&self.all(nodes).await?)?) }),
            Node::Value(expression) => {
                done(self.scope.value(expression, 0).and_then(|value| self.scope.owned(value, 0)))
            }
            Node::If(of) => Box::pin(self.choose(of)),
            Node::Diff(of) => Box::pin(async move {
                let from = self.value(&of.from).await?;
                Ok(records::diff(from, self.value(&of.to).await?, &of.fields))
            }),
            Node::FirstNonEmpty(of) => done(self.first_non_empty(of)),
            Node::Process(of) => Box::pin(self.process(of)),
            Node::Transaction(of) => Box::pin(self.transaction(of)),
            Node::Unit => done(Ok(Value::Undefined)),
            Node::Reverse(of) => Box::pin(async move { Ok(records::reverse(self.value(of).await?)) }),
            Node::InitializeRecord(of) => Box::pin(async move {
                self.value(&of.expr).await?;
                Ok(records::initialize(&of.fields, &self.scope)?)
            }),
            Node::MapRecord(of) => Box::pin(async move {
                let value = self.value(&of.expr).await?;
                Ok(records::map(value, &of.fields, &self.scope)?)
            }),
        }
    }

    // A plan may have thousands of nodes that wait for nothing, and others are to have their turn in between.
    async fn bind(&mut self, of: &'r Let) -> Result<Value, Failure> {
        let mut hidden: Vec<(&Name, Slot<'r>)> = Vec::with_capacity(of.bindings.len());
        for binding in &of.bindings {
            consume_budget().await;
            // The name is still what it was before while this is run.
            let value = self.value(&binding.expr).await?;
            hidden.push((&binding.name, self.scope.bind(&binding.name, Slot::Bound(value))));
        }
        let value = self.value(&of.expr).await?;
        while let Some((name, before)) = hidden.pop() {
            self.scope.bind(name, before);
        }
        Ok(value)
    }

    async fn last_of(&mut self, nodes: &'r [Node]) -> Result<Value, Failure> {
        let mut last = Value::Undefined;
        for node in nodes {
            consume_budget().await;
            last = self.value(node).await?;
        }
        Ok(last)
    }

    /// The values of nodes that do not depend on each other.
    async fn all(&mut self, nodes: &'r [Node]) -> Result<Vec<Value>, Failure> {
        let mut values = Vec::with_capacity(nodes.len());
        for nodes in nodes.chunks(flight::MOST) {
            self.run_ahead(nodes.iter()).await?;
            for node in nodes {
                consume_budget().await;
                values.push(self.value(node).await?);
            }
        }
        Ok(values)
    }

    fn map_field<'m>(&'m mut self, of: &'r MapField) -> Step<'m> {
        // The rest of the records stays where it is.
        if let Node::Get(name) = &of.records {
            let records = self.scope.look(name);
            return done(records.and_then(|records| records::field(&records, &of.field, &self.scope.room)));
        }
        Box::pin(async move {
            let records = self.value(&of.records).await?;
            Ok(records::field(&records, &of.field, &self.scope.room)?)
        })
    }

    async fn data_map(&mut self, of: &'r DataMap) -> Result<Value, Failure> {
        let value = self.value(&of.expr).await?;
        let mut out = Vec::new();
        shape::map(&value, &of.structure, &of.enums, self.limit, &mut out)?;
        self.scope.room.take(out.len())?;
        match String::from_utf8(out) {
            Ok(json) => Ok(Value::Json(json.into())),
            Err(_) => Err(Failure::Internal),
        }
    }

    async fn validate(&mut self, of: &'r Validate) -> Result<Value, Failure> {
        let value = self.value(&of.expr).await?;
        rules::check(of, &value)?;
        Ok(value)
    }

    async fn join(&mut self, of: &'r Join) -> Result<Value, Failure> {
        // A parent that is there already is taken when no child needs it any more.
        let (mut parent, is_there) = match &of.parent {
            Node::Get(name) if records::is_absent(&*self.scope.look(name)?) => (Value::Null, false),
            Node::Get(_) => (Value::Undefined, true),
            other => (self.value(other).await?, false),
        };
        // Nobody asks for the children of nothing: Postgres might refuse to look for them.
        if !is_there && records::is_absent(&parent) {
            return Ok(Value::Null);
        }
        let mut children = Vec::with_capacity(of.children.len());
        for group in of.children.chunks(flight::MOST) {
            self.run_ahead(group.iter().map(|child| &child.node)).await?;
            for child in group {
                consume_budget().await;
                children.push((child, self.value(&child.node).await?));
            }
        }
        if is_there {
            parent = self.value(&of.parent).await?;
        }
        Ok(join(parent, children, of.can_assume_strict_equality, &self.scope.room)?)
    }

    async fn choose(&mut self, of: &'r If) -> Result<Value, Failure> {
        let holds = match &of.value {
            Node::Get(name) => rules::holds(of.rule, &*self.scope.look(name)?),
            other => rules::holds(of.rule, &self.value(other).await?),
        };
        self.value(if holds { &of.then } else { &of.otherwise }).await
    }

    fn first_non_empty(&mut self, of: &FirstNonEmpty) -> Result<Value, PlanError> {
        for name in &of.names {
            if !records::is_empty(&*self.scope.look(name)?) {
                return self.scope.take(name);
            }
        }
        Ok(Value::List(Vec::new()))
    }

    async fn process(&mut self, of: &'r Process) -> Result<Value, Failure> {
        let value = self.value(&of.expr).await?;
        let evaluate = |expression: &_| self.scope.owned(self.scope.value(expression, 0)?, 0);
        Ok(process(value, &of.operations, Means { evaluate: &evaluate, room: &self.scope.room })?)
    }

    async fn transaction(&mut self, of: &'r Node) -> Result<Value, Failure> {
        if self.session.is_in_transaction() {
            return self.value(of).await;
        }
        self.session.begin().map_err(|failure| errors::of_statement(failure, false))?;
        match self.value(of).await {
            Ok(value) => {
                let started = Started::now();
                Box::pin(self.session.commit()).await.map_err(|failure| errors::of_statement(failure, false))?;
                self.write_down(&started, "COMMIT");
                Ok(value)
            }
            Err(failure) => {
                let started = Started::now();
                Box::pin(self.session.roll_back()).await;
                self.write_down(&started, "ROLLBACK");
                Err(failure)
            }
        }
    }

    fn write_down(&self, started: &Started, command: &str) {
        if let Some(log) = &self.run.log {
            log.push(started.ended(command.into(), "[]".to_owned()));
        }
    }
}

/// A value that needs no waiting.
fn done<'m>(value: Result<Value, PlanError>) -> Step<'m> {
    Box::pin(ready(value.map_err(Failure::from)))
}

#[cfg(test)]
mod tests;
