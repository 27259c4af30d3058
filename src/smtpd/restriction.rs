//! Restriction lists, parsed when the configuration is read.
//!
//! A word that Postfix would only find wrong when it comes to it stays in the list as what it is
//! ([`Rule::Unknown`], [`Rule::BadTable`] …): the check then answers 451 4.3.5, as Postfix does.

use std::collections::HashMap;
use std::sync::Arc;

use super::policy::{PolicyServer, PolicySettings};
use crate::config::{Config, Problem, split_list};
use crate::lookup::{Maps, Tables};

/// One restriction with its argument.
#[derive(Clone, Debug)]
pub struct Restriction {
    /// The word as written.
    pub word: String,
    /// What it means.
    pub rule: Rule,
}

/// A list of them.
pub type List = Arc<[Restriction]>;

/// An access table.
#[derive(Clone, Debug)]
pub struct Table {
    /// `type:name`
    pub name: String,
    /// The table.
    pub maps: Maps,
}

/// Whom or what an access table or block list is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Verified client name and address.
    Client,
    /// Unverified client name.
    ReverseClient,
    /// HELO name.
    Helo,
    /// Envelope sender.
    Sender,
    /// Envelope recipient.
    Recipient,
    /// ETRN domain.
    Etrn,
}

/// Which servers of a domain an access table is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Mail exchangers.
    Mx,
    /// Name servers.
    Ns,
    /// The addresses of the name itself.
    A,
}

/// Whose sender addresses are held against `smtpd_sender_login_maps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRule {
    /// Both of the next two.
    Any,
    /// Those of clients that are logged in.
    Authenticated,
    /// Those of clients that are not.
    Unauthenticated,
    /// Those that belong to somebody.
    Known,
}

impl LoginRule {
    /// The restrictions of which it consists, by name.
    pub const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Any => &[
                "reject_authenticated_sender_login_mismatch",
                "reject_unauthenticated_sender_login_mismatch",
            ],
            Self::Authenticated => &["reject_authenticated_sender_login_mismatch"],
            Self::Unauthenticated => &["reject_unauthenticated_sender_login_mismatch"],
            Self::Known => &["reject_known_sender_login_mismatch"],
        }
    }
}

/// By what a certificate is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKey {
    /// cert_fingerprint
    Certificate,
    /// pubkey_fingerprint
    PublicKey,
}

