//! Parameters of the QMQP server.

use crate::config::parameter::kinds::{Bool, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Which clients may bring mail by QMQP: names, addresses, networks and tables.
    qmqpd_authorized_clients: Text = "";
    /// Whether the log of qmqpd(8) has the client's port behind its address.
    qmqpd_client_port_logging: Bool = "no";
    /// How long qmqpd(8) waits before it tells a client that its mail is not taken.
    qmqpd_error_delay: Time = "1s";
    /// How long a client of qmqpd(8) may be silent, or not listen.
    qmqpd_timeout: Time = "300s", Limits::at_least(1);
}
