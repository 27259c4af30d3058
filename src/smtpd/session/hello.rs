//! HELO and EHLO.

use super::{Done, Session};
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::wire::smtp_command::{self, Word};

impl Session {
    pub(super) async fn helo(&mut self, words: &[Word<'_>]) -> Done {
        let Some(name) = self.hello(words, "501 Syntax: HELO hostname").await? else {
            return Ok(false);
        };
        self.talk.helo = Some(name);
        // A client that has seen our EHLO reply keeps its right to pipeline.
        let greeting = format!("250 {}", self.service.settings.myhostname);
        self.reply(&greeting).await?;
        Ok(true)
    }

    pub(super) async fn ehlo(&mut self, words: &[Word<'_>]) -> Done {
        let Some(name) = self.hello(words, "501 Syntax: EHLO hostname").await? else {
            return Ok(false);
        };
        self.talk.helo = Some(name);
        self.talk.protocol = "ESMTP";
        let withheld = self.withheld;
        if !withheld.has(Keywords::ENHANCED_STATUS_CODES)
            && !withheld.is_empty()
            && !withheld.has(Keywords::SILENT)
        {
            self.log.info(format_args!("discarding EHLO keywords: {}", withheld.names()));
        }
        let mechanisms = self.announced_mechanisms().await?.map(str::to_owned);
        let lines = self.keywords(mechanisms.as_deref());
        let last = lines.len().saturating_sub(1);
        for (index, line) in lines.iter().enumerate() {
            let separator = if index < last { '-' } else { ' ' };
            self.reply(&format!("250{separator}{line}")).await?;
        }
        Ok(true)
    }

    /// What both have in common; the name, if it was accepted.
    async fn hello(
        &mut self,
        words: &[Word<'_>],
        syntax: &str,
    ) -> Result<Option<String>, super::End> {
        let arguments = words.get(1..).unwrap_or_default();
        if arguments.is_empty() {
            self.talk.faults.add(Faults::PROTOCOL);
            self.reply(syntax).await?;
            return Ok(None);
        }
        let name = smtp_command::join(arguments);
        if !self.service.settings.delay_reject
            && let Some(reply) = self.checks().helo(Some(&name)).await?
        {
            self.reply(&reply).await?;
            return Ok(None);
        }
        if let Some(reply) = self.milters_helo(&name).await {
            self.reply(&reply).await?;
            return Ok(None);
        }
        self.milters_restart();
        let threshold = self.service.settings.limits.history;
        self.flush_history(threshold, None).await;
        self.reset_mail();
        self.reset_recipients();
        // Kept out of log lines and headers: what could be taken for their punctuation.
        let neutral = |c: char| if c.is_control() || " <>()\\\";@".contains(c) { '?' } else { c };
        Ok(Some(name.chars().map(neutral).collect()))
    }

    fn keywords(&self, mechanisms: Option<&str>) -> Vec<String> {
        let settings = &self.service.settings;
        let offered = |keyword| !self.withheld.has(keyword);
        let mut lines = vec![settings.myhostname.to_string()];
        let mut add = |wanted: bool, line: &str| {
            if wanted {
                lines.push(line.to_owned());
            }
        };
        add(offered(Keywords::PIPELINING), "PIPELINING");
        let size =
            settings.limits.message_size.map_or("SIZE".into(), |size| format!("SIZE {size}"));
        add(offered(Keywords::SIZE), &size);
        add(offered(Keywords::VRFY) && !settings.disable_vrfy, "VRFY");
        add(offered(Keywords::ETRN), "ETRN");
        add(self.offers_tls(), "STARTTLS");
        if let Some(mechanisms) = mechanisms {
            add(true, &format!("AUTH {mechanisms}"));
            let broken = self.service.sasl.as_ref().is_some_and(|sasl| sasl.broken_clients);
            add(broken, &format!("AUTH={mechanisms}"));
        }
        add(offered(Keywords::VERP) && self.may_verp, "XVERP");
        add(
            offered(Keywords::XCLIENT) && self.may_xclient,
            "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT",
        );
        add(
            offered(Keywords::XFORWARD) && self.may_xforward,
            "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT",
        );
        add(offered(Keywords::ENHANCED_STATUS_CODES), "ENHANCEDSTATUSCODES");
        add(offered(Keywords::EIGHT_BIT_MIME), "8BITMIME");
        add(offered(Keywords::DSN), "DSN");
        add(offered(Keywords::SMTPUTF8) && settings.smtputf8, "SMTPUTF8");
        add(offered(Keywords::CHUNKING), "CHUNKING");
        add(self.offers_require_tls(), "REQUIRETLS");
        lines
    }
}
