//! The tags under which the proxy keeps posts, and the rules of when it forgets them.

use pool_client::{Cache, Error};
use uuid::Uuid;

use crate::Site;

/// Every list of published posts.
pub(super) const LISTS: &str = "posts";

/// One post, or that there is none of this id.
pub(super) fn post(id: Uuid) -> String {
    format!("post_{}", id.simple())
}

/// How reads that anybody may make are cached, under these tags.
pub(super) fn cache<T: Into<String>>(site: &Site, tags: impl IntoIterator<Item = T>) -> Cache {
    if site.settings.cache_ttl.is_zero() {
        return Cache::no_store();
    }
    Cache::ttl(site.settings.cache_ttl).swr(site.settings.cache_swr).tags(tags)
}

/// What came of a write, once the proxy has forgotten what a write that failed for us may have changed all the same.
pub(super) async fn settled<T>(site: &Site, written: Result<T, Error>, tags: &[String]) -> Result<T, Error> {
    // Its answer was lost, or too large, or nothing that we can read.
    let made =
        |error: &Error| error.outcome_unknown() || error.committed() == Some(true) || error.status() == Some(200);
    if written.as_ref().is_err_and(made) {
        forget(site, tags).await;
    }
    written
}

/// Makes the proxy forget what a write has changed. The write stands whatever comes of this: a failure is logged, and
/// readers may see the old answer until its time is over.
pub(super) async fn forget(site: &Site, tags: &[String]) {
    if tags.is_empty() {
        return;
    }
    if let Err(error) = site.db().invalidate(tags).await {
        site.runtime.log(&format!("cached posts could not be invalidated: {error}"));
    }
}
