//! Who has shown a certificate: `permit_tls_clientcerts`, `permit_tls_all_clientcerts`,
//! `check_ccert_access`.

use super::outcome::{Jump, Verdict};
use super::{About, CCERT, Checks};
use crate::lookup::TableError;
use crate::smtpd::restriction::{CertificateKey, Table};

impl Checks<'_> {
    /// Whether the client may do what holders of certificates may: one of a trusted authority, if
    /// `all` of these will do, or one in `relay_clientcerts`.
    pub async fn is_certified(&self, all: bool) -> Result<bool, TableError> {
        let Some(tls) = &self.talk.tls else { return Ok(false) };
        let Some(peer) = &tls.peer else {
            self.warn_not_asked(match all {
                true => "permit_tls_all_clientcerts",
                false => "permit_tls_clientcerts",
            });
            return Ok(false);
        };
        if all && peer.trusted {
            return Ok(true);
        }
        let listed = &self.service.maps.relay_clientcerts;
        for (fingerprint, of_certificate) in
            [(&peer.key_fingerprint, false), (&peer.fingerprint, true)]
        {
            let found = match listed.find(fingerprint).await {
                Ok(found) => found,
                Err(failed) => {
                    self.log.warning(format_args!(
                        "relay_clientcerts: lookup error for fingerprint '{}', pkey fingerprint {}",
                        peer.key_fingerprint, peer.fingerprint
                    ));
                    return Err(failed);
                }
            };
            if found.is_none() {
                continue;
            }
            if of_certificate && self.service.encryption.raw_keys {
                self.log.warning(format_args!(
                    "permit_tls_clientcerts: {}: {}: Fragile access policy: \
                     smtpd_tls_enable_rpk=yes, but public key fingerprint \"{}\" not matched, \
                     while certificate fingerprint \"{}\" matched",
                    self.talk.peer.text,
                    listed.title(),
                    peer.fingerprint,
                    peer.key_fingerprint
                ));
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// `check_ccert_access`
    pub(super) async fn certificate_access(
        &mut self,
        table: &Table,
        order: &[CertificateKey],
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let Some(peer) = self.talk.tls.as_ref().and_then(|tls| tls.peer.clone()) else {
            self.warn_not_asked("check_ccert_access");
            return Ok(Verdict::Dunno);
        };
        let name = self.talk.printable(&peer.subject, '?');
        let about = About { name: &name, class: CCERT, ..about };
        for key in order {
            let key = match key {
                CertificateKey::Certificate => &peer.fingerprint,
                CertificateKey::PublicKey => &peer.key_fingerprint,
            };
            let answer = table.maps.find(key).await;
            let verdict = self.act_on(table, answer, key, about).await?;
            if !matches!(verdict, Verdict::Dunno) {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Dunno)
    }

    /// Without being asked, no client shows a certificate.
    fn warn_not_asked(&self, word: &str) {
        if !self.service.encryption.asks_certificate {
            self.log.warning(format_args!("{word} is requested, but \"smtpd_tls_ask_ccert = no\""));
        }
    }
}
