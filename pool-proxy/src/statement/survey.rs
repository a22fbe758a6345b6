//! From one tree to a verdict: what the tree names is looked up, what lies behind that is read, until nothing new turns up.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join3};
use tokio_postgres::Client;
use tokio_postgres::types::{Kind as TypeKind, Type};

use super::catalog::{self, Behind, Relation};
use super::functions::Function;
use super::labels::FIRST_USER_OID;
use super::pins::pins;
use super::probe::Failure;
use super::tree::{Facts, SELECT, Unreadable};
use super::{Kind, Refusal, Safe, Verdict, plain};

/// Views upon views, partitions of partitions: deeper than this nobody goes on purpose.
const ROUNDS: usize = 32;

/// Follows `tree` through the catalogue. `params` count too: reading a parameter of a domain checks the domain.
pub(super) async fn survey(client: &Client, tree: &str, params: &[Type], safe: &Safe) -> Result<Verdict, Failure> {
    let mut facts = Facts::default();
    facts.add(tree).map_err(unreadable)?;
    let mut survey = Survey::start(&facts, params, safe)?;
    survey.verdict.rows = pins(tree);
    facts.types.extend(params.iter().filter(|param| needs_look(param)).map(Type::oid));
    let mut behind = Vec::new();
    for _ in 0..ROUNDS {
        let Some(next) = survey.ask(facts, std::mem::take(&mut behind))? else {
            return Ok(survey.verdict());
        };
        let named = join(catalog::functions(client, &next.facts), catalog::relations(client, &next.relations));
        let touched = join(
            catalog::behind_reading(client, &next.behind_reading),
            catalog::behind_writing(client, &next.behind_writing, &next.parts),
        );
        let used = join(
            catalog::behind_types(client, &next.facts.types),
            catalog::behind_aggregates(client, &next.aggregates),
        );
        let ((functions, relations), (reading, writing), (types, aggregates)) = join3(named, touched, used).await;
        functions?.iter().for_each(|function| survey.judge(function));
        relations?.into_iter().for_each(|relation| survey.meet(&relation));
        behind.extend(reading?);
        behind.extend(writing?);
        behind.extend(types?);
        behind.extend(aggregates?);
        facts = Facts::default();
    }
    Err(Failure::Unanalysable)
}

fn unreadable(_: Unreadable) -> Failure {
    Failure::Unanalysable
}

fn needs_look(param: &Type) -> bool {
    param.oid() >= FIRST_USER_OID && !matches!(param.kind(), TypeKind::Enum(_))
}

/// What one round looks up.
#[derive(Default, PartialEq, Eq)]
struct Questions {
    /// Functions, operators, subscripts and types.
    facts: Facts,
    relations: BTreeSet<u32>,
    behind_reading: BTreeSet<u32>,
    behind_writing: BTreeSet<u32>,
    parts: BTreeSet<&'static str>,
    aggregates: BTreeSet<u32>,
}

struct Survey<'s> {
    verdict: Verdict,
    safe: &'s Safe,
    /// Do the writes follow foreign keys?
    cascades: bool,
    /// Everything asked so far, so that no question comes twice; of a relation, whether it is written.
    asked: Facts,
    relations: BTreeMap<u32, bool>,
    /// What was met and is still to be opened: relations with children, a view's query or policies; written ones; aggregates.
    unopened: Questions,
    /// The plain kinds among the relations.
    base: BTreeSet<u32>,
    /// Types that are made by way of the text form, and those that are enumerations.
    casts: BTreeSet<u32>,
    enums: BTreeSet<u32>,
    /// Relations that are touched in other places than those where the statement names them.
    behind: BTreeSet<u32>,
}

impl<'s> Survey<'s> {
    /// What the statement's own tree says about the statement as a whole.
    fn start(facts: &Facts, params: &[Type], safe: &'s Safe) -> Result<Self, Failure> {
        let [command] = facts.commands[..] else {
            return Err(Failure::Unanalysable);
        };
        let kind = kind(command).filter(|_| !facts.bare).ok_or(Failure::Unanalysable)?;
        let verdict = Verdict {
            kind,
            cacheable: if facts.modifies { Err(Refusal::Writes) } else { Ok(()) },
            derivable: if facts.modifies { Err(Refusal::Writes) } else { Ok(()) },
            contained: true,
            timed: plain::timed(params),
            params: params.len(),
            clean: true,
            reads_sequence_state: false,
            restricted: Ok(()),
            reads: Vec::new(),
            writes: Vec::new(),
            rows: BTreeMap::new(),
        };
        Ok(Self {
            verdict,
            safe,
            cascades: facts.cascades,
            asked: Facts::default(),
            relations: BTreeMap::new(),
            unopened: Questions::default(),
            base: BTreeSet::new(),
            casts: BTreeSet::new(),
            enums: BTreeSet::new(),
            behind: BTreeSet::new(),
        })
    }

