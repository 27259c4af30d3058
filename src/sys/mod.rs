//! The machine: everything that needs `unsafe`, users and groups, descriptors, confinement.
//! Knows no mail and no main.cf.
#![allow(unsafe_code, reason = "this is the one place for it; each block says why it is sound")]

#[cfg(feature = "berkdb")]
pub mod berkeley;
pub mod canonical_name;
pub mod clock;
pub mod confine;
pub mod date;
pub mod descriptors;
#[cfg(feature = "lmdb")]
pub mod lmdb;
pub mod netdb;
#[cfg(feature = "pam")]
pub mod pam;
pub mod pcre;
pub mod random;
pub mod regex;
pub mod spawn;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod users;

/// Microseconds since 1970 by the system clock.
pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}
