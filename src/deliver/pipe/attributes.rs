//! The arguments of a pipe(8) line in master.cf: `flags=` `user=` `directory=` `chroot=` `eol=`
//! `null_sender=` `size=` and, last, `argv=`.

use crate::config::unescape;
use crate::config::{Config, parameters as p};
use crate::sys::users;

/// What the arguments say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) flags: Flags,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) directory: Option<String>,
    pub(super) chroot: Option<String>,
    pub(super) line_end: String,
    pub(super) null_sender: String,
    /// Bytes; zero is no limit.
    pub(super) size_limit: u64,
    pub(super) argv: Vec<String>,
}

/// `flags=`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// B
    pub(super) blank_line: bool,
    /// D
    pub(super) delivered_to: bool,
    /// F
    pub(super) from_line: bool,
    /// O
    pub(super) original_to: bool,
    /// R
    pub(super) return_path: bool,
    /// X
    pub(super) final_delivery: bool,
    /// h
    pub(super) fold_domain: bool,
    /// q
    pub(super) quote: bool,
    /// u
    pub(super) fold_local: bool,
    /// .
    pub(super) double_dots: bool,
    /// >
    pub(super) quote_from: bool,
}

impl Flags {
    /// Sets further flags; `flags=` may come more than once.
    fn add(&mut self, text: &str) -> Result<(), String> {
        for c in text.chars() {
            let flag = match c {
                'B' => &mut self.blank_line,
                'D' => &mut self.delivered_to,
                'F' => &mut self.from_line,
                'O' => &mut self.original_to,
                'R' => &mut self.return_path,
                'X' => &mut self.final_delivery,
                'h' => &mut self.fold_domain,
                'q' => &mut self.quote,
                'u' => &mut self.fold_local,
                '.' => &mut self.double_dots,
                '>' => &mut self.quote_from,
                _ => return Err(format!("unknown flag: {c} (ignored)")),
            };
            *flag = true;
        }
        Ok(())
    }
}

impl Attributes {
    /// Understands the arguments; the error is what the log says after `fatal: `.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut found = Self {
            flags: Flags::default(),
            uid: 0,
            gid: 0,
            directory: None,
            chroot: None,
            line_end: "\n".into(),
            null_sender: "MAILER-DAEMON".into(),
            size_limit: 0,
            argv: Vec::new(),
        };
        let mut user = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let unknown = || format!("unknown attribute name: {argument}");
            let (name, value) = argument.split_once('=').ok_or_else(unknown)?;
            match name.to_ascii_lowercase().as_str() {
                "flags" => found.flags.add(value)?,
                "user" => user = Some(value),
                "directory" => found.directory = Some(value.to_owned()),
                "chroot" => found.chroot = Some(value.to_owned()),
                "eol" => found.line_end = unescape(value),
                "null_sender" => found.null_sender = value.to_owned(),
                "size" => {
                    let digits = value.bytes().all(|b| b.is_ascii_digit());
                    let size = if value.is_empty() { Ok(0) } else { value.parse() };
                    found.size_limit = size
                        .ok()
                        .filter(|_| digits)
                        .ok_or_else(|| format!("get_service_attr: bad size= value: {value}"))?;
                }
                "argv" => {
                    found.argv.push(value.to_owned());
                    found.argv.extend(rest.by_ref().cloned());
                }
                _ => return Err(unknown()),
            }
        }
        let user = user.ok_or("missing user= command-line attribute")?;
        if found.argv.is_empty() {
            return Err("missing argv= command-line attribute".into());
        }
        (found.uid, found.gid) = ids(user)?;
        Ok(found)
    }

    /// Refuses the rights of root and of the mail system itself.
    pub(super) fn check_rights(&self, config: &Config) -> Result<(), String> {
        let owner_name = config.text(&p::mail_owner);
        let owner = users::user(&owner_name).map_err(|e| format!("mail_owner: {e}"))?;
        let setgid = users::group(&config.text(&p::setgid_group)).map(|group| group.gid.as_raw());
        let says = "user= command-line attribute specifies";
        match (self.uid, self.gid) {
            (0, _) => Err(format!("{says} root privileges")),
            (uid, _) if uid == owner.uid.as_raw() => {
                Err(format!("{says} mail system owner {owner_name}"))
            }
            (_, 0) => Err(format!("{says} privileged group id 0")),
            (_, gid) if gid == owner.gid.as_raw() => {
                Err(format!("{says} mail system owner {owner_name} group id {gid}"))
            }
            (_, gid) if setgid.as_ref() == Ok(&gid) => {
                let group = config.text(&p::setgid_group);
                Err(format!("{says} mail system {group} group id {gid}"))
            }
            _ => Ok(()),
        }
    }
}

/// `user` or `user:group`.
fn ids(text: &str) -> Result<(u32, u32), String> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let found =
        users::user(user).map_err(|_| format!("get_service_attr: unknown username: {user}"))?;
    let gid = match group {
        "" => found.gid,
        group => {
            users::group(group)
                .map_err(|_| format!("get_service_attr: unknown group: {group}"))?
                .gid
        }
    };
    Ok((found.uid.as_raw(), gid.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Attributes, String> {
        Attributes::parse(&text.split('|').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_usual_line() {
        let found =
            parse("flags=DRhu|user=nobody|eol=\\r\\n|size=100|argv=/bin/x|-f|a=b|${user}").unwrap();
        assert!(found.flags.delivered_to && found.flags.return_path && found.flags.fold_local);
        assert!(!found.flags.from_line);
        assert_eq!(found.argv, ["/bin/x", "-f", "a=b", "${user}"]);
        assert_eq!((found.line_end.as_str(), found.size_limit), ("\r\n", 100));
    }

    #[test]
    fn mistakes() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error("user=nobody"), "missing argv= command-line attribute");
        assert_eq!(error("argv=/bin/x"), "missing user= command-line attribute");
        assert_eq!(error("flags=Z|argv=x"), "unknown flag: Z (ignored)");
        assert_eq!(error("fruit=apple|argv=x"), "unknown attribute name: fruit=apple");
        assert_eq!(error("bare|argv=x"), "unknown attribute name: bare");
        assert_eq!(
            error("user=no-such-user|argv=x"),
            "get_service_attr: unknown username: no-such-user"
        );
        assert_eq!(error("size=1k|user=nobody|argv=x"), "get_service_attr: bad size= value: 1k");
    }
}
