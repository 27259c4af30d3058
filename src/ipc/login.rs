//! smtpd to pamauth, which asks PAM whether a password is right; and pamauth to the processes in
//! which it does so.

use serde::{Deserialize, Serialize};

/// The name of the socket in `private`.
pub const SOCKET: &str = "pamauth";

/// Longest question, in bytes. Name and password come from one response of a client's.
pub const QUESTION_MAX: usize = 32 << 10;

/// Is this the password of this user, and may the user log in?
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// `smtpd_sasl_service`: the file in /etc/pam.d.
    pub service: String,
    /// The name.
    pub user: String,
    /// The password.
    pub password: Vec<u8>,
    /// The client's address.
    pub client: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Yes.
    Right,
    /// No; PAM's words.
    Wrong(String),
    /// PAM cannot say; why.
    Unknown(String),
}

/// Passwords stay out of logs.
impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Question");
        out.field("service", &self.service).field("user", &self.user).finish_non_exhaustive()
    }
}
