//! What the restriction lists say to a stranger, for when they cannot be tried out: restrictions
//! that decide about everybody are followed, those that ask somebody are passed over.

use std::net::IpAddr;

use postfix_rs::config::{Config, parameters as p, split_list};

/// The lists that may keep a stranger from relaying.
const LISTS: &[&str] = &["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];

/// Whether mail to anybody is taken from that client.
pub(super) fn relays(config: &Config, client: IpAddr) -> bool {
    let own = config.text(&p::mynetworks);
    !LISTS.iter().any(|name| refuses(&config.value(name), &own, client))
}

/// Whether a list ends in a refusal of mail for other domains.
fn refuses(list: &str, own: &str, client: IpAddr) -> bool {
    for word in split_list(list) {
        match word {
            "permit" => return false,
            "permit_mynetworks" if is_in(own, client) => return false,
            "reject" | "defer" | "reject_unauth_destination" | "defer_unauth_destination" => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// Whether a client is in a list of networks, as far as that stands in the list itself.
fn is_in(networks: &str, client: IpAddr) -> bool {
    let matches = |word: &str| {
        let word = word.replace(['[', ']'], "");
        word.parse::<cidr::IpCidr>().is_ok_and(|network| network.contains(&client))
    };
    for word in split_list(networks) {
        match word.strip_prefix('!') {
            Some(word) if matches(word) => return false,
            None if matches(word) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use postfix_rs::config::Sources;

    fn open(main_cf: &str) -> bool {
        let base = "compatibility_level = 3.6\nmynetworks = 127.0.0.0/8, [::1]/128\n";
        let main_cf = format!("{base}{main_cf}");
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        relays(&config, IpAddr::from([198, 51, 100, 77]))
    }

    #[test]
    fn lists() {
        assert!(!open(""));
        assert!(open("mynetworks = 0.0.0.0/0\n"));
        assert!(!open("mynetworks = !198.51.100.0/24, 0.0.0.0/0\n"));
        assert!(open("smtpd_relay_restrictions =\n"));
        assert!(open("smtpd_relay_restrictions = permit\n"));
        assert!(!open(
            "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination\n"
        ));
        assert!(!open(
            "smtpd_relay_restrictions = permit, reject\nsmtpd_recipient_restrictions = reject_unauth_destination\n"
        ));
        assert!(open("smtpd_relay_restrictions = permit_sasl_authenticated\n"));
    }
}
