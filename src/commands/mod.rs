//! The commands: postfix, postconf, postmap, postqueue, sendmail and the others.
//!
//! Each module has one `main` that takes the arguments after the name, and returns the exit code.

pub mod chat;
pub mod endpoint;
pub mod features;
pub mod getopt;
pub mod load;
pub mod postalias;
pub mod postcat;
pub mod postconf;
pub mod postdrop;
pub mod postfix;
pub mod postkick;
pub mod postlock;
pub mod postlog;
pub mod postmap;
pub mod postmulti;
#[cfg(feature = "sasl")]
pub mod postpasswd;
pub mod postqueue;
pub mod postsuper;
#[cfg(feature = "ssl")]
pub mod posttls_finger;
#[cfg(not(feature = "ssl"))]
#[path = "no_posttls_finger.rs"]
pub mod posttls_finger;
pub mod qmqp;
pub mod qshape;
pub mod queue_access;
pub mod sendmail;
pub mod smtp_sink;
pub mod smtp_source;
pub mod speaker;
pub mod submission;
