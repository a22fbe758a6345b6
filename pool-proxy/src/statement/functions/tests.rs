//! What each kind of function means.

use super::super::Refusal;
use super::{Function, HARMLESS, LEAVES_NOTHING, RUNS_INPUT, RUNS_TEXT, Volatility};

const VOLATILE: Volatility = Volatility::Volatile;
const STABLE: Volatility = Volatility::Stable;
const CATALOGUE: u32 = 11;
const SQL: u32 = 14;

fn builtin(name: &str, volatility: Volatility) -> Function {
    Function {
        oid: 2000,
        namespace: CATALOGUE,
        full_name: format!("pg_catalog.{name}"),
        name: name.into(),
        volatility,
        language: super::INTERNAL,
        extension: None,
        aggregate: false,
    }
}

fn users(name: &str, volatility: Volatility, language: u32) -> Function {
    Function {
        oid: 20_000,
        namespace: 2200,
        full_name: format!("public.{name}"),
        language,
        ..builtin(name, volatility)
    }
}

fn check(function: &Function, cacheable: Result<(), Refusal>, clean: bool, allowed: bool) {
    let effect = function.effect();
    assert_eq!((effect.cacheable, effect.clean, effect.allowed), (cacheable, clean, allowed), "{}", function.title());
}

#[test]
fn judges_postgres_own_functions() {
    let (volatile, session) = (Err(Refusal::Volatile), Err(Refusal::Session));
    check(&builtin("lower", STABLE), Ok(()), true, true);
    check(&builtin("now", STABLE), Ok(()), true, true);
    check(&builtin("random", VOLATILE), volatile, true, true);
    check(&builtin("nextval", VOLATILE), volatile, true, true);
    check(&builtin("setval", VOLATILE), volatile, true, false);
    check(&builtin("pg_notify", VOLATILE), volatile, true, false);
    check(&builtin("set_config", VOLATILE), volatile, false, false);
    check(&builtin("setseed", VOLATILE), volatile, false, false);
    check(&builtin("pg_advisory_xact_lock", VOLATILE), volatile, false, false);
    check(&builtin("some_new_one", VOLATILE), volatile, false, false);
    check(&builtin("pg_backend_pid", STABLE), session, true, true);
    check(&builtin("currval", VOLATILE), session, true, true);
    check(&builtin("table_to_xml", STABLE), volatile, false, false);
    check(&builtin("domain_in", STABLE), volatile, false, true);
}

#[test]
fn judges_users_functions() {
    let volatile = Err(Refusal::Volatile);
    check(&users("f", STABLE, SQL), Ok(()), false, true);
    check(&users("f", VOLATILE, SQL), volatile, false, true);
    check(&users("random", VOLATILE, SQL), volatile, false, true);
    check(&users("similarity", STABLE, super::C), Ok(()), false, true);
    check(&users("dblink", VOLATILE, super::C), volatile, false, false);
    check(&users("set_config", VOLATILE, super::INTERNAL), volatile, false, false);
    check(&users("gen_salt", VOLATILE, super::C), volatile, false, true);
    check(&users("crosstab", STABLE, super::C), volatile, false, false);
}

#[test]
fn a_name_alone_is_not_trusted() {
    let in_catalogue = Function { namespace: CATALOGUE, ..users("lower", STABLE, SQL) };
    assert!(!in_catalogue.effect().clean, "an id that initdb did not give");
    let in_public = Function { namespace: 2200, ..builtin("lower", STABLE) };
    assert!(!in_public.effect().clean, "a schema for users");
}

#[test]
fn no_function_is_on_two_lists() {
    for name in HARMLESS {
        for list in [LEAVES_NOTHING, RUNS_TEXT, RUNS_INPUT] {
            assert!(!list.contains(name), "{name}");
        }
    }
}
