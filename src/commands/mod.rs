//! The commands: postfix, postconf, postmap, postqueue, sendmail and the others.
//!
//! Each module has one `main` that takes the arguments after the name, and returns the exit code.

pub mod postalias;
pub mod postconf;
pub mod postfix;
pub mod postmap;
pub mod getopt;
pub mod postcat;
pub mod postqueue;
pub mod postsuper;
pub mod queue_access;
pub mod speaker;