    /// The next round's questions: what the last one brought up, less what was asked before. None: nothing is open.
    fn ask(&mut self, mut facts: Facts, behind: Vec<Behind>) -> Result<Option<Questions>, Failure> {
        for found in behind {
            self.open(found, &mut facts)?;
        }
        self.note(&facts);
        let mut next = std::mem::take(&mut self.unopened);
        let reads = facts.reads.iter().map(|oid| (*oid, false));
        for (oid, written) in reads.chain(facts.writes.iter().map(|oid| (*oid, true))) {
            let known = self.relations.get(&oid).copied();
            // Met before as read only: it is met again, and what is behind it opened again, as written.
            if known.is_none() || (written && known == Some(false)) {
                next.relations.insert(oid);
                self.relations.insert(oid, written);
            }
        }
        next.facts.functions = fresh(&mut self.asked.functions, facts.functions);
        next.facts.operators = fresh(&mut self.asked.operators, facts.operators);
        next.facts.subscripted = fresh(&mut self.asked.subscripted, facts.subscripted);
        next.facts.types = fresh(&mut self.asked.types, facts.types);
        Ok(if next == Questions::default() { None } else { Some(next) })
    }

    fn open(&mut self, found: Behind, facts: &mut Facts) -> Result<(), Failure> {
        match found {
            Behind::Tree(tree) => {
                self.name_behind(&tree)?;
                facts.add(&tree).map_err(unreadable)?;
            }
            Behind::View { of, tree } => {
                let view = self.name_behind(&tree)?;
                // Writing a view writes something below it; which relation, only the rewriter knows.
                if self.is_written(of) {
                    facts.writes.extend(&view.reads);
                }
                facts.add(&tree).map_err(unreadable)?;
            }
            Behind::Child { of, relation } if self.is_written(of) => {
                self.behind.insert(relation);
                facts.writes.insert(relation);
            }
            Behind::Child { relation, .. } => {
                self.behind.insert(relation);
                facts.reads.insert(relation);
            }
            Behind::Cascade { relation } if self.cascades => {
                self.behind.insert(relation);
                facts.writes.insert(relation);
            }
            Behind::Cascade { .. } => {}
            Behind::Type(oid) => _ = facts.types.insert(oid),
            Behind::Enum(oid) => _ = self.enums.insert(oid),
            Behind::Function(oid) => _ = facts.functions.insert(oid),
            Behind::Trigger | Behind::Rule => (self.verdict.clean, self.verdict.contained) = (false, false),
        }
        Ok(())
    }