/// What a restriction does.
#[derive(Clone, Debug)]
pub enum Rule {
    Permit,
    Reject,
    Defer,
    WarnIfReject,
    DeferIfPermit,
    DeferIfReject,
    /// sleep, seconds
    Sleep(u64),
    RejectUnauthPipelining,
    RejectPlaintextSession,
    RejectUnknownClientHostname,
    RejectUnknownReverseClientHostname,
    PermitInetInterfaces,
    PermitMynetworks,
    PermitSaslAuthenticated,
    /// permit_tls_clientcerts, permit_tls_all_clientcerts
    PermitTlsClientcerts {
        /// Any certificate of a trusted authority will do.
        all: bool,
    },
    RejectInvalidHeloHostname,
    RejectUnknownHeloHostname,
    RejectNonFqdnHeloHostname,
    RejectNonFqdnSender,
    RejectUnknownSenderDomain,
    RejectUnlistedSender,
    RejectUnverifiedSender,
    RejectNonFqdnRecipient,
    RejectUnknownRecipientDomain,
    RejectUnlistedRecipient,
    RejectUnverifiedRecipient,
    RejectMultiRecipientBounce,
    PermitAuthDestination,
    RejectUnauthDestination,
    DeferUnauthDestination,
    PermitMxBackup,
    /// check_…_access
    Access(Subject, Table),
    /// check_…_{mx,ns,a}_access
    ServerAccess(Subject, Server, Table),
    /// A table without a command: the stage decides about whom it is asked.
    BareTable(Table),
    Policy(Arc<PolicyServer>),
    /// A list of DNS: who is asked about, whether it permits, and the domain.
    DnsList {
        subject: Subject,
        by_address: bool,
        permits: bool,
        domain: String,
    },
    /// A name of smtpd_restriction_classes.
    Class,
    /// reject_…_sender_login_mismatch
    SenderLogin(LoginRule),
    /// check_sasl_access
    SaslAccess(Table),
    /// check_ccert_access, and by what a certificate is looked up.
    CertificateAccess(Table, Vec<CertificateKey>),
    /// Gone since Postfix 3.9; the text says what to use instead.
    Removed(&'static str),
    /// A check_…_access whose argument is no table; the argument.
    BadTable(String),
    /// A policy service without `transport:server`.
    BadPolicy,
    /// A sleep without a number.
    BadSleep,
    /// A block list without its domain.
    MissingDomain,
    Unknown,
}

/// Words without argument.
fn simple(word: &str) -> Option<Rule> {
    Some(match word {
        "permit" => Rule::Permit,
        "reject" => Rule::Reject,
        "defer" => Rule::Defer,
        "warn_if_reject" => Rule::WarnIfReject,
        "defer_if_permit" => Rule::DeferIfPermit,
        "defer_if_reject" => Rule::DeferIfReject,
        "reject_unauth_pipelining" => Rule::RejectUnauthPipelining,
        "reject_plaintext_session" => Rule::RejectPlaintextSession,
        "reject_unknown_client_hostname" | "reject_unknown_client" => {
            Rule::RejectUnknownClientHostname
        }
        "reject_unknown_reverse_client_hostname" => Rule::RejectUnknownReverseClientHostname,
        "permit_inet_interfaces" => Rule::PermitInetInterfaces,
        "permit_mynetworks" => Rule::PermitMynetworks,
        "permit_sasl_authenticated" => Rule::PermitSaslAuthenticated,
        "permit_tls_clientcerts" => Rule::PermitTlsClientcerts { all: false },
        "permit_tls_all_clientcerts" => Rule::PermitTlsClientcerts { all: true },
        "reject_invalid_helo_hostname" | "reject_invalid_hostname" => {
            Rule::RejectInvalidHeloHostname
        }
        "reject_unknown_helo_hostname" | "reject_unknown_hostname" => {
            Rule::RejectUnknownHeloHostname
        }
        "reject_non_fqdn_helo_hostname" | "reject_non_fqdn_hostname" => {
            Rule::RejectNonFqdnHeloHostname
        }
        "reject_non_fqdn_sender" => Rule::RejectNonFqdnSender,
        "reject_unknown_sender_domain" | "reject_unknown_address" => {
            Rule::RejectUnknownSenderDomain
        }
        "reject_unlisted_sender" => Rule::RejectUnlistedSender,
        "reject_unverified_sender" => Rule::RejectUnverifiedSender,
        "reject_non_fqdn_recipient" => Rule::RejectNonFqdnRecipient,
        "reject_unknown_recipient_domain" => Rule::RejectUnknownRecipientDomain,
        "reject_unlisted_recipient" | "check_recipient_maps" => Rule::RejectUnlistedRecipient,
        "reject_unverified_recipient" => Rule::RejectUnverifiedRecipient,
        "reject_multi_recipient_bounce" => Rule::RejectMultiRecipientBounce,
        "permit_auth_destination" => Rule::PermitAuthDestination,
        "reject_unauth_destination" => Rule::RejectUnauthDestination,
        "defer_unauth_destination" => Rule::DeferUnauthDestination,
        "permit_mx_backup" => Rule::PermitMxBackup,
        "reject_sender_login_mismatch" => Rule::SenderLogin(LoginRule::Any),
        "reject_authenticated_sender_login_mismatch" => Rule::SenderLogin(LoginRule::Authenticated),
        "reject_unauthenticated_sender_login_mismatch" => {
            Rule::SenderLogin(LoginRule::Unauthenticated)
        }
        "reject_known_sender_login_mismatch" => Rule::SenderLogin(LoginRule::Known),
        "reject_maps_rbl" => Rule::Removed("reject_rbl_client domain-name"),
        "check_relay_domains" => Rule::Removed("reject_unauth_destination"),
        "permit_naked_ip_address" => {
            Rule::Removed("permit_mynetworks\" or \"permit_sasl_authenticated")
        }
        _ => return None,
    })
}

/// `check_…_access`: about whom, and about which servers.
fn access_command(word: &str) -> Option<(Subject, Option<Server>)> {
    let about = word.strip_prefix("check_")?.strip_suffix("_access")?;
    let (about, server) = match about.rsplit_once('_') {
        Some((subject, "mx")) => (subject, Some(Server::Mx)),
        Some((subject, "ns")) => (subject, Some(Server::Ns)),
        Some((subject, "a")) => (subject, Some(Server::A)),
        _ => (about, None),
    };
    let subject = match about {
        "client" => Subject::Client,
        "reverse_client_hostname" => Subject::ReverseClient,
        "helo" => Subject::Helo,
        "sender" => Subject::Sender,
        "recipient" => Subject::Recipient,
        "etrn" if server.is_none() => Subject::Etrn,
        _ => return None,
    };
    Some((subject, server))
}

/// DNS lists: about whom, by address or by name, and whether a match permits.
fn dns_list(word: &str) -> Option<(Subject, bool, bool)> {
    Some(match word {
        "reject_rbl_client" | "reject_rbl" => (Subject::Client, true, false),
        "permit_dnswl_client" => (Subject::Client, true, true),
        "reject_rhsbl_client" => (Subject::Client, false, false),
        "permit_rhswl_client" => (Subject::Client, false, true),
        "reject_rhsbl_reverse_client" => (Subject::ReverseClient, false, false),
        "reject_rhsbl_helo" => (Subject::Helo, false, false),
        "reject_rhsbl_sender" => (Subject::Sender, false, false),
        "reject_rhsbl_recipient" => (Subject::Recipient, false, false),
        _ => return None,
    })
}

/// Parses lists of one service, and opens what they name.
#[derive(Debug)]
pub struct Parser<'a> {
    tables: Source<'a>,
    classes: &'a [String],
    policies: HashMap<String, Arc<PolicyServer>>,
    defaults: Option<PolicySettings>,
}

