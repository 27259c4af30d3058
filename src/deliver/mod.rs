//! Delivery agents: one process each for onward mail, for mailboxes of users, for virtual
//! mailboxes and for commands.

pub mod local;
pub mod pipe;
pub mod smtp;
pub mod virtual_mailbox;
