//! Random operations by the real client against the proxy and against Prisma's own executor, each with a database of its
//! own: what the application gets is the same.

use std::env;

use harness::Dice;

use super::reference::Reference;
use super::wide::{Wide, wide_database};
use crate::clients::node_with;

/// How many operations each part has, five thousand in all. `POOL_PROXY_TEST_FUZZ` sets another number, for a longer hunt.
const OPERATIONS: &str = "1000";

/// Parts, each with dice of its own, so that several can be run at once.
macro_rules! parts {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                random_operations_end_as_with_the_reference().await;
            }
        )*
    };
}

parts! { part_one part_two part_three part_four part_five }

async fn random_operations_end_as_with_the_reference() {
    let wide = Wide::start().await;
    let database = wide_database().await;
    let reference = Reference::start(&database).await;
    let seed = Dice::new().seed().to_string();
    let operations = env::var("POOL_PROXY_TEST_FUZZ").unwrap_or_else(|_| OPERATIONS.to_owned());
    let variables = [
        ("ACCELERATE_URL", &*wide.url()),
        ("DATABASE_URL", &wide.database.url()),
        ("REFERENCE_ACCELERATE_URL", &reference.url()),
        ("REFERENCE_DATABASE_URL", &database.url()),
        ("POOL_PROXY_TEST_SEED", &seed),
        ("POOL_PROXY_TEST_FUZZ", &operations),
    ];
    let passed = node_with("prisma/differential.test.mjs", &variables).await;
    passed.unwrap_or_else(|said| panic!("{said}\nthe proxy:\n{}", wide.proxy.stderr()));
}
