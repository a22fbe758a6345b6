use super::Definitions;

#[test]
fn what_is_said_while_somebody_looks_is_looked_for_again() {
    let definitions = Definitions::default();
    assert!(definitions.are_settled());
    definitions.doubt();
    let seen = definitions.doubted();
    definitions.doubt();
    definitions.settle(seen);
    assert!(!definitions.are_settled());
    definitions.settle(definitions.doubted());
    // One who has looked before comes late.
    definitions.settle(seen);
    assert!(definitions.are_settled());
}

#[tokio::test]
async fn whoever_waits_for_a_doubt_is_told_of_one_that_was_there_before() {
    let definitions = Definitions::default();
    definitions.doubt();
    definitions.in_doubt().await;
    definitions.in_doubt().await;
    definitions.settle(definitions.doubted());
    let wait = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(wait, definitions.in_doubt()).await.is_err());
}
