//! Goes through a restriction list.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::outcome::{Jump, Refusal, Verdict};
use super::{About, CLIENT, Checks, RECIPIENT};
use crate::smtpd::fault::Faults;
use crate::smtpd::peer::NameStatus;
use crate::smtpd::restriction::{Restriction, Rule, Subject};
use crate::smtpd::settings::TempFail;

type Going<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Jump>> + Send + 'a>>;

impl Checks<'_> {
    /// Evaluates a list, restriction by restriction, until one decides.
    pub(super) fn list<'b>(&'b mut self, list: &'b [Restriction], about: About<'b>) -> Going<'b> {
        Box::pin(async move {
            let saved = self.talk.checks.recursion;
            self.talk.checks.recursion += 1;
            let mut verdict = Verdict::Dunno;
            for (index, restriction) in list.iter().enumerate() {
                if self.talk.wishes.discard {
                    break;
                }
                if matches!(restriction.rule, Rule::WarnIfReject) {
                    if self.talk.checks.warn_if_reject == 0 {
                        self.talk.checks.warn_if_reject = self.talk.checks.recursion;
                    }
                    continue;
                }
                let next = list.get(index + 1);
                verdict = self.one(restriction, next, about).await?;
                let checks = &mut self.talk.checks;
                if checks.warn_if_reject >= checks.recursion {
                    checks.warn_if_reject = 0;
                }
                if verdict != Verdict::Dunno
                    || (checks.defer_if_permit.active && checks.defer_if_reject.active)
                {
                    break;
                }
            }
            let checks = &mut self.talk.checks;
            checks.recursion = saved;
            if checks.warn_if_reject >= checks.recursion {
                checks.warn_if_reject = 0;
            }
            Ok(verdict)
        })
    }

    async fn one(
        &mut self,
        restriction: &Restriction,
        next: Option<&Restriction>,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let word = restriction.word.as_str();
        match &restriction.rule {
            Rule::Permit | Rule::Reject | Rule::Defer => {
                Ok(self.unconditional(restriction, next, about).await)
            }
            Rule::WarnIfReject => Ok(Verdict::Dunno),
            Rule::DeferIfPermit => {
                let text = format!(
                    "<{}>: {} rejected: defer_if_permit requested",
                    about.name, about.class
                );
                let refusal = Refusal::new(450, "4.7.0", &text);
                Ok(self.defer_if_permit(TempFail::DeferIfPermit, Faults::POLICY, refusal))
            }
            Rule::DeferIfReject => {
                let text = format!(
                    "<{}>: {} rejected: defer_if_reject requested",
                    about.name, about.class
                );
                self.defer_if_reject(Faults::POLICY, &Refusal::new(450, "4.7.0", &text));
                Ok(Verdict::Dunno)
            }
            Rule::Sleep(seconds) => {
                tokio::time::sleep(Duration::from_secs(*seconds)).await;
                Ok(Verdict::Dunno)
            }
            Rule::Access(subject, table) => self.access(*subject, table, about).await,
            Rule::BareTable(table) => match about.default {
                Some(subject) => self.access(subject, table, about).await,
                None => Err(self.bare_table(word, about)),
            },
            Rule::ServerAccess(subject, server, table) => {
                self.server_access(word, *subject, *server, table, about).await
            }
            Rule::CertificateAccess(table, order) => {
                self.certificate_access(table, order, about).await
            }
            Rule::SaslAccess(table) => self.sasl_access(word, table, about).await,
            Rule::Policy(server) => self.policy(server, about).await,
            Rule::DnsList { subject, by_address, permits, domain } => {
                self.dns_list(word, *subject, *by_address, *permits, domain).await
            }
            Rule::Class => match self.service.lists.clone().classes.get(word) {
                Some(list) => self.list(list, about).await,
                None => Ok(Verdict::Dunno),
            },
            rule => match self.misconfigured(word, rule) {
                Some(result) => result,
                None => self.plain(word, rule, about).await,
            },
        }
    }

    async fn unconditional(
        &mut self,
        restriction: &Restriction,
        next: Option<&Restriction>,
        about: About<'_>,
    ) -> Verdict {
        let codes = &self.service.settings.codes;
        let (verdict, canonical) = match restriction.rule {
            Rule::Permit => {
                (self.permit(&restriction.word, about.class, about.name, None).await, "permit")
            }
            Rule::Defer => {
                let text = format!("<{}>: {} rejected: Try again later", about.name, about.class);
                let refusal = Refusal::new(codes.defer, "4.3.2", &text);
                (self.reject(Faults::POLICY, refusal), "defer")
            }
            _ => {
                let text = format!("<{}>: {} rejected: Access denied", about.name, about.class);
                let refusal = Refusal::new(codes.reject, "5.7.1", &text);
                (self.reject(Faults::POLICY, refusal), "reject")
            }
        };
        let is_permit = matches!(restriction.rule, Rule::Permit);
        if let Some(next) = next
            && (is_permit || self.talk.checks.warn_if_reject == 0)
        {
            self.log.warning(format_args!(
                "restriction `{}' after `{canonical}' is ignored",
                next.word
            ));
        }
        verdict
    }

    /// Restrictions without argument.
    async fn plain(&mut self, word: &str, rule: &Rule, about: About<'_>) -> Result<Verdict, Jump> {
        Ok(match rule {
            Rule::RejectUnauthPipelining => self.reject_unauth_pipelining(about),
            Rule::RejectPlaintextSession if self.talk.tls.is_some() => Verdict::Dunno,
            Rule::RejectPlaintextSession => {
                let code = self.service.settings.codes.plaintext;
                let text = "Session encryption is required";
                self.reject(Faults::POLICY, Refusal::new(code, "4.7.1", text))
            }
            Rule::RejectUnknownClientHostname => self.reject_unknown_client(),
            Rule::RejectUnknownReverseClientHostname => self.reject_unknown_reverse_client(),
            Rule::PermitInetInterfaces => {
                if self.is_own_client() {
                    self.permit_client(word).await
                } else {
                    Verdict::Dunno
                }
            }
            Rule::PermitMynetworks => {
                if self.is_in_mynetworks(about.name).await? {
                    self.permit_client(word).await
                } else {
                    Verdict::Dunno
                }
            }
            Rule::PermitSaslAuthenticated => {
                if self.is_logged_in() {
                    self.permit_client(word).await
                } else {
                    Verdict::Dunno
                }
            }
            Rule::SenderLogin(rule) => self.sender_login(*rule).await?,
            Rule::PermitTlsClientcerts { all } => match self.is_certified(*all).await {
                Ok(true) => self.permit_client(word).await,
                Ok(false) => Verdict::Dunno,
                Err(_) => return Err(self.table_failed(about.name)),
            },
            Rule::RejectInvalidHeloHostname => self.reject_invalid_helo(),
            Rule::RejectUnknownHeloHostname => self.reject_unknown_helo().await,
            Rule::RejectNonFqdnHeloHostname => self.reject_non_fqdn_helo(),
            _ => return self.about_addresses(word, rule, about).await,
        })
    }

    async fn about_addresses(
        &mut self,
        word: &str,
        rule: &Rule,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let sender = self.talk.sender.clone().filter(|sender| !sender.is_empty());
        let recipient = self.talk.recipient.clone();
        let codes = &self.service.settings.codes;
        match (rule, sender, recipient) {
            (Rule::RejectNonFqdnSender, Some(sender), _) => {
                Ok(self.reject_non_fqdn_address(&sender, super::SENDER))
            }
            (Rule::RejectUnknownSenderDomain, Some(sender), _) => {
                self.reject_unknown_address(&sender, super::SENDER).await
            }
            (Rule::RejectUnlistedSender, Some(sender), _) => self.sender_listed(&sender).await,
            (Rule::RejectUnverifiedSender, Some(sender), _) => {
                Ok(self.reject_unverified(&sender, super::SENDER).await)
            }
            (Rule::RejectUnverifiedRecipient, _, Some(recipient)) if !recipient.is_empty() => {
                Ok(self.reject_unverified(&recipient, RECIPIENT).await)
            }
            (Rule::RejectNonFqdnRecipient, _, Some(recipient)) => {
                Ok(self.reject_non_fqdn_address(&recipient, RECIPIENT))
            }
            (Rule::RejectUnknownRecipientDomain, _, Some(recipient)) => {
                self.reject_unknown_address(&recipient, RECIPIENT).await
            }
            (Rule::RejectUnlistedRecipient, _, Some(recipient)) if !recipient.is_empty() => {
                self.recipient_listed(&recipient).await
            }
            (Rule::PermitAuthDestination, _, Some(recipient)) => {
                if self.is_auth_destination(&recipient).await? {
                    Ok(self.permit(word, RECIPIENT, &recipient, None).await)
                } else {
                    Ok(Verdict::Dunno)
                }
            }
            (Rule::RejectUnauthDestination, _, Some(recipient)) => {
                let code = codes.relay_domains;
                self.reject_unauth_destination(&recipient, code, "5.7.1").await
            }
            (Rule::DeferUnauthDestination, _, Some(recipient)) => {
                let code = codes.relay_domains.saturating_sub(100);
                self.reject_unauth_destination(&recipient, code, "4.7.1").await
            }
            (Rule::PermitMxBackup, _, Some(recipient)) => {
                self.permit_mx_backup(word, &recipient).await
            }
            (Rule::RejectMultiRecipientBounce, ..) => Ok(self.reject_multi_bounce(about)),
            _ => Ok(Verdict::Dunno),
        }
    }

    fn reject_unauth_pipelining(&mut self, about: About<'_>) -> Verdict {
        if !self.talk.ill_pipelining {
            return Verdict::Dunno;
        }
        let text = format!(
            "<{}>: {} rejected: Improper use of SMTP command pipelining",
            about.name, about.class
        );
        self.reject(Faults::PROTOCOL, Refusal::new(503, "5.5.0", &text))
    }

    fn reject_unknown_client(&mut self) -> Verdict {
        let code = match self.talk.peer.name_status {
            NameStatus::Ok => return Verdict::Dunno,
            NameStatus::Temporary => 450,
            _ => self.service.settings.codes.unknown_client,
        };
        let text = format!(
            "Client host rejected: cannot find your hostname, [{}]",
            self.talk.peer.address
        );
        self.reject(Faults::POLICY, Refusal::new(code, "4.7.25", &text))
    }

    fn reject_unknown_reverse_client(&mut self) -> Verdict {
        let code = match self.talk.peer.reverse_status {
            NameStatus::Ok => return Verdict::Dunno,
            NameStatus::Missing => self.service.settings.codes.unknown_client,
            _ => 450,
        };
        let text = format!(
            "Client host rejected: cannot find your reverse hostname, [{}]",
            self.talk.peer.address
        );
        self.reject(Faults::POLICY, Refusal::new(code, "4.7.1", &text))
    }

    fn reject_multi_bounce(&mut self, about: About<'_>) -> Verdict {
        let is_null = self.talk.sender.as_deref() == Some("");
        let allowed = usize::from(self.talk.stage != "RCPT");
        if !is_null || self.talk.recipients <= allowed {
            return Verdict::Dunno;
        }
        let code = self.service.settings.codes.multi_recipient_bounce;
        let text = format!("<{}>: {} rejected: Multi-recipient bounce", about.name, about.class);
        self.reject(Faults::POLICY, Refusal::new(code, "5.5.3", &text))
    }

    /// The client is this machine.
    pub(in crate::smtpd) fn is_own_client(&self) -> bool {
        self.service.rewrite.is_own_address(self.talk.peer.ip)
    }

    async fn is_in_mynetworks(&mut self, name: &str) -> Result<bool, Jump> {
        let peer = self.talk.peer.clone();
        match self.service.maps.mynetworks.matches(&peer.name, peer.ip).await {
            Ok(matches) => Ok(matches),
            Err(error) => Err(self.maps_failed(name, &error)),
        }
    }

    async fn permit_client(&mut self, word: &str) -> Verdict {
        let peer = self.talk.peer.clone();
        self.permit(word, CLIENT, &peer.text, None).await
    }

    fn bare_table(&mut self, word: &str, about: About<'_>) -> Jump {
        self.log.warning(format_args!(
            "specify one of (check_client_access, check_reverse_client_hostname_access, \
             check_helo_access, check_sender_access, check_recipient_access, check_etrn_access) \
             before {} restriction \"{word}\"",
            about.class
        ));
        self.configuration_error()
    }

    /// Words that were wrong when they were read: what Postfix does when it comes to them.
    fn misconfigured(&mut self, word: &str, rule: &Rule) -> Option<Result<Verdict, Jump>> {
        let log = self.log;
        match rule {
            Rule::Unknown => log.warning(format_args!("unknown smtpd restriction: \"{word}\"")),
            Rule::BadTable(argument) => log.warning(format_args!(
                "restriction {}: bad argument \"{argument}\": need maptype:mapname",
                word.to_ascii_lowercase()
            )),
            Rule::BadPolicy => log.warning(format_args!(
                "restriction check_policy_service must be followed by transport:server"
            )),
            Rule::BadSleep => {
                log.warning(format_args!("restriction sleep must be followed by number"));
            }
            Rule::Removed(instead) => log.warning(format_args!(
                "support for restriction \"{}\" has been removed in {} 3.9; instead, specify \
                 \"{instead}\"",
                word.to_ascii_lowercase(),
                self.service.settings.mail_name
            )),
            Rule::MissingDomain => {
                log.warning(format_args!("restriction {word} requires domain name argument"));
                return Some(Ok(Verdict::Dunno));
            }
            _ => return None,
        }
        Some(Err(self.configuration_error()))
    }

    /// The name in question, and what replies call it.
    pub(super) fn subject(&self, subject: Subject) -> Option<(String, String, &'static str)> {
        let peer = &self.talk.peer;
        Some(match subject {
            Subject::Client => (peer.name.clone(), peer.text.clone(), super::CLIENT),
            Subject::ReverseClient => {
                (peer.reverse_name.clone(), peer.reverse_name.clone(), super::REVERSE_CLIENT)
            }
            Subject::Helo => {
                let helo = self.talk.helo.clone()?;
                (helo.clone(), helo, super::HELO)
            }
            Subject::Sender => {
                let sender = self.talk.sender.clone()?;
                (sender.clone(), sender, super::SENDER)
            }
            Subject::Recipient => {
                let recipient = self.talk.recipient.clone()?;
                (recipient.clone(), recipient, super::RECIPIENT)
            }
            Subject::Etrn => {
                let domain = self.talk.etrn.clone()?;
                (domain.clone(), domain, super::ETRN)
            }
        })
    }
}
