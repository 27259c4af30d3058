//! What every service process is built from: its birth, its confinement, its listeners, and the
//! agent's side of the connection with qmgr.

pub mod agent;
pub mod delivery_line;
pub mod birth;
mod faulty;
pub mod intake;
pub mod logging;
pub mod pass;
pub mod postdrop;
pub mod profile;
pub mod status_filter;
pub mod worker;
