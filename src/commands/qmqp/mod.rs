//! qmqp-source(1) and qmqp-sink(1): give QMQP servers messages, and take messages from QMQP clients,
//! to see how they bear them.

pub mod sink;
pub mod source;
