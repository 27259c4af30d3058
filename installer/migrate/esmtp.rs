//! esmtprc(5): identities, of which the first, or the one marked `default`, is used for everybody.

use super::{Account, Carried, Encryption, Host};

/// One identity.
#[derive(Clone, Debug, Default)]
struct Identity {
    address: Option<String>,
    account: Account,
    is_default: bool,
}

/// Reads it.
pub(super) fn read(text: &str) -> Carried {
    let mut carried = Carried::default();
    let mut identities = vec![Identity { is_default: true, ..Identity::default() }];
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once(['=', ' ', '\t']) else {
            if line == "default"
                && let Some(identity) = identities.last_mut()
            {
                identity.is_default = true;
            }
            continue;
        };
        let value = value.trim_matches([' ', '\t', '=', '"']).to_owned();
        let key = key.trim().to_ascii_lowercase();
        if key == "identity" {
            identities.push(Identity { address: Some(value), ..Identity::default() });
            continue;
        }
        let Some(identity) = identities.last_mut() else { continue };
        setting(&mut carried, identity, &key, value);
    }
    let default = identities
        .iter()
        .rposition(|identity| identity.is_default && !identity.account.host.name.is_empty())
        .or_else(|| identities.iter().position(|one| !one.account.host.name.is_empty()));
    for (place, identity) in (0..).zip(identities) {
        if identity.account.host.name.is_empty() {
            continue;
        }
        if Some(place) == default {
            carried.accounts.insert(0, identity.account);
        } else if let Some(address) = identity.address {
            carried.by_sender.push((address, identity.account));
        }
    }
    carried
}

fn setting(carried: &mut Carried, identity: &mut Identity, key: &str, value: String) {
    let account = &mut identity.account;
    match key {
        "hostname" | "host" => account.host = Host::parse(&value),
        "username" => account.user = Some(value),
        "password" => account.password = Some(value),
        "starttls" => {
            account.encryption = match value.as_str() {
                "disabled" => Encryption::None,
                _ => Encryption::StartTls,
            };
        }
        "qualifydomain" => carried.origin = Some(value),
        "force_sender" | "force sender" => carried.all_from = Some(value),
        "certificate_passphrase" | "preconnect" | "mda" | "force_mda" | "force" => {
            carried.left.push(format!("esmtprc: {key} has no counterpart"));
        }
        "default" => identity.is_default = true,
        _ => carried.left.push(format!("esmtprc: {key} is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities() {
        let text = "# x\nidentity \"me@example.org\"\n hostname = mail.example.org:25\n username = \"o\"\n password = \"p\"\n\
                    identity = me@example.com\n\tdefault\n\thostname=smtp.example.com:587\n\tusername=me\n\tpassword = s3\n\tstarttls = required\n\
                    mda = \"/usr/bin/procmail -d %T\"\n";
        let carried = read(text);
        assert_eq!(carried.accounts.len(), 1);
        assert_eq!(carried.accounts[0].host.to_string(), "[smtp.example.com]:587");
        assert_eq!(carried.accounts[0].encryption, Encryption::StartTls);
        assert_eq!(carried.by_sender[0].0, "me@example.org");
        assert_eq!(carried.by_sender[0].1.credentials().as_deref(), Some("o:p"));
        assert_eq!(carried.left, ["esmtprc: mda has no counterpart"]);
    }

    #[test]
    fn without_identities() {
        let carried = read(
            "hostname=smtp.example.com:25\nusername=u\npassword=p\nstarttls=enabled\nqualifydomain=x.org\n",
        );
        assert_eq!(carried.accounts[0].host.to_string(), "[smtp.example.com]:25");
        assert_eq!(carried.origin.as_deref(), Some("x.org"));
        assert_eq!(read(""), Carried::default());
    }
}
