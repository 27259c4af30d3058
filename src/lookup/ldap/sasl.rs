//! Logins by SASL (RFC 4513 section 5.2).

use super::super::client::settings::Settings;
use super::super::lines::Report;
use super::filter;
use super::message::{self, SASL_IN_PROGRESS, SUCCESS, Search};
use super::session::{Access, Session, Trouble};
use super::url::{LdapUrl, Scope};
use crate::sasl::Options;
use crate::sasl::client::{Credentials, Dialogue, Mechanism};

/// Messages that a login may take.
const STEPS: usize = 10;
/// `Authentication method not supported`
const NOT_SUPPORTED: i64 = 7;
const INVALID_CREDENTIALS: i64 = 49;

/// How to log in.
#[derive(Debug)]
pub struct Sasl {
    /// Names of mechanisms that may be used; empty: whatever suits.
    mechanisms: String,
    /// Whose rights are wanted, if not the user's own.
    authz: String,
    /// How private the connection must be.
    min_ssf: i32,
    /// Whether we have a certificate to show.
    has_certificate: bool,
}

impl Sasl {
    /// Reads the settings that begin with `sasl_`.
    pub fn read(settings: &Settings, report: &mut Report<'_>) -> Result<Self, String> {
        if settings.optional("sasl_realm").is_some() {
            let name = settings.name();
            report(format!("dict_ldap_open: {name}: sasl_realm: no mechanism here has realms"));
        }
        Ok(Self {
            mechanisms: settings.text("sasl_mechs", ""),
            authz: settings.text("sasl_authz_id", ""),
            min_ssf: settings.number("sasl_minssf", 0, 0..=4096)?,
            has_certificate: settings.optional("tls_cert").is_some(),
        })
    }

    /// Logs in.
    pub async fn bind(
        &self,
        session: &mut Session,
        access: &Access,
        server: &LdapUrl,
    ) -> Result<(), Trouble> {
        // TLS and sockets count as 256 bits; no mechanism here encrypts by itself.
        if self.min_ssf > if session.is_private { 256 } else { 0 } {
            return Err(Trouble::Refused(NOT_SUPPORTED));
        }
        let offered = match self.mechanisms.is_empty() {
            true => offered(session).await?,
            false => self.mechanisms.replace(',', " "),
        };
        let is_offered = |name: &str| {
            offered.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(name))
        };
        let is_known = self.has_certificate || server.scheme == super::url::Scheme::Ldapi;
        let wants_external = !self.mechanisms.is_empty() || access.name.is_empty();
        if is_offered("EXTERNAL") && is_known && wants_external {
            let number = session.next();
            let request = message::sasl_bind(number, "EXTERNAL", Some(self.authz.as_bytes()));
            return match session.run(&request, number).await?.code {
                SUCCESS => Ok(()),
                code => Err(Trouble::Refused(i64::from(code))),
            };
        }
        // Passwords go in the clear only if the administrator says so, or nobody can listen.
        let options = match self.mechanisms.is_empty() && !session.is_private {
            true => Options::parse("noplaintext, noanonymous"),
            false => Options::parse("noanonymous"),
        };
        let options = options.map_err(|_| Trouble::Refused(NOT_SUPPORTED))?;
        let mechanism = Mechanism::choose(&offered, options);
        self.talk(session, access, server, mechanism.ok_or(Trouble::Refused(NOT_SUPPORTED))?).await
    }

    async fn talk(
        &self,
        session: &mut Session,
        access: &Access,
        server: &LdapUrl,
        mechanism: Mechanism,
    ) -> Result<(), Trouble> {
        let credentials = Credentials {
            username: access.name.clone(),
            password: access.password.0.clone(),
            with_authzid: false,
        };
        let refused = |_| Trouble::Refused(INVALID_CREDENTIALS);
        let place = (server.host.as_str(), server.port.unwrap_or(389));
        let mut dialogue = Dialogue::begin(mechanism, credentials, place).map_err(refused)?;
        let mut response = dialogue.initial();
        for _ in 0..STEPS {
            let number = session.next();
            let request = message::sasl_bind(number, mechanism.name(), response.as_deref());
            let outcome = session.run(&request, number).await?;
            match (outcome.code, outcome.credentials) {
                (SUCCESS, proof) => {
                    // The last word of the server may prove who it is.
                    if let Some(proof) = proof.filter(|proof| !proof.is_empty()) {
                        dialogue.respond(&proof).map_err(refused)?;
                    }
                    return dialogue.accepted().map_err(refused);
                }
                (SASL_IN_PROGRESS, challenge) => {
                    let challenge = challenge.unwrap_or_default();
                    response = Some(dialogue.respond(&challenge).map_err(refused)?);
                }
                (code, _) => return Err(Trouble::Refused(i64::from(code))),
            }
        }
        Err(Trouble::Refused(INVALID_CREDENTIALS))
    }
}

/// What the server says that it knows, in its root entry.
async fn offered(session: &mut Session) -> Result<String, Trouble> {
    let search = Search {
        base: Vec::new(),
        scope: Scope::Base,
        dereference: 0,
        size_limit: 1,
        time_limit: 0,
        filter: filter::encode(b"(objectClass=*)").unwrap_or_default(),
        attributes: vec!["supportedSASLMechanisms".into()],
    };
    let (_, entries) = session.search(&search).await?;
    let attributes = entries.into_iter().flat_map(|entry| entry.attributes);
    let values = attributes.flat_map(|(_, values)| values);
    Ok(values.map(|value| super::show(&value).into_owned()).collect::<Vec<_>>().join(" "))
}
