//! LDAP URLs (RFC 4516): servers, and searches that a directory refers to.

/// A URL in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LdapUrl {
    /// ldap, ldaps or ldapi.
    pub scheme: Scheme,
    /// The host; for ldapi the path of the socket.
    pub host: String,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The distinguished name.
    pub name: String,
    /// Attributes that are wanted; none: all.
    pub attributes: Vec<String>,
    /// How deep is searched.
    pub scope: Scope,
    /// The filter, if there is one.
    pub filter: Option<String>,
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// TCP.
    #[default]
    Ldap,
    /// TLS over TCP.
    Ldaps,
    /// A socket in the file system.
    Ldapi,
}

/// How deep is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The entry itself.
    #[default]
    Base,
    /// What stands right below it.
    One,
    /// The entry and all below.
    Sub,
}

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Ldaps => "ldaps",
            Self::Ldapi => "ldapi",
        }
    }
}

/// Whether a value is meant to be an LDAP URL.
pub fn is_url(text: &str) -> bool {
    let start = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(start.as_deref(), Some("ldap" | "ldaps" | "ldapi"))
}

/// Takes a URL apart; none if it is none.
pub fn parse(text: &str) -> Option<LdapUrl> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ldap" => Scheme::Ldap,
        "ldaps" => Scheme::Ldaps,
        "ldapi" => Scheme::Ldapi,
        _ => return None,
    };
    let (authority, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match scheme {
        Scheme::Ldapi => (decode(authority)?, None),
        _ => host_and_port(authority)?,
    };
    let mut parts = rest.splitn(5, '?');
    let mut next = || decode(parts.next().unwrap_or_default());
    let name = next()?;
    let attributes = next()?;
    let attributes = attributes.split(',').map(str::trim).filter(|name| !name.is_empty());
    let attributes = attributes.map(str::to_owned).collect();
    let scope = match next()?.to_ascii_lowercase().as_str() {
        "" | "base" => Scope::Base,
        "one" | "onelevel" => Scope::One,
        "sub" | "subtree" => Scope::Sub,
        _ => return None,
    };
    let filter = Some(next()?).filter(|filter| !filter.is_empty());
    // A critical extension that we do not know.
    if next()?.split(',').any(|extension| extension.starts_with('!')) {
        return None;
    }
    Some(LdapUrl { scheme, host, port, name, attributes, scope, filter })
}

fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok()?),
        None => None,
    };
    Some((decode(host)?, port))
}

fn decode(text: &str) -> Option<String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        plain.push(u8::try_from(digit()? << 4 | digit()?).ok()?);
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let url = parse("ldap://h:12/o=a%20b,c=d?cn,mail?sub?(x=y)").unwrap();
        assert_eq!((&*url.host, url.port, &*url.name), ("h", Some(12), "o=a b,c=d"));
        assert_eq!((url.attributes.len(), url.scope), (2, Scope::Sub));
        assert_eq!(url.filter.as_deref(), Some("(x=y)"));
        let url = parse("LDAPI://%2frun%2fldapi").unwrap();
        assert_eq!((url.scheme, &*url.host), (Scheme::Ldapi, "/run/ldapi"));
        let url = parse("ldaps://[::1]:636/").unwrap();
        assert_eq!((&*url.host, url.port, url.scope), ("::1", Some(636), Scope::Base));
        for bad in ["http://x", "ldap://h:x", "ldap://h/?a?deep", "ldap://[::1", "ldap://h/%zz"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(is_url("LDAP://x") && !is_url("cn=a,o=ldap://"));
    }

    proptest::proptest! {
        #[test]
        fn any_text(text in "(ldap://)?.{0,40}") {
            let _ = parse(&text);
        }
    }
}
