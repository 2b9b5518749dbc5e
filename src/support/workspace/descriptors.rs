//! How many files a process may have open at once.

use rustix::process::{Resource, getrlimit, setrlimit};

/// For everything but tables: pipes, sockets, libraries, the engine's own.
const RESERVED: u64 = 64;
/// More files than this are not opened together, wherever that is allowed.
const MOST: usize = 1024;

/// Raises the soft limit to the hard one. Where that is not allowed, the limit is as it was.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// How many files of a table are opened together. A scan holds each of them twice, and several tables may be open.
pub fn at_once() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(RESERVED) / 4).unwrap_or(MOST).clamp(1, MOST)
}