    /// What a tree behind a relation says; the relations it names are touched in ways that the statement does not show.
    fn name_behind(&mut self, tree: &str) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        facts.add(tree).map_err(unreadable)?;
        self.behind.extend(facts.reads.iter().chain(&facts.writes));
        Ok(facts)
    }

    fn is_written(&self, oid: u32) -> bool {
        self.relations.get(&oid).copied().unwrap_or_default()
    }

    /// What a tree says without any look-up.
    fn note(&mut self, facts: &Facts) {
        if facts.locks {
            self.refuse(Refusal::Locks);
        }
        if facts.current_of {
            self.refuse(Refusal::Session);
        }
        if facts.next_value || !facts.samples.is_empty() {
            self.refuse(Refusal::Volatile);
        }
        if facts.tells_time || facts.tells_storage || facts.parses {
            self.bind(Refusal::Changing);
        }
        self.casts.extend(facts.cast_by_text.iter().filter(|oid| !plain::is_plain(**oid)));
        if !facts.settings.iter().flatten().all(|name| is_known_setting(name)) || facts.settings.contains(&None) {
            self.bind(Refusal::Changing);
        }
        // A sampling method of an extension is C code of its own.
        self.verdict.clean &= facts.samples.iter().all(|handler| *handler < FIRST_USER_OID);
    }

    fn judge(&mut self, function: &Function) {
        if function.aggregate && !function.is_builtin() {
            self.unopened.aggregates.insert(function.oid);
        }
        let effect = function.effect();
        // Most are declared volatile only because that is what Postgres takes them for where nothing is said.
        let vouched_for = self.safe.contains(function);
        if let (Err(refusal), false) = (effect.cacheable, vouched_for) {
            self.refuse(refusal);
        }
        if let (Err(refusal), false) = (effect.derivable, vouched_for) {
            self.bind(refusal);
        }
        self.verdict.contained &= effect.contained || vouched_for;
        self.verdict.clean &= effect.clean;
        self.verdict.reads_sequence_state |= effect.reads_sequence_state;
        if !effect.allowed && self.verdict.restricted.is_ok() {
            self.verdict.restricted = Err(format!("function {} is not allowed for this principal", function.title()));
        }
    }

    fn meet(&mut self, relation: &Relation) {
        // Partitioned tables are kept beside their partitions: a change stream may name either (publish_via_partition_root).
        if relation.kind != "v" {
            self.base.insert(relation.oid);
        }
        // A materialised view is read as it was stored, not through its query.
        if relation.has_more && relation.kind != "m" {
            self.unopened.behind_reading.insert(relation.oid);
        }
        if self.is_written(relation.oid) {
            self.unopened.behind_writing.insert(relation.oid);
            self.unopened.parts.extend(&relation.written);
        }
        if relation.is_ours && self.verdict.restricted.is_ok() {
            self.verdict.restricted = Err("the schema pool_proxy is not for this principal".to_owned());
        }
        match (relation.kind.as_str(), relation.persistence.as_str()) {
            (_, "t") => self.taint(Refusal::Temporary),
            // A wrapper's connections and their settings live in the session; and what is behind it may be this database again.
            ("f", _) => {
                self.verdict.contained = false;
                self.taint(Refusal::Foreign);
            }
            // A sequence read as a table: no change stream tells of it.
            ("S", _) => self.refuse(Refusal::Volatile),
            _ if relation.oid < FIRST_USER_OID => self.bind(Refusal::Catalog),
            ("m", _) => self.bind(Refusal::Materialized),
            (_, "u") => self.bind(Refusal::Unlogged),
            _ => {}
        }
    }

    /// It may be kept for a time, but not until it changes.
    fn bind(&mut self, refusal: Refusal) {
        self.verdict.derivable = heavier(self.verdict.derivable, refusal);
    }

    fn taint(&mut self, refusal: Refusal) {
        self.verdict.clean = false;
        self.refuse(refusal);
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.verdict.cacheable = heavier(self.verdict.cacheable, refusal);
        self.bind(refusal);
    }

    fn verdict(mut self) -> Verdict {
        self.verdict.rows.retain(|relation, _| !self.behind.contains(relation));
        if !self.casts.is_subset(&self.enums) {
            self.bind(Refusal::Changing);
        }
        for (oid, written) in &self.relations {
            if self.base.contains(oid) {
                let list = if *written { &mut self.verdict.writes } else { &mut self.verdict.reads };
                list.push(*oid);
            }
        }
        self.verdict
    }
}

/// Of two reasons the one that is told.
fn heavier(before: Result<(), Refusal>, refusal: Refusal) -> Result<(), Refusal> {
    match before {
        Err(before) if before < refusal => Err(before),
        _ => Err(refusal),
    }
}

/// Settings that an answer may depend on: the two that a cache key holds.
fn is_known_setting(name: &str) -> bool {
    ["request.jwt.claims", "role"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Adds to `asked` and returns what was not in it.
fn fresh(asked: &mut BTreeSet<u32>, wanted: BTreeSet<u32>) -> BTreeSet<u32> {
    wanted.into_iter().filter(|oid| asked.insert(*oid)).collect()
}

/// `CmdType` of `nodes.h`. 5 is MERGE from Postgres 15 on; on 14 it is a utility statement, which no body may hold.
fn kind(command: u32) -> Option<Kind> {
    match command {
        SELECT => Some(Kind::Select),
        2 => Some(Kind::Update),
        3 => Some(Kind::Insert),
        4 => Some(Kind::Delete),
        5 => Some(Kind::Merge),
        _ => None,
    }
}
