//! The arguments of a spawn(8) line in master.cf: `user=` and, last, `argv=`.

use crate::config::{Config, parameters as p};
use crate::sys::spawn::Rights;
use crate::sys::users;

/// What the arguments say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) rights: Rights,
    /// The command and its arguments; never empty.
    pub(super) argv: Vec<String>,
}

impl Attributes {
    /// Understands the arguments; the error is what the log says after `fatal: `.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut user = None;
        let mut argv = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let unknown = || format!("unknown attribute name: {argument}");
            let (name, value) = argument.split_once('=').ok_or_else(unknown)?;
            if name.eq_ignore_ascii_case("user") {
                user = Some(ids(value)?);
            } else if name.eq_ignore_ascii_case("argv") {
                argv.push(value.to_owned());
                argv.extend(rest.by_ref().cloned());
            } else {
                return Err(unknown());
            }
        }
        let rights = user.ok_or("missing user= attribute")?;
        if argv.is_empty() {
            return Err("missing argv= attribute".into());
        }
        Ok(Self { rights, argv })
    }

    /// Refuses the rights of root and of the mail system itself.
    pub(super) fn check_rights(&self, config: &Config) -> Result<(), String> {
        let owner = users::user(&config.text(&p::mail_owner)).map_err(|e| e.to_string())?;
        let Rights { uid, gid, .. } = self.rights;
        match (uid, gid) {
            (0, _) => Err("request to deliver as root".into()),
            (uid, _) if uid == owner.uid.as_raw() => {
                Err("request to deliver as mail system owner".into())
            }
            (_, 0) => Err("request to use privileged group id 0".into()),
            (_, gid) if gid == owner.gid.as_raw() => {
                Err(format!("request to use mail system owner group id {gid}"))
            }
            (u32::MAX, _) => Err("user must not have user ID -1".into()),
            (_, u32::MAX) => Err("user must not have group ID -1".into()),
            _ => Ok(()),
        }
    }
}

/// `user` or `user:group`.
fn ids(text: &str) -> Result<Rights, String> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let found = users::user(user).map_err(|_| format!("unknown user name: {user}"))?;
    let gid = match group {
        "" => found.gid,
        group => users::group(group).map_err(|_| format!("unknown group name: {group}"))?.gid,
    };
    Ok(Rights { uid: found.uid.as_raw(), gid: gid.as_raw(), second_gid: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Attributes, String> {
        Attributes::parse(&text.split('|').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_usual_line() {
        let found = parse("user=nobody|argv=/usr/bin/policyd-spf|-x|a=b").unwrap();
        assert_eq!(found.argv, ["/usr/bin/policyd-spf", "-x", "a=b"]);
        assert!(found.rights.uid > 0 && found.rights.second_gid.is_none());
        assert!(parse("USER=nobody:|argv=x").is_ok());
    }

    #[test]
    fn mistakes() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error("user=nobody"), "missing argv= attribute");
        assert_eq!(error("argv=/bin/x"), "missing user= attribute");
        assert_eq!(error("flags=R|argv=x"), "unknown attribute name: flags=R");
        assert_eq!(error("fruit|argv=x"), "unknown attribute name: fruit");
        assert_eq!(error("user=no-such-user|argv=x"), "unknown user name: no-such-user");
        assert_eq!(error("user=nobody:no-such-group|argv=x"), "unknown group name: no-such-group");
    }
}
