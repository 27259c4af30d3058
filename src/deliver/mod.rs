//! Delivery agents: one process each for onward mail, for mailboxes of users, for virtual
//! mailboxes and for commands; and the one for policy services and other servers of commands.

pub mod local;
pub mod pipe;
pub mod smtp;
pub mod spawn;
pub mod virtual_mailbox;
