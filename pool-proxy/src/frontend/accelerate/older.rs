//! Clients that send no plans.

use crate::error::{Failure, PlanError};

/// What a client is told that has no query compiler, and would need an engine here that reads its schema.
pub fn refuse() -> Failure {
    Failure::Plan(Box::new(PlanError {
        code: Some("P6006"),
        message: "this client sends no query plans: in schema.prisma, add engineType = \"client\" to the generator block \
                  (Prisma 6.16 to 6.19, with @prisma/extension-accelerate 2.0.2), or move to Prisma 7; then run prisma generate"
            .to_owned(),
        meta: None,
        sqlstate: None,
    }))
}
