//! A dialogue that began with postscreen's built-in engine (`postscreen_pass_after_deep_tests`):
//! smtpd hears the commands that count, and the client hears the reply to the last of them.
//!
//! The client has had 250 for HELO and MAIL already. Where this session thinks otherwise, its
//! refusal is the reply to RCPT.

use super::{End, Session};
use crate::smtpd::passed::Replay;

impl Session {
    /// Goes on where the engine was; before [`Session::run`].
    pub fn resume(&mut self, replay: Box<Replay>) {
        self.talk.tls = replay.tls.clone();
        self.replay = Some(replay);
    }

    /// Hears the commands; false ends the session.
    pub(super) async fn replay(&mut self) -> Result<bool, End> {
        let Some(replay) = self.replay.take() else { return Ok(true) };
        let mut refusal = self.swallow();
        for command in &replay.commands {
            if refusal.is_some() || self.hang_up {
                break;
            }
            self.io.push_front(&[command, b"\r\n".as_slice()].concat());
            if !self.turn().await? {
                return Ok(false);
            }
            let is_last = std::ptr::eq(command, replay.commands.last().unwrap_or(command));
            if !is_last {
                refusal = self.swallow();
            }
        }
        if let Some(refusal) = refusal {
            for line in refusal.lines() {
                self.io.say(line);
            }
        }
        self.io.push_front(&replay.rest);
        Ok(true)
    }

    /// Takes a reply that the client is not to hear; one that refuses comes back.
    fn swallow(&mut self) -> Option<String> {
        let reply = String::from_utf8_lossy(&self.io.take_unsent()).into_owned();
        reply.starts_with(['4', '5']).then_some(reply)
    }
}
