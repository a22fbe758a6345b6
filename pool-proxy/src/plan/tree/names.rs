//! Gives each name of a plan a slot, and finds where the value of a name is asked for the last time.
//!
//! It walks from the end of a plan to its beginning, so that it knows at each node what is still asked for behind it.

use std::collections::HashMap;

use super::{Expression, Name, Node, Statement};

/// Settles all names of a plan.
pub(super) fn settle(root: &mut Node) -> Names {
    let mut names = Names::default();
    names.node(root);
    names
}

/// The names of a plan.
#[derive(Default)]
pub(super) struct Names {
    /// The slot of each.
    pub(super) slots: HashMap<Box<str>, usize>,
    /// Something is generated that is not the same each time.
    pub(super) is_volatile: bool,
    /// Something is written, or a transaction is opened to do so.
    pub(super) writes: bool,
    /// For each slot, whether its value is asked for behind the place where the walk is.
    is_wanted: Vec<bool>,
}

impl Names {
    fn node(&mut self, node: &mut Node) {
        match node {
            Node::Query(statement) => self.statement(statement),
            Node::Execute(statement) => {
                self.writes = true;
                self.statement(statement);
            }
            Node::Get(name) => self.taken(name),
            Node::Let(of) => {
                // What is bound here is of no use behind it; what it hides may be.
                let hidden: Vec<bool> = of
                    .bindings
                    .iter_mut()
                    .map(|binding| {
                        let slot = self.slot(&mut binding.name);
                        std::mem::replace(&mut self.is_wanted[slot], false)
                    })
                    .collect();
                self.node(&mut of.expr);
                for (binding, is_wanted) in of.bindings.iter_mut().zip(hidden).rev() {
                    self.is_wanted[binding.name.slot] = is_wanted;
                    self.node(&mut binding.expr);
                }
            }
            Node::Transaction(of) => {
                self.writes = true;
                self.node(of);
            }
            Node::Unique(of) | Node::Required(of) | Node::Reverse(of) => self.node(of),
            Node::MapField(of) => self.node(&mut of.records),
            Node::DataMap(of) => self.node(&mut of.expr),
            Node::Validate(of) => self.node(&mut of.expr),
            Node::Join(of) => {
                // As they are run: a parent that is there already is taken when all children are.
                let is_there = matches!(of.parent, Node::Get(_));
                if is_there {
                    self.node(&mut of.parent);
                }
                of.children.iter_mut().rev().for_each(|child| self.node(&mut child.node));
                if !is_there {
                    self.node(&mut of.parent);
                }
            }
            Node::Seq(nodes) | Node::Concat(nodes) | Node::Sum(nodes) => {
                nodes.iter_mut().rev().for_each(|node| self.node(node));
            }
            Node::Value(expression) => self.expression(expression),
            Node::If(of) => {
                // One of the two is run; that both were costs no more than a copy.
                self.node(&mut of.otherwise);
                self.node(&mut of.then);
                self.node(&mut of.value);
            }
            Node::Diff(of) => {
                self.node(&mut of.to);
                self.node(&mut of.from);
            }
            Node::FirstNonEmpty(of) => of.names.iter_mut().rev().for_each(|name| self.taken(name)),
            Node::Process(of) => {
                self.operations(&mut of.operations);
                self.node(&mut of.expr);
            }
            Node::Unit => {}
            Node::InitializeRecord(of) => {
                let values = of.fields.iter_mut().filter_map(|(_, field)| field.value.as_mut());
                values.for_each(|value| self.expression(value));
                self.node(&mut of.expr);
            }
            Node::MapRecord(of) => {
                of.fields.iter_mut().for_each(|(_, field)| self.expression(&mut field.value));
                self.node(&mut of.expr);
            }
        }
    }

    fn operations(&mut self, operations: &mut super::Operations) {
        if let Some(cursor) = operations.pagination.as_mut().and_then(|pagination| pagination.cursor.as_mut()) {
            for (_, value) in cursor {
                self.expression(value);
            }
        }
        operations.nested.iter_mut().for_each(|(_, nested)| self.operations(nested));
    }

    fn statement(&mut self, statement: &mut Statement) {
        statement.args.iter_mut().for_each(|argument| self.expression(argument));
    }

    /// Expressions look at values and leave them where they are.
    fn expression(&mut self, expression: &mut Expression) {
        match expression {
            Expression::Literal(_) => {}
            Expression::Placeholder(placeholder) => {
                let slot = self.slot(&mut placeholder.name);
                self.is_wanted[slot] = true;
            }
            Expression::Generator(generator) => {
                self.is_volatile |= generator.is_volatile();
                generator.args.iter_mut().for_each(|value| self.expression(value));
            }
            Expression::List(values) => values.iter_mut().for_each(|value| self.expression(value)),
        }
    }

    fn taken(&mut self, name: &mut Name) {
        let slot = self.slot(name);
        name.is_last = !std::mem::replace(&mut self.is_wanted[slot], true);
    }

    fn slot(&mut self, name: &mut Name) -> usize {
        let next = self.slots.len();
        name.slot = if let Some(slot) = self.slots.get(&name.text) {
            *slot
        } else {
            self.slots.insert(name.text.clone(), next);
            self.is_wanted.push(false);
            next
        };
        name.slot
    }
}
