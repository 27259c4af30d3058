//! ssmtp.conf(5) and revaliases.

use super::{Account, Carried, Encryption, Host};

/// Reads both files.
pub(super) fn read(conf: &str, revaliases: &str) -> Carried {
    let mut carried = Carried::default();
    let mut account = Account::default();
    let mut start_tls = false;
    let mut tls = false;
    for line in conf.lines() {
        let line = line.trim();
        let Some((key, value)) = line.split_once(['=', ' ', '\t']) else { continue };
        let (key, value) = (key.trim(), value.trim_matches([' ', '\t', '=', '"']));
        if key.starts_with('#') || value.is_empty() {
            continue;
        }
        let yes = value.eq_ignore_ascii_case("yes");
        let owned = value.to_owned();
        match key.to_ascii_lowercase().as_str() {
            "mailhub" => account.host = Host::parse(value),
            "port" => account.host.port = value.parse().ok(),
            "root" if value.contains('@') || !value.is_empty() => {
                carried.recipients.push(("root".into(), owned));
            }
            "rewritedomain" => carried.origin = Some(owned),
            "hostname" => carried.hostname = Some(owned),
            "usetls" => tls = yes,
            "usestarttls" => start_tls = yes,
            "authuser" => account.user = Some(owned),
            "authpass" => account.password = Some(owned),
            "tls_ca_file" | "tls_ca_dir" => carried.ca_file = Some(owned),
            "tlscert" => certificate(&mut carried).0 = owned,
            "tlskey" => certificate(&mut carried).1 = owned,
            "fromlineoverride" | "debug" | "usetlscert" | "authmethod" | "minuserid" => {}
            _ => carried.left.push(format!("ssmtp.conf: {key} has no counterpart")),
        }
    }
    account.encryption = match (start_tls, tls) {
        (true, _) => Encryption::StartTls,
        (false, true) => Encryption::Wrapper,
        (false, false) => Encryption::None,
    };
    if account.host.name.is_empty() {
        "mail".clone_into(&mut account.host.name); // ssmtp's own default
    }
    // An old habit: without a domain of its own the machine's name completes addresses.
    aliases(&mut carried, revaliases, &account);
    carried.accounts.push(account);
    carried
}

fn certificate(carried: &mut Carried) -> &mut (String, String) {
    carried.certificate.get_or_insert_with(Default::default)
}

/// `local_account:outgoing_address:mailhub[:port]`
fn aliases(carried: &mut Carried, text: &str, account: &Account) {
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(3, ':').map(str::trim);
        let (Some(local), Some(address)) = (parts.next(), parts.next()) else { continue };
        if local.is_empty() || address.is_empty() {
            continue;
        }
        carried.senders.push((local.to_owned(), address.to_owned()));
        if let Some(hub) = parts.next().filter(|hub| !hub.is_empty()) {
            let host = Host::parse(hub);
            if host != account.host {
                carried.by_sender.push((address.to_owned(), Account { host, ..account.clone() }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider() {
        let conf = "# comment\nroot=me@example.com\nmailhub=smtp.example.com:587\nrewriteDomain=example.com\n\
                    hostname=box.example.com\nUseSTARTTLS=YES\nUseTLS=YES\nAuthUser=me\nAuthPass=a=b#c\n\
                    FromLineOverride=YES\n#Debug=YES\nNoSuch=1\n";
        let aliases = "# x\nroot:me@example.com:smtp.example.com:587\nwww:web@example.com\nbad\n\
                       ann:ann@example.org:mail.example.org\n";
        let carried = read(conf, aliases);
        let account = carried.accounts.first().unwrap();
        assert_eq!(account.host.to_string(), "[smtp.example.com]:587");
        assert_eq!(account.encryption, Encryption::StartTls);
        assert_eq!(account.credentials().as_deref(), Some("me:a=b#c"));
        assert_eq!(carried.origin.as_deref(), Some("example.com"));
        assert_eq!(carried.recipients, [("root".into(), "me@example.com".into())]);
        assert_eq!(carried.senders.len(), 3);
        assert_eq!(carried.by_sender.len(), 1);
        assert_eq!(carried.by_sender[0].1.host.to_string(), "[mail.example.org]");
        assert_eq!(carried.left, ["ssmtp.conf: NoSuch has no counterpart"]);
    }

    #[test]
    fn tls_from_the_first_byte() {
        let carried = read("mailhub=smtp.example.com:465\nUseTLS=YES\n", "");
        assert_eq!(carried.accounts[0].encryption, Encryption::Wrapper);
        assert_eq!(read("", "").accounts[0].host.to_string(), "[mail]");
    }
}