/// Where tables come from.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// They are opened.
    Open(&'a Tables),
    /// They may not be named.
    None,
    /// They are left alone: only the words count.
    Unopened,
}

impl<'a> Parser<'a> {
    /// For the lists of a configuration, with these names of restriction classes.
    pub fn new(config: &Config, tables: &'a Tables, classes: &'a [String]) -> Self {
        Self {
            tables: Source::Open(tables),
            classes,
            policies: HashMap::new(),
            defaults: Some(PolicySettings::read(config)),
        }
    }

    /// For a look at the words of lists that nobody is going to evaluate.
    pub fn for_words(config: &Config, classes: &'a [String]) -> Self {
        Self {
            tables: Source::Unopened,
            classes,
            policies: HashMap::new(),
            defaults: Some(PolicySettings::read(config)),
        }
    }

    /// For the right-hand side of an access table, which may name no tables.
    pub fn of_table_value(classes: &'a [String]) -> Self {
        Self { tables: Source::None, classes, policies: HashMap::new(), defaults: None }
    }

    /// Parses a list.
    pub fn parse(&mut self, text: &str) -> Result<List, Problem> {
        let words = split_list(text);
        let mut list = Vec::with_capacity(words.len());
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let lower = word.to_ascii_lowercase();
            let rule = if word.contains(':') {
                match self.table(word)? {
                    Some(table) => Rule::BareTable(table),
                    None => Rule::BadTable(word.to_owned()),
                }
            } else if let Some(rule) = simple(&lower) {
                rule
            } else if self.takes_argument(&lower) {
                let argument = words.peek().copied();
                let (rule, used) = self.with_argument(&lower, argument)?;
                if used {
                    words.next();
                }
                rule
            } else if self.classes.iter().any(|class| class == word) {
                Rule::Class
            } else {
                Rule::Unknown
            };
            list.push(Restriction { word: word.to_owned(), rule });
        }
        Ok(list.into())
    }

    fn takes_argument(&self, word: &str) -> bool {
        matches!(
            word,
            "sleep" | "check_policy_service" | "check_ccert_access" | "check_sasl_access"
        ) || access_command(word).is_some()
            || dns_list(word).is_some()
    }

    /// The rule, and whether the argument is used up.
    fn with_argument(
        &mut self,
        word: &str,
        argument: Option<&str>,
    ) -> Result<(Rule, bool), Problem> {
        let is_table = argument.is_some_and(|a| a.contains(':'));
        Ok(match word {
            "sleep" => match argument.map(str::parse) {
                Some(Ok(seconds)) => (Rule::Sleep(seconds), true),
                _ => (Rule::BadSleep, false),
            },
            "check_policy_service" => match argument {
                Some(name) if is_table => match self.policy(name)? {
                    Some(server) => (Rule::Policy(server), true),
                    None => (Rule::BadPolicy, true),
                },
                _ => (Rule::BadPolicy, false),
            },
            _ if dns_list(word).is_some() => match (dns_list(word), argument) {
                (Some((subject, by_address, permits)), Some(domain)) => {
                    let domain = domain.to_owned();
                    (Rule::DnsList { subject, by_address, permits, domain }, true)
                }
                _ => (Rule::MissingDomain, false),
            },
            _ => match argument {
                Some(name) if is_table => match (access_command(word), self.table(name)?) {
                    (Some((subject, None)), Some(table)) => (Rule::Access(subject, table), true),
                    (Some((subject, Some(server))), Some(table)) => {
                        (Rule::ServerAccess(subject, server, table), true)
                    }
                    (None, Some(table)) if word == "check_sasl_access" => {
                        (Rule::SaslAccess(table), true)
                    }
                    (None, Some(table)) => match search_order(name) {
                        Some(order) => (Rule::CertificateAccess(table, order), true),
                        None => (Rule::BadTable(name.to_owned()), true),
                    },
                    (_, None) => (Rule::BadTable(name.to_owned()), true),
                },
                Some(name) => (Rule::BadTable(name.to_owned()), true),
                None => (Rule::BadTable(word.to_owned()), false),
            },
        })
    }

    fn table(&self, word: &str) -> Result<Option<Table>, Problem> {
        let name = match word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(inside) => split_list(inside).first().copied().unwrap_or_default(),
            None => word,
        };
        let tables = match self.tables {
            Source::Open(tables) => tables,
            Source::None => return Ok(None),
            Source::Unopened => {
                return Ok(Some(Table { name: name.to_owned(), maps: Maps::default() }));
            }
        };
        // By this title the tables follow `smtpd_access_maps` in
        // parent_domain_matches_subdomains.
        let maps = tables.maps("check_access", name)?;
        Ok(Some(Table { name: name.to_owned(), maps }))
    }

    fn policy(&mut self, word: &str) -> Result<Option<Arc<PolicyServer>>, Problem> {
        if let Some(server) = self.policies.get(word) {
            return Ok(Some(server.clone()));
        }
        let Some(defaults) = &self.defaults else { return Ok(None) };
        let server = Arc::new(PolicyServer::parse(word, defaults)?);
        self.policies.insert(word.to_owned(), server.clone());
        Ok(Some(server))
    }
}

