//! Query plans of Prisma's clients: a tree whose leaves are SQL, run on a session of the gateway.
//!
//! It knows neither HTTP nor who asks; the door hands in a request and writes what comes out.

mod plans;
pub mod value;

pub use plans::Plans;

// STUB
#[allow(missing_docs)]
mod stub {
    use crate::error::*;
    use crate::gateway::session::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    pub struct Plan;
    impl Plan {
        pub fn parse(_: &str) -> Result<Self, PlanError> {
            Ok(Self)
        }
    }
    pub struct Run;
    impl Run {
        pub fn new(
            _: Arc<Plan>,
            _: &str,
            _: Option<&BTreeMap<String, String>>,
            _: Option<super::log::Log>,
        ) -> Result<Self, PlanError> {
            Ok(Self)
        }
        pub fn is_volatile(&self) -> bool {
            false
        }
    }
    impl Script for Run {
        fn run<'a>(
            &'a self,
            _: &'a mut Session,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send + 'a>> {
            Box::pin(async { Err(Failure::Internal) })
        }
    }
}
pub use stub::{Plan, Run};
#[allow(missing_docs)]
pub mod log {
    #[derive(Default, Clone)]
    pub struct Log;
    impl Log {
        pub fn take(&self) -> Vec<String> {
            vec![]
        }
    }
}
#[allow(missing_docs)]
pub mod errors {
    use crate::error::*;
    pub fn of_database(error: &DatabaseError, _: bool) -> PlanError {
        PlanError { code: None, message: error.message.clone(), meta: None, sqlstate: Some(error.code.clone()) }
    }
}
