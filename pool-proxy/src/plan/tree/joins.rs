//! How many joins a plan has in each other. Through the names that it gives to values there could be any number of them in a plan
//! that is not deep itself, and each puts records into records.

use super::{Name, Node};
use crate::error::PlanError;
use crate::plan::errors;

/// The most there may be. A plan without names has no more, since each takes four [levels](super::depth) of it.
const MOST: usize = super::depth::DEEPEST / 4;

/// Refuses a plan that has more, by its names' number of slots.
pub(super) fn check(root: &Node, slots: usize) -> Result<(), PlanError> {
    let mut joins = Joins { of_names: vec![0; slots], most: 0 };
    joins.within(root);
    if joins.most > MOST {
        return Err(errors::refused(format!("The query plan has more than {MOST} joins in each other")));
    }
    Ok(())
}

struct Joins {
    /// For each slot, how many there are in what its name is bound to.
    of_names: Vec<usize>,
    most: usize,
}

impl Joins {
    /// How many there are in what a node comes to. A copy has none: it is looked at when it is made.
    fn within(&mut self, node: &Node) -> usize {
        match node {
            Node::Get(name) => self.of_name(name),
            Node::FirstNonEmpty(of) => of.names.iter().map(|name| self.of_name(name)).max().unwrap_or_default(),
            Node::Let(of) => {
                let mut hidden = Vec::with_capacity(of.bindings.len());
                for binding in &of.bindings {
                    let count = self.within(&binding.expr);
                    hidden.push((&binding.name, self.bind(&binding.name, count)));
                }
                let count = self.within(&of.expr);
                while let Some((name, before)) = hidden.pop() {
                    self.bind(name, before);
                }
                count
            }
            Node::Join(of) => {
                let mut count = self.within(&of.parent);
                for child in &of.children {
                    count = count.max(self.within(&child.node) + 1);
                }
                self.most = self.most.max(count);
                count
            }
            Node::Unique(of) | Node::Required(of) | Node::Transaction(of) | Node::Reverse(of) => self.within(of),
            Node::MapField(of) => self.within(&of.records),
            Node::Validate(of) => self.within(&of.expr),
            Node::Process(of) => self.within(&of.expr),
            Node::MapRecord(of) => self.within(&of.expr),
            Node::Seq(nodes) => nodes.iter().map(|node| self.within(node)).last().unwrap_or_default(),
            Node::Concat(nodes) => nodes.iter().map(|node| self.within(node)).max().unwrap_or_default(),
            Node::If(of) => {
                self.within(&of.value);
                self.within(&of.then).max(self.within(&of.otherwise))
            }
            Node::Diff(of) => {
                self.within(&of.to);
                self.within(&of.from)
            }
            Node::DataMap(of) => {
                self.within(&of.expr);
                0
            }
            Node::InitializeRecord(of) => {
                self.within(&of.expr);
                0
            }
            Node::Sum(nodes) => {
                for node in nodes {
                    self.within(node);
                }
                0
            }
            Node::Query(_) | Node::Execute(_) | Node::Value(_) | Node::Unit => 0,
        }
    }

    fn of_name(&self, name: &Name) -> usize {
        self.of_names.get(name.slot).copied().unwrap_or_default()
    }

    fn bind(&mut self, name: &Name, count: usize) -> usize {
        self.of_names.get_mut(name.slot).map_or(0, |place| std::mem::replace(place, count))
    }
}
