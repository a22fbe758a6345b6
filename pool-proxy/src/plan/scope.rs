//! What the names of a plan are bound to while it runs, and the values of expressions.

use std::borrow::Cow;

use super::errors;
use super::generate;
use super::moment;
use super::room::{DEEPEST, Room, too_deep, weight};
use super::tree::{Expression, Generator, Name, Params, Placeholder, Plan, UNSETTLED};
use super::value::Value;
use crate::error::PlanError;

/// How often a name may lead to another one. Clients' own do so once at most; a circle has no end.
const LONGEST_CHAIN: usize = 32;

/// The bindings of one run, in the slots that the plan gave its names.
pub(super) struct Scope<'r> {
    slots: Vec<Slot<'r>>,
    plan: &'r Plan,
    params: &'r Params,
    /// What `now()` is for all of the request, in milliseconds since 1970.
    now: i64,
    pub(super) room: Room,
}

/// What one name is bound to.
pub(super) enum Slot<'r> {
    /// Nothing.
    Empty,
    /// What came with the request.
    Given(&'r Expression),
    /// What the plan came to.
    Bound(Value),
}

impl<'r> Scope<'r> {
    /// At the start of a run.
    pub(super) fn new(plan: &'r Plan, params: &'r Params, now: i64, room: Room) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(plan.slots(), || Slot::Empty);
        for (name, value) in params.iter() {
            if let Some(slot) = plan.slot(name).and_then(|slot| slots.get_mut(slot)) {
                *slot = Slot::Given(value);
            }
        }
        Self { slots, plan, params, now, room }
    }

    /// Binds a name; gives what it was bound to before.
    pub(super) fn bind(&mut self, name: &Name, value: Slot<'r>) -> Slot<'r> {
        match self.slots.get_mut(name.slot) {
            Some(slot) => std::mem::replace(slot, value),
            None => Slot::Empty,
        }
    }

    /// The value of a name, undefined if it has none. It is moved out if nobody asks for it again.
    pub(super) fn take(&mut self, name: &Name) -> Result<Value, PlanError> {
        match self.slots.get_mut(name.slot) {
            Some(Slot::Bound(value)) if name.is_last => Ok(std::mem::take(value)),
            _ => self.owned(self.look(name)?, 0),
        }
    }

    /// The value of a name where it is.
    pub(super) fn look(&self, name: &Name) -> Result<Cow<'_, Value>, PlanError> {
        match self.slots.get(name.slot) {
            Some(Slot::Bound(value)) => Ok(Cow::Borrowed(value)),
            Some(Slot::Given(expression)) => self.value(expression, 0),
            Some(Slot::Empty) | None => Ok(Cow::Owned(Value::Undefined)),
        }
    }

    /// A value for oneself, to be put into so many levels of lists and records.
    pub(super) fn owned(&self, value: Cow<'_, Value>, within: usize) -> Result<Value, PlanError> {
        match value {
            Cow::Borrowed(value) => self.room.copy(value, within),
            Cow::Owned(value) => Ok(value),
        }
    }

    /// The value of an expression, to be put into so many levels of lists and records.
    pub(super) fn value<'s>(&'s self, expression: &'s Expression, within: usize) -> Result<Cow<'s, Value>, PlanError> {
        self.evaluate(expression, LONGEST_CHAIN, within)
    }

    // Names lead to other expressions, so that these are deeper together than any of them.
    fn evaluate<'s>(
        &'s self,
        expression: &'s Expression,
        chain: usize,
        within: usize,
    ) -> Result<Cow<'s, Value>, PlanError> {
        match expression {
            _ if within > DEEPEST => Err(too_deep()),
            Expression::Literal(value) => Ok(Cow::Borrowed(value)),
            Expression::Placeholder(placeholder) => self.placeholder(placeholder, chain, within),
            Expression::Generator(generator) => self.generator(generator, chain, within).map(Cow::Owned),
            Expression::List(values) => self.list(values, chain, within + 1).map(|list| Cow::Owned(Value::List(list))),
        }
    }

    fn list(&self, values: &[Expression], chain: usize, within: usize) -> Result<Vec<Value>, PlanError> {
        let mut list = Vec::with_capacity(values.len());
        for value in values {
            list.push(self.owned(self.evaluate(value, chain, within)?, within)?);
        }
        Ok(list)
    }

    fn placeholder<'s>(
        &'s self,
        placeholder: &'s Placeholder,
        chain: usize,
        within: usize,
    ) -> Result<Cow<'s, Value>, PlanError> {
        let name = &placeholder.name;
        let slot = if name.slot == UNSETTLED { self.plan.slot(&name.text) } else { Some(name.slot) };
        let bound = slot.and_then(|slot| self.slots.get(slot));
        let given = match bound {
            Some(Slot::Given(expression)) => Some(*expression),
            Some(_) => None,
            // The plan does not ask for it, but what came with the request does.
            None => self.params.get(&name.text),
        };
        let value = match (bound, given) {
            (Some(Slot::Bound(value)), _) => Cow::Borrowed(value),
            (_, Some(expression)) => match chain.checked_sub(1) {
                Some(chain) => self.evaluate(expression, chain, within)?,
                None => return Err(errors::refused("The query's parameters stand for each other")),
            },
            _ => Cow::Owned(Value::Undefined),
        };
        match &*value {
            Value::Undefined => Err(errors::internal(format!("Missing value for query variable {}", name.text))),
            Value::Text(text) if placeholder.is_date => match moment::parse(text) {
                Some(instant) => Ok(Cow::Owned(Value::Moment(instant))),
                None => Err(errors::internal("Invalid time value")),
            },
            _ => Ok(value),
        }
    }

    fn generator(&self, generator: &Generator, chain: usize, within: usize) -> Result<Value, PlanError> {
        // Pairs are lists in a list.
        let args = self.list(&generator.args, chain, within + 2)?;
        if let [left, right] = &*args {
            // Pairs of all of them.
            let pairs =
                count(left).saturating_mul(weight(right)).saturating_add(count(right).saturating_mul(weight(left)));
            self.room.take(pairs)?;
        }
        let value = generate::call(&generator.name, &args, self.now)?;
        if let Value::Text(text) = &value {
            self.room.take(text.len())?;
        }
        Ok(value)
    }
}

/// How many elements a value has; what is no list is one.
fn count(value: &Value) -> usize {
    match value {
        Value::List(elements) => elements.len(),
        _ => 1,
    }
}