/// Whether a list, or a class in it, holds one of the restrictions that keep strangers from
/// relaying. Without one in either list Postfix does not start. `ignored` hears of what stands
/// behind `permit`.
pub fn protects(
    list: &[Restriction],
    classes: &HashMap<String, List>,
    ignored: &mut Vec<String>,
) -> bool {
    let mut restrictions = list.iter();
    while let Some(restriction) = restrictions.next() {
        match restriction.rule {
            Rule::WarnIfReject => {
                restrictions.next();
            }
            Rule::Permit => {
                if let Some(next) = restrictions.next() {
                    ignored.push(format!(
                        "restriction `{}' after `{}' is ignored",
                        next.word, restriction.word
                    ));
                }
                return false;
            }
            Rule::RejectUnauthDestination
            | Rule::DeferUnauthDestination
            | Rule::Reject
            | Rule::Defer
            | Rule::DeferIfPermit => return true,
            Rule::Removed(_) if restriction.word.eq_ignore_ascii_case("check_relay_domains") => {
                return true;
            }
            Rule::Class => {
                let nested = classes.get(&restriction.word);
                if nested.is_some_and(|nested| protects(nested, classes, ignored)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The keys of `{ type:name, { search_order = cert_fingerprint, pubkey_fingerprint } }`; without
/// them the certificate, then its key. None if a word is unknown.
fn search_order(table: &str) -> Option<Vec<CertificateKey>> {
    let inside = table.strip_prefix('{').and_then(|table| table.strip_suffix('}'));
    let settings = inside.map(split_list).unwrap_or_default();
    let mut order = vec![CertificateKey::Certificate, CertificateKey::PublicKey];
    for setting in settings.get(1..).unwrap_or_default() {
        let setting = setting.trim_start_matches('{').trim_end_matches('}');
        let (name, value) = setting.split_once('=')?;
        if name.trim() != "search_order" {
            return None;
        }
        let key = |word: &str| match word.to_ascii_lowercase().as_str() {
            "cert_fingerprint" => Some(CertificateKey::Certificate),
            "pubkey_fingerprint" => Some(CertificateKey::PublicKey),
            _ => None,
        };
        order = split_list(value).into_iter().map(key).collect::<Option<_>>()?;
    }
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> List {
        let classes = ["strict".to_owned()];
        Parser::of_table_value(&classes).parse(text).unwrap()
    }

    #[test]
    fn words() {
        let list = parse("permit_mynetworks, REJECT_unauth_destination strict nonsense sleep 3");
        assert!(matches!(list[0].rule, Rule::PermitMynetworks));
        assert!(matches!(list[1].rule, Rule::RejectUnauthDestination));
        assert_eq!(list[1].word, "REJECT_unauth_destination");
        assert!(matches!(list[2].rule, Rule::Class));
        assert!(matches!(list[3].rule, Rule::Unknown));
        assert!(matches!(list[4].rule, Rule::Sleep(3)));
    }

    #[test]
    fn arguments() {
        assert!(matches!(parse("reject_rbl_client x.example")[0].rule, Rule::DnsList { .. }));
        assert!(matches!(parse("check_client_access")[0].rule, Rule::BadTable(_)));
        assert!(matches!(parse("sleep now")[0].rule, Rule::BadSleep));
        assert_eq!(
            access_command("check_reverse_client_hostname_mx_access"),
            Some((Subject::ReverseClient, Some(Server::Mx)))
        );
        assert_eq!(access_command("check_ccert_access"), None);
    }

    #[test]
    fn relay_protection() {
        let classes = HashMap::from([("strict".to_owned(), parse("reject"))]);
        let protects = |text| super::protects(&parse(text), &classes, &mut Vec::new());
        assert!(protects("permit_mynetworks defer_unauth_destination"));
        assert!(protects("strict"));
        assert!(!protects("permit_mynetworks"));
        assert!(!protects("permit, reject"));
        assert!(!protects("warn_if_reject reject"));
    }
}
