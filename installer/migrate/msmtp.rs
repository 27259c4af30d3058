//! msmtprc: accounts, of which one is the default.

use super::{Account, Carried, Encryption, Host};

/// An account as it is written down.
#[derive(Clone, Debug, Default)]
struct Written {
    name: String,
    values: Vec<(String, String)>,
}

impl Written {
    fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn is_on(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value.is_empty() || value == "on")
    }
}

/// Reads it; `file` reads other files that it names.
pub(super) fn read(text: &str, file: &dyn Fn(&str) -> Option<String>) -> Carried {
    let accounts = accounts(text);
    let mut carried = Carried::default();
    let default = accounts
        .iter()
        .rposition(|account| account.name == "default")
        .or_else(|| accounts.len().checked_sub(1));
    for (place, written) in (0..).zip(&accounts) {
        let Some(host) = written.value("host") else { continue };
        let account = account(written, host, &mut carried.left);
        if Some(place) == default {
            settings(&mut carried, written, file);
            carried.accounts.push(account);
        } else if let Some(from) = written.value("from").filter(|from| from.contains('@')) {
            carried.by_sender.push((from.to_owned(), account));
        } else {
            carried.left.push(format!(
                "msmtprc: account {} has no sender of its own (from): it is left out",
                written.name
            ));
        }
    }
    let main = carried.accounts.first().cloned();
    carried.by_sender.retain(|(_, account)| Some(account) != main.as_ref());
    carried
}

/// Values of `defaults` hold for the accounts after it; `account b : a` begins with those of a.
fn accounts(text: &str) -> Vec<Written> {
    let mut found: Vec<Written> = Vec::new();
    let mut defaults = Vec::new();
    let mut in_defaults = true;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let value = value.trim().trim_matches('"');
        match key {
            "" => {}
            "defaults" => in_defaults = true,
            "account" => {
                in_defaults = false;
                let (name, parents) = value.split_once(':').unwrap_or((value, ""));
                let mut values: Vec<(String, String)> = defaults.clone();
                for parent in parents.split(',').map(str::trim) {
                    let known = found.iter().rfind(|account| account.name == parent);
                    values.extend(known.iter().flat_map(|account| account.values.clone()));
                }
                found.push(Written { name: name.trim().to_owned(), values });
            }
            _ => {
                let pair = (key.to_owned(), value.to_owned());
                match found.last_mut().filter(|_| !in_defaults) {
                    Some(account) => account.values.push(pair),
                    None => defaults.push(pair),
                }
            }
        }
    }
    if found.is_empty() && !defaults.is_empty() {
        found.push(Written { name: "default".into(), values: defaults });
    }
    found
}

fn account(written: &Written, host: &str, left: &mut Vec<String>) -> Account {
    let encryption = match (written.is_on("tls"), written.value("tls_starttls")) {
        (false, _) => Encryption::None,
        (true, Some("off")) => Encryption::Wrapper,
        (true, _) => Encryption::StartTls,
    };
    let wants_login = written.value("auth").is_some_and(|auth| auth != "off");
    let user = written.value("user").filter(|_| wants_login).map(str::to_owned);
    let password = written.value("password").map(str::to_owned);
    if user.is_some() && password.is_none() {
        let how = match written.value("passwordeval") {
            Some(command) => format!("its password is printed by: {command}"),
            None => "its password is not in msmtprc".to_owned(),
        };
        left.push(format!("account {}: {how}; add it to /etc/postfix/sasl_passwd", written.name));
    }
    let mut parsed = Host::parse(host);
    parsed.port = written.value("port").and_then(|port| port.parse().ok()).or(match encryption {
        Encryption::Wrapper => Some(465),
        _ => parsed.port,
    });
    Account { host: parsed, encryption, user, password }
}

fn settings(carried: &mut Carried, written: &Written, file: &dyn Fn(&str) -> Option<String>) {
    let value = |key: &str| written.value(key).filter(|v| !v.is_empty()).map(str::to_owned);
    carried.verify = written.is_on("tls") && written.value("tls_certcheck") != Some("off");
    carried.ca_file = value("tls_trust_file").filter(|path| path != "system");
    carried.origin = value("maildomain");
    if let (Some(cert), Some(key)) = (value("tls_cert_file"), value("tls_key_file")) {
        carried.certificate = Some((cert, key));
    }
    // "from" is what senders become, unless it has parts that msmtp fills in.
    match value("from") {
        Some(from) if from.contains('%') => {
            carried.left.push(format!("msmtprc: from {from}: senders are completed by myorigin"));
        }
        Some(from) if written.value("allow_from_override") == Some("off") => {
            carried.all_from = Some(from);
        }
        Some(from) => carried.senders.push(("root".into(), from)),
        None => {}
    }
    if let Some(text) = value("aliases").and_then(|path| file(&path)) {
        aliases(carried, &text);
    }
}

/// Lines `name: address, address`.
fn aliases(carried: &mut Carried, text: &str) {
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((name, addresses)) = line.split_once(':') else { continue };
        let (name, addresses) = (name.trim().to_owned(), addresses.trim().to_owned());
        match name.as_str() {
            "default" => carried.everybody = Some(addresses),
            _ => carried.recipients.push((name, addresses)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "defaults\nauth on\ntls on\ntls_trust_file /etc/ssl/certs/ca-certificates.crt\n\
        account work\nhost smtp.work.example\nport 587\nfrom me@work.example\nuser me\npassword \"se cret\"\n\
        account home : work\nhost mail.home.example\nfrom me@home.example\ntls_starttls off\npasswordeval pass home\nport 465\n\
        account default : work\naliases /etc/aliases\n";

    #[test]
    fn accounts_and_their_default() {
        let files = |path: &str| {
            (path == "/etc/aliases").then(|| "root: me@work.example\ndefault: other@x\n".to_owned())
        };
        let carried = read(CONF, &files);
        let [account] = carried.accounts.as_slice() else { panic!("{carried:?}") };
        assert_eq!(account.host.to_string(), "[smtp.work.example]:587");
        assert_eq!(account.credentials().as_deref(), Some("me:se cret"));
        assert_eq!(account.encryption, Encryption::StartTls);
        assert!(carried.verify);
        let [(sender, home)] = carried.by_sender.as_slice() else { panic!("{carried:?}") };
        assert_eq!(
            (sender.as_str(), home.host.to_string().as_str()),
            ("me@home.example", "[mail.home.example]:465")
        );
        assert_eq!(home.encryption, Encryption::Wrapper);
        assert_eq!(carried.recipients, [("root".into(), "me@work.example".into())]);
        assert_eq!(carried.everybody.as_deref(), Some("other@x"));
        assert_eq!(carried.senders, [("root".into(), "me@work.example".into())]);
    }

    #[test]
    fn a_file_without_accounts() {
        let carried = read("host localhost\nport 2525\n", &|_| None);
        assert_eq!(carried.accounts[0].host.to_string(), "[localhost]:2525");
        assert_eq!(read("", &|_| None), Carried::default());
    }
}
