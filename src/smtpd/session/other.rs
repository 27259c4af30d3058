//! The small commands: RSET NOOP VRFY ETRN HELP QUIT, and those that are not offered.

use std::time::Duration;

use super::command::Command;
use super::envelope::Grammar;
use super::{Done, Session};
use crate::ipc::channel;
use crate::ipc::control::{FromQmgr, ToQmgr};
use crate::mail::{address, hostname};
use crate::smtpd::anvil::Event;
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::smtpd::service::Intake;
use crate::wire::smtp_command::{self, Word};

/// How long qmgr may take to note a flush request.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

impl Session {
    pub(super) async fn say_ok(&mut self) -> Done {
        self.reply("250 2.0.0 Ok").await?;
        Ok(true)
    }

    pub(super) async fn rset(&mut self, words: &[Word<'_>]) -> Done {
        if words.len() != 1 {
            return self.refuse((Faults::PROTOCOL, "501 5.5.4 Syntax: RSET".into())).await;
        }
        let threshold = self.service.settings.limits.history;
        self.flush_history(threshold, None).await;
        self.reset_mail();
        self.reset_recipients();
        self.say_ok().await
    }

    pub(super) async fn quit(&mut self) -> Done {
        self.reply("221 2.0.0 Bye").await?;
        self.io.flush().await?;
        Ok(true)
    }

    pub(super) async fn help(&mut self) -> Done {
        let text = format!("214 2.0.0 Commands: {}", Command::sorted_names());
        self.reply(&text).await?;
        Ok(true)
    }

    pub(super) async fn vrfy(&mut self, words: &[Word<'_>]) -> Done {
        let settings = &self.service.settings;
        if settings.disable_vrfy {
            let text = "502 5.5.1 VRFY command is disabled".to_owned();
            return self.refuse((Faults::POLICY, text)).await;
        }
        let mut arguments = words.get(1..).unwrap_or_default();
        let mut smtputf8 = false;
        if settings.smtputf8
            && !self.withheld.has(Keywords::SMTPUTF8)
            && let Some((last, others)) = arguments.split_last()
            && last.text.eq_ignore_ascii_case("SMTPUTF8")
        {
            arguments = others;
            smtputf8 = true;
        }
        if arguments.is_empty() {
            let more = if settings.smtputf8 { " [SMTPUTF8]" } else { "" };
            let text = format!("501 5.5.4 Syntax: VRFY address{more}");
            return self.refuse((Faults::PROTOCOL, text)).await;
        }
        let strict_utf8 = settings.strict_smtputf8;
        if let Some(refusal) = self.too_many(Event::Recipient) {
            return self.refuse(refusal).await;
        }
        if let Some(reply) = self.milters_standing() {
            self.reply(&reply).await?;
            return Ok(false);
        }
        let argument = smtp_command::join(arguments);
        let grammar = Grammar { may_be_empty: false, strict: false, smtputf8 };
        let Some(mailbox) = self.address(&argument, grammar).await else {
            let text = "501 5.1.3 Bad recipient address syntax".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        };
        if strict_utf8 && !smtputf8 && !mailbox.is_ascii() {
            self.reply("553 5.6.7 Must declare SMTPUTF8 to send unicode address").await?;
            return Ok(false);
        }
        let saved = self.talk.smtputf8;
        self.talk.smtputf8 |= smtputf8;
        let refused = self.checks().recipient(&mailbox).await;
        self.talk.smtputf8 = saved;
        if let Some(reply) = refused? {
            self.reply(&reply).await?;
            return Ok(false);
        }
        self.reply(&format!("252 2.0.0 {argument}")).await?;
        Ok(true)
    }

    pub(super) async fn etrn(&mut self, words: &[Word<'_>]) -> Done {
        if self.service.settings.helo_required && self.talk.helo.is_none() {
            let text = "503 Error: send HELO/EHLO first".to_owned();
            return self.refuse((Faults::POLICY, text)).await;
        }
        if let Some(reply) = self.milters_standing() {
            self.reply(&reply).await?;
            return Ok(false);
        }
        if self.in_transaction() {
            let text = "503 Error: MAIL transaction in progress".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        }
        let [_, argument] = words else {
            return self.refuse((Faults::PROTOCOL, "500 Syntax: ETRN domain".into())).await;
        };
        let site = argument.text.strip_prefix(['@', '#']).unwrap_or(argument.text);
        let inside = site.strip_prefix('[').and_then(|site| site.strip_suffix(']'));
        if !hostname::is_valid(site) && inside.and_then(address::literal_address).is_none() {
            let text = "501 Error: invalid parameter syntax".to_owned();
            return self.refuse((Faults::PROTOCOL, text)).await;
        }
        if matches!(self.service.intake, Intake::Maildrop(_)) {
            self.log.warning(format_args!("do not use ETRN in \"sendmail -bs\" mode"));
            self.reply("458 Unable to queue messages").await?;
            return Ok(false);
        }
        if let Some(reply) = self.checks().etrn(site).await? {
            self.reply(&reply).await?;
            return Ok(false);
        }
        self.flush_site(site).await
    }

    /// Asks qmgr to try the mail for a site now.
    async fn flush_site(&mut self, site: &str) -> Done {
        let shown: String = site.chars().take(100).collect();
        let peer = self.talk.peer.clone();
        let domains = &self.service.maps.fast_flush_domains;
        if !domains.matches(site).await.unwrap_or(false) {
            self.log.warning(format_args!("reject: ETRN {shown}... from {}", peer.text));
            self.reply(&format!("459 <{site}>: service unavailable")).await?;
            return Ok(false);
        }
        let path = self.service.settings.queue_directory.join("public/qmgr");
        match tokio::time::timeout(FLUSH_TIMEOUT, ask_qmgr(&path, site)).await {
            Ok(Ok(true)) => {
                self.reply("250 Queuing started").await?;
                return Ok(true);
            }
            Ok(Ok(false)) => {
                self.log.warning(format_args!("bad ETRN {shown}... from {}", peer.text));
            }
            _ => self.log.warning(format_args!("unable to talk to fast flush service")),
        }
        self.reply("458 Unable to queue messages").await?;
        Ok(false)
    }
}

async fn ask_qmgr(path: &std::path::Path, site: &str) -> std::io::Result<bool> {
    let stream = tokio::net::UnixStream::connect(path).await?;
    let (mut to, mut from) = channel::split::<ToQmgr, FromQmgr>(stream);
    to.send(&ToQmgr::FlushSite(site.to_owned())).await?;
    let answer = from.next().await?;
    Ok(matches!(answer, Some(FromQmgr::Accepted | FromQmgr::Changed(_))))
}
