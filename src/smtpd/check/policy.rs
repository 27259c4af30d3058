//! `check_policy_service`: what a policy server is told, and what its answer does.

use std::fmt::Write as _;

use super::outcome::{Jump, Verdict};
use super::{About, Checks};
use crate::smtpd::dialogue::stage;
use crate::smtpd::policy::PolicyServer;
use crate::tls::Facts;
use crate::wire::xtext;

/// The action if even the default action asks a policy server.
const LAST_RESORT: &str = "451 4.3.5 Server configuration problem";

impl Checks<'_> {
    pub(super) async fn policy(
        &mut self,
        server: &PolicyServer,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let request = self.policy_request(server);
        let action = server.ask(&request, self.log).await;
        let action = match action.and_then(|action| self.valid_action(server, action)) {
            Some(action) => action,
            None if self.talk.checks.recursion > 50 => LAST_RESORT.to_owned(),
            None => server.settings.default_action.clone(),
        };
        self.action(&server.name, &action, "policy query", about).await
    }

    /// An action is text; with smtputf8_enable what is no UTF-8 does not count.
    fn valid_action(&self, server: &PolicyServer, action: Vec<u8>) -> Option<String> {
        match String::from_utf8(action) {
            Ok(action) => Some(action),
            Err(e) if !self.service.settings.smtputf8 => {
                Some(String::from_utf8_lossy(e.as_bytes()).into_owned())
            }
            Err(e) => {
                let shown: String = e
                    .as_bytes()
                    .iter()
                    .map(|b| if matches!(b, b' '..=b'~') { char::from(*b) } else { '?' })
                    .collect();
                self.log.warning(format_args!(
                    "malformed UTF-8 in policy server {} response: \"{shown}\"",
                    server.name
                ));
                None
            }
        }
    }

    fn policy_request(&self, server: &PolicyServer) -> String {
        let talk = &*self.talk;
        let peer = &talk.peer;
        let in_content =
            matches!(talk.stage, "DATA" | "BDAT") || talk.stage == stage::END_OF_MESSAGE;
        let count = if in_content { talk.recipients } else { 0 };
        let size = if talk.received_size > 0 { talk.received_size } else { talk.announced_size };
        let queue_id = if talk.queue_id.is_none() { "" } else { talk.queue_id.as_str() };
        let mut request = String::with_capacity(1024);
        let mut put = |name: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(request, "{name}={value}");
        };
        put("request", &"smtpd_access_policy");
        put("protocol_state", &if talk.stage == "BDAT" { "DATA" } else { talk.stage });
        put("protocol_name", &talk.protocol);
        put("client_address", &peer.address);
        put("client_name", &peer.name);
        put("client_port", &peer.port);
        put("reverse_client_name", &peer.reverse_name);
        put("server_address", &peer.server_address);
        put("server_port", &peer.server_port);
        put("helo_name", &talk.helo.as_deref().unwrap_or_default());
        put("sender", &talk.sender.as_deref().unwrap_or_default());
        put("recipient", &talk.recipient.as_deref().unwrap_or_default());
        put("recipient_count", &count);
        put("queue_id", &queue_id);
        put("instance", &talk.instance);
        put("size", &size);
        put("etrn_domain", &talk.etrn.as_deref().unwrap_or_default());
        put("stress", &self.service.settings.stress);
        put("sasl_method", &talk.login.as_ref().map_or("", |login| &login.method));
        put("sasl_username", &talk.username());
        put("sasl_sender", &talk.sasl_sender.as_deref().unwrap_or_default());
        let tls = talk.tls.as_deref();
        let trusted = tls.and_then(Facts::trusted_peer);
        put(
            "ccert_subject",
            &trusted.map_or(String::new(), |peer| xtext::encode(&peer.subject, "")),
        );
        put("ccert_issuer", &trusted.map_or(String::new(), |peer| xtext::encode(&peer.issuer, "")));
        let shown = tls.and_then(|tls| tls.peer.as_ref());
        put("ccert_fingerprint", &shown.map_or("", |peer| &peer.fingerprint));
        put("ccert_pubkey_fingerprint", &shown.map_or("", |peer| &peer.key_fingerprint));
        put("encryption_protocol", &tls.map_or("", |tls| tls.protocol));
        put("encryption_cipher", &tls.map_or("", |tls| tls.cipher));
        put("encryption_keysize", &tls.map_or(0, |tls| tls.bits));
        let server_name = tls.and_then(|tls| tls.server_name.as_deref());
        put("tls_server_name", &server_name.unwrap_or_default());
        put("policy_context", &server.settings.context);
        put("compatibility_level", &self.service.settings.compatibility_level);
        put("mail_version", &self.service.settings.mail_version);
        request.push('\n');
        request
    }
}
