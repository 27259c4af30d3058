//! Who is logged in: `permit_sasl_authenticated`, `check_sasl_access`, and whether a login may use a
//! sender address (`smtpd_sender_login_maps`).

use super::outcome::{Jump, Refusal, Verdict};
use super::{About, Checks, SASL_USER, SENDER};
use crate::config::split_list;
use crate::mail::address;
use crate::smtpd::dialogue::Login;
use crate::smtpd::fault::Faults;
use crate::smtpd::restriction::{LoginRule, Table};

impl Checks<'_> {
    pub(super) fn is_logged_in(&self) -> bool {
        // Who trusts XCLIENT LOGIN but has no SASL takes note of the name, and no more.
        self.service.sasl.is_some() && self.talk.login.as_ref().is_some_and(Login::is_personal)
    }

    /// `check_sasl_access`
    pub(super) async fn sasl_access(
        &mut self,
        word: &str,
        table: &Table,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        if self.lacks_sasl(&word.to_ascii_lowercase()) || self.talk.username().is_empty() {
            return Ok(Verdict::Dunno);
        }
        let username = self.talk.username().to_owned();
        let name = self.talk.printable(&username, '_');
        let answer = table.maps.find(&username).await;
        let about = About { name: &name, class: SASL_USER, ..about };
        self.act_on(table, answer, &username, about).await
    }

    /// `reject_sender_login_mismatch` and its parts.
    pub(super) async fn sender_login(&mut self, rule: LoginRule) -> Result<Verdict, Jump> {
        let mut missing = false;
        for part in rule.parts() {
            missing |= self.lacks_sasl(part);
        }
        let sender = self.talk.sender.clone().filter(|sender| !sender.is_empty());
        let (false, Some(sender)) = (missing, sender) else { return Ok(Verdict::Dunno) };
        match (self.talk.login.is_some(), rule) {
            (true, LoginRule::Any | LoginRule::Authenticated) => self.owns(&sender, false).await,
            (true, LoginRule::Known) => self.owns(&sender, true).await,
            (true, LoginRule::Unauthenticated) | (false, LoginRule::Authenticated) => {
                Ok(Verdict::Dunno)
            }
            (false, _) => self.needs_login(&sender).await,
        }
    }

    /// The client is logged in: the address must be its own. `or_nobodys`: or belong to nobody.
    async fn owns(&mut self, sender: &str, or_nobodys: bool) -> Result<Verdict, Jump> {
        if self.service.maps.sender_login.is_empty() {
            return Ok(Verdict::Dunno);
        }
        let username = self.talk.username().to_owned();
        let user = address::fold(&username);
        match self.owners(sender).await? {
            None if or_nobodys => return Ok(Verdict::Dunno),
            Some(owners) if split_list(&owners).iter().any(|o| address::fold(o) == user) => {
                return Ok(Verdict::Dunno);
            }
            _ => {}
        }
        let text = format!("<{sender}>: {SENDER} rejected: not owned by user {username}");
        Ok(self.reject(Faults::POLICY, Refusal::new(553, "5.7.1", &text)))
    }

    /// The client is not logged in: the address must belong to nobody.
    async fn needs_login(&mut self, sender: &str) -> Result<Verdict, Jump> {
        if self.service.maps.sender_login.is_empty() || self.owners(sender).await?.is_none() {
            return Ok(Verdict::Dunno);
        }
        let text = format!("<{sender}>: {SENDER} rejected: not logged in");
        Ok(self.reject(Faults::POLICY, Refusal::new(553, "5.7.1", &text)))
    }

    async fn owners(&mut self, sender: &str) -> Result<Option<String>, Jump> {
        let route = self.resolve(sender, SENDER).await?;
        let Ok(rules) = self.service.rewrite.address_rules(&route.recipient).await else {
            return Err(self.table_failed(sender));
        };
        match self.service.maps.sender_login.find_address(&route.recipient, &rules).await {
            Ok(found) => Ok(found.map(|found| found.value)),
            Err(_) => Err(self.table_failed(sender)),
        }
    }

    /// Says so if a restriction cannot work because SASL is not enabled.
    fn lacks_sasl(&self, word: &str) -> bool {
        let missing = self.service.sasl.is_none();
        if missing {
            self.log.warning(format_args!("restriction `{word}' ignored: no SASL support"));
        }
        missing
    }
}
