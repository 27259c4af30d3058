//! The commands we know, and how often a client used them.

use std::fmt::Write as _;

/// An SMTP command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Helo,
    Ehlo,
    Xclient,
    Xforward,
    Starttls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Etrn,
    Quit,
    Help,
}

/// In the order of the statistics that the disconnect line shows.
const ALL: [(Command, &str); 16] = [
    (Command::Helo, "HELO"),
    (Command::Ehlo, "EHLO"),
    (Command::Xclient, "XCLIENT"),
    (Command::Xforward, "XFORWARD"),
    (Command::Starttls, "STARTTLS"),
    (Command::Auth, "AUTH"),
    (Command::Mail, "MAIL"),
    (Command::Rcpt, "RCPT"),
    (Command::Data, "DATA"),
    (Command::Bdat, "BDAT"),
    (Command::Rset, "RSET"),
    (Command::Noop, "NOOP"),
    (Command::Vrfy, "VRFY"),
    (Command::Etrn, "ETRN"),
    (Command::Quit, "QUIT"),
    (Command::Help, "HELP"),
];

impl Command {
    /// The command of that name in any case.
    pub fn parse(word: &str) -> Option<Self> {
        ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(command, _)| *command)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ALL.get(self as usize).map_or("", |(_, name)| name)
    }

    /// It does nothing for mail, and may be repeated only so often
    /// (`smtpd_junk_command_limit`).
    pub const fn is_junk(self) -> bool {
        matches!(self, Self::Helo | Self::Ehlo | Self::Rset | Self::Noop | Self::Vrfy | Self::Etrn)
    }

    /// A client must wait for the reply (RFC 2920 section 3.1).
    pub const fn ends_group(self) -> bool {
        matches!(self, Self::Helo | Self::Ehlo | Self::Data | Self::Noop | Self::Vrfy)
    }

    /// It is carried out without TLS even where TLS is required.
    pub const fn may_be_plain(self) -> bool {
        matches!(
            self,
            Self::Helo
                | Self::Ehlo
                | Self::Xclient
                | Self::Starttls
                | Self::Noop
                | Self::Quit
                | Self::Help
        )
    }

    /// The names in alphabetical order, for HELP.
    pub fn sorted_names() -> String {
        let mut names = ALL.map(|(_, name)| name);
        names.sort_unstable();
        names.join(" ")
    }
}

/// How often each command was used, and with success.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    counts: [(u32, u32); ALL.len()],
    unknown: u32,
}

impl Statistics {
    /// A command came in; none is one that we do not know.
    pub fn came(&mut self, command: Option<Command>) {
        match command.and_then(|command| self.counts.get_mut(command as usize)) {
            Some((_, total)) => *total += 1,
            None => self.unknown += 1,
        }
    }

    /// It was carried out.
    pub fn succeeded(&mut self, command: Command) {
        if let Some((success, _)) = self.counts.get_mut(command as usize) {
            *success += 1;
        }
    }

    /// As the disconnect line shows it: ` ehlo=1 mail=1 rcpt=0/1 commands=2/3`.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(80);
        let (mut successes, mut totals) = (0, 0);
        let known = ALL.iter().map(|(_, name)| *name).zip(self.counts);
        for (name, (success, total)) in known.chain([("UNKNOWN", (0, self.unknown))]) {
            if total > 0 {
                let _ = write!(text, " {}={success}", name.to_ascii_lowercase());
                if success != total {
                    let _ = write!(text, "/{total}");
                }
                successes += success;
                totals += total;
            }
        }
        let _ = write!(text, " commands={successes}");
        if successes != totals || totals == 0 {
            let _ = write!(text, "/{totals}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        let mut statistics = Statistics::default();
        assert_eq!(statistics.text(), " commands=0/0");
        statistics.came(Some(Command::Ehlo));
        statistics.succeeded(Command::Ehlo);
        assert_eq!(statistics.text(), " ehlo=1 commands=1");
        statistics.came(Some(Command::Rcpt));
        statistics.came(None);
        assert_eq!(statistics.text(), " ehlo=1 rcpt=0/1 unknown=0/1 commands=1/3");
    }

    #[test]
    fn names() {
        for (command, name) in ALL {
            assert_eq!(command.name(), name);
            assert_eq!(Command::parse(&name.to_lowercase()), Some(command));
        }
        assert!(Command::sorted_names().starts_with("AUTH BDAT DATA"));
    }
}
