//! Users of this machine, remembered for a few seconds: a busy mailbox must not make the name
//! service busy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::Uid;

/// How long a user is remembered.
const MEMORY: Duration = Duration::from_secs(5);

/// More users than this are not remembered.
const REMEMBERED: usize = 10_000;

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
    pub(super) shell: String,
}

/// A failure of the name service, in its words.
#[derive(Clone, Debug)]
pub(super) struct LookupFailed(pub(super) String);

/// The users that were asked for last.
#[derive(Debug, Default)]
pub(super) struct Users {
    known: Mutex<HashMap<String, (Arc<User>, Instant)>>,
}

impl Users {
    /// The user of that name. A user that does not exist is asked for each time.
    pub(super) fn named(&self, name: &str) -> Result<Option<Arc<User>>, LookupFailed> {
        let now = Instant::now();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((user, since)) = known().get(name)
            && now.duration_since(*since) < MEMORY
        {
            return Ok(Some(user.clone()));
        }
        // A name with a NUL is no user, and cannot be asked for.
        if name.contains('\0') {
            return Ok(None);
        }
        let found = nix::unistd::User::from_name(name).map_err(failed)?;
        let Some(user) = found.map(|found| Arc::new(User::from(found))) else { return Ok(None) };
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(name.to_owned(), (user.clone(), now));
        Ok(Some(user))
    }

    /// The user of that number.
    pub(super) fn numbered(&self, uid: u32) -> Result<Option<Arc<User>>, LookupFailed> {
        let found = nix::unistd::User::from_uid(Uid::from_raw(uid)).map_err(failed)?;
        Ok(found.map(|found| Arc::new(User::from(found))))
    }
}

fn failed(error: nix::Error) -> LookupFailed {
    LookupFailed(crate::sys::spawn::error_text(&error.into()))
}

impl From<nix::unistd::User> for User {
    fn from(user: nix::unistd::User) -> Self {
        Self {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir.to_string_lossy().into_owned(),
            shell: user.shell.to_string_lossy().into_owned(),
        }
    }
}
