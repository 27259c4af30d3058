//! master.cf: which services there are, on which sockets, with which overrides.

use super::Problem;
use super::lines::{LogicalLine, is_space, logical_lines, split_assignment};
use super::list::{split_words, strip_braces};

/// One line of master.cf.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceLine {
    /// Where it stands in master.cf, for messages.
    pub line: usize,
    /// First column: `smtp`, `127.0.0.1:2525`, `[::1]:25`, `pickup`.
    pub name: String,
    /// Second column.
    pub kind: SocketKind,
    /// Third column; `-` is yes.
    pub private: bool,
    /// Fourth column; `-` is yes: the service runs with the rights of `mail_owner`.
    pub unprivileged: bool,
    /// Fifth column; asks for confinement.
    pub chroot: bool,
    /// Sixth column, seconds; zero is never.
    pub wakeup: u32,
    /// The `?` after the wake-up time: only once the service is in use.
    pub wakeup_if_used: bool,
    /// Seventh column: simultaneous sessions; `None` is no limit (0), absent is `default_process_limit`.
    pub maxproc: Option<u32>,
    /// Eighth column: the program.
    pub program: String,
    /// `-o name=value`, in order.
    pub overrides: Vec<(String, String)>,
    /// How many `-v`.
    pub verbose: u32,
    /// `-D`, and all arguments that are none of the above, in order (pipe(8) and spawn(8) take
    /// `flags=… user=… argv=…`).
    pub arguments: Vec<String>,
}

/// The second column of master.cf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SocketKind {
    /// A TCP port.
    Inet,
    /// A UNIX stream socket below `private/` or `public/`.
    Unix,
    /// A UNIX datagram socket.
    UnixDgram,
    /// A named pipe; a UNIX stream socket serves as well.
    Fifo,
    /// A UNIX socket over which connections are passed as descriptors.
    Pass,
}

impl SocketKind {
    /// The word in master.cf.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Unix => "unix",
            Self::UnixDgram => "unix-dgram",
            Self::Fifo => "fifo",
            Self::Pass => "pass",
        }
    }

    /// The kind of that word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Inet, Self::Unix, Self::UnixDgram, Self::Fifo, Self::Pass]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// What fills the columns of master.cf that say `-`, and what messages call the file.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The path of the file.
    pub path: String,
    /// `default_process_limit`
    pub process_limit: u32,
    /// The chroot column: yes below compatibility level 1.
    pub chroot: bool,
}

/// Parses master.cf; `default_process_limit` fills the seventh column.
pub fn parse(text: &str, default_process_limit: u32) -> Result<Vec<ServiceLine>, Problem> {
    let columns =
        Columns { path: "master.cf".into(), process_limit: default_process_limit, chroot: false };
    parse_with(text, &columns, |_| {})
}

/// Parses master.cf. Warnings go to `warn`. Total: any text gives a result.
pub fn parse_with(
    text: &str,
    columns: &Columns,
    warn: impl FnMut(String),
) -> Result<Vec<ServiceLine>, Problem> {
    logical_lines(&columns.path, text, warn)
        .iter()
        .map(|line| {
            service(line, columns).map_err(|why| Problem {
                text: format!("{}: line {}: {why}", columns.path, line.first),
            })
        })
        .collect()
}

/// Whether `master_service_disable` has this line: as `type` or `name/type`, `!` negates, the
/// first that matches decides.
pub fn is_disabled(list: &str, line: &ServiceLine) -> bool {
    let kind = line.kind.word();
    for word in super::split_list(list) {
        let pattern = word.trim_start_matches('!');
        let wanted = (word.len() - pattern.len()) % 2 == 0;
        let matches = match pattern.rsplit_once(['/', '.']) {
            Some((name, of)) => {
                name.eq_ignore_ascii_case(&line.name) && of.eq_ignore_ascii_case(kind)
            }
            None => pattern.eq_ignore_ascii_case(kind),
        };
        if matches {
            return wanted;
        }
    }
    false
}

/// Of several lines for the same endpoint the last one counts; `warn` hears of the others.
pub fn last_of_each(lines: Vec<ServiceLine>, mut warn: impl FnMut(String)) -> Vec<ServiceLine> {
    let mut kept: Vec<ServiceLine> = Vec::with_capacity(lines.len());
    for line in lines {
        let same = |known: &&mut ServiceLine| known.endpoint() == line.endpoint();
        match kept.iter_mut().find(same) {
            Some(known) => {
                let (_, endpoint) = line.endpoint();
                warn(format!(
                    "duplicate master.cf entry for service \"{}\" ({endpoint}) -- using the last \
                     entry",
                    line.name
                ));
                *known = line;
            }
            None => kept.push(line),
        }
    }
    kept
}

impl ServiceLine {
    /// What the line listens on: the same for two lines that cannot both be served.
    fn endpoint(&self) -> (SocketKind, String) {
        let endpoint = match (self.kind, self.private) {
            (SocketKind::Inet, _) => self.name.clone(),
            (_, true) => format!("private/{}", self.name),
            (_, false) => format!("public/{}", self.name),
        };
        (self.kind, endpoint)
    }
}

/// The fields of a line, from left to right.
struct Fields<'t> {
    rest: &'t str,
}

impl<'t> Fields<'t> {
    /// The next field.
    fn word(&mut self, name: &str) -> Result<&'t str, String> {
        let rest = self.rest.trim_start_matches(is_space);
        if rest.is_empty() {
            return Err(format!("missing \"{name}\" field"));
        }
        let (word, rest) = rest.split_at(rest.find(is_space).unwrap_or(rest.len()));
        self.rest = rest;
        Ok(word)
    }

    /// The next field if it says something other than `-`.
    fn or_default(&mut self, name: &str) -> Result<Option<&'t str>, String> {
        self.word(name).map(|word| (word != "-").then_some(word))
    }

    fn required(&mut self, name: &str) -> Result<&'t str, String> {
        self.or_default(name)?.ok_or_else(|| format!("field \"{name}\" has no default value"))
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool, String> {
        match self.or_default(name)? {
            None => Ok(default),
            Some("y") => Ok(true),
            Some("n") => Ok(false),
            Some(word) => Err(bad_value(name, word)),
        }
    }

    /// A number and whether `?` ends it.
    fn number(&mut self, name: &str, default: u32) -> Result<(u32, bool), String> {
        let Some(word) = self.or_default(name)? else { return Ok((default, false)) };
        let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        let number = word.get(..end).and_then(|digits| digits.parse().ok());
        number.map(|n| (n, word.ends_with('?'))).ok_or_else(|| bad_value(name, word))
    }
}

fn bad_value(name: &str, word: &str) -> String {
    format!("field \"{name}\": bad value: \"{word}\"")
}

fn service(line: &LogicalLine, columns: &Columns) -> Result<ServiceLine, String> {
    let mut fields = Fields { rest: &line.text };
    let name = fields.word("service name")?;
    let kind = fields.required("transport type")?;
    let kind = SocketKind::of(kind).ok_or_else(|| format!("bad transport type: {kind}"))?;
    if kind == SocketKind::Inet {
        endpoint(name).map_err(|why| format!("{why} in \"{name}\""))?;
    }
    let private = fields.flag("private", true)?;
    if private && kind == SocketKind::Inet {
        return Err("inet service cannot be private".into());
    }
    let unprivileged = fields.flag("unprivileged", true)?;
    let chroot = fields.flag("chroot", columns.chroot)?;
    let (wakeup, wakeup_if_used) = fields.number("wakeup_time", 0)?;
    let (maxproc, _) = fields.number("max_proc", columns.process_limit)?;
    let program = fields.required("command")?;
    let mut service = ServiceLine {
        line: line.first,
        name: name.to_owned(),
        kind,
        private,
        unprivileged,
        chroot,
        wakeup,
        wakeup_if_used: wakeup_if_used && wakeup > 0,
        maxproc: (maxproc > 0).then_some(maxproc),
        program: program.to_owned(),
        overrides: Vec::new(),
        verbose: 0,
        arguments: Vec::new(),
    };
    arguments(&mut service, fields.rest)?;
    Ok(service)
}

/// The command line after the program: its options end at the first argument that is none.
fn arguments(service: &mut ServiceLine, text: &str) -> Result<(), String> {
    let mut words = Vec::new();
    for word in split_words(text) {
        words.push(if word.starts_with('{') { strip_braces(word)? } else { word });
    }
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
            service.arguments.push(word.to_owned());
            break;
        };
        if option == "-" {
            break;
        }
        if let Some(attached) = option.strip_prefix('o') {
            let setting = if attached.is_empty() { words.next() } else { Some(attached) };
            match setting.and_then(|setting| split_assignment(setting).ok()) {
                Some((name, value)) => {
                    service.overrides.push((name.to_owned(), value.to_owned()));
                }
                // The service itself complains, as in Postfix; the others run.
                None => {
                    service.arguments.push("-o".into());
                    service.arguments.extend(setting.map(str::to_owned));
                }
            }
        } else if option.bytes().all(|b| b == b'v') {
            service.verbose += u32::try_from(option.len()).unwrap_or(1);
        } else {
            service.arguments.push(word.to_owned());
        }
    }
    service.arguments.extend(words.map(str::to_owned));
    Ok(())
}

/// Splits the name of an inet service: `[host]:port`, `host:port`, `:port` or `port`, into host
/// (none: all of inet_interfaces) and port, or says what is wrong in Postfix's words.
pub fn endpoint(name: &str) -> Result<(Option<&str>, &str), &'static str> {
    let (host, port) = if let Some(rest) = name.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("missing \"]\"")?;
        let bare = match host.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
                let bare = host.get(5..).unwrap_or_default();
                bare.parse::<std::net::Ipv6Addr>().map_err(|_| "malformed IPv6 address")?;
                bare
            }
            _ => host,
        };
        match rest.strip_prefix(':') {
            Some(port) => (bare, port),
            None if rest.is_empty() => (bare, ""),
            None => return Err("garbage after \"]\""),
        }
    } else {
        name.rsplit_once(':').unwrap_or(("", name))
    };
    if port.is_empty() {
        return Err("missing service information");
    }
    if !host.is_empty() && !is_host(host) {
        return Err("valid hostname or network address required");
    }
    if port.starts_with(|c: char| c.is_ascii_digit()) && !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("garbage after numerical service");
    }
    Ok(((!host.is_empty()).then_some(host), port))
}

/// Whether it looks like a host name or an address.
fn is_host(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok()
        || host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ServiceLine {
        parse(text, 100).unwrap().remove(0)
    }

    fn why(text: &str) -> String {
        parse(text, 100).unwrap_err().text
    }

    #[test]
    fn services_can_be_disabled() {
        let lines = parse("smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n", 100).unwrap();
        let disabled = |list: &str| [is_disabled(list, &lines[0]), is_disabled(list, &lines[1])];
        assert_eq!(disabled(""), [false, false]);
        assert_eq!(disabled("inet"), [true, false]);
        assert_eq!(disabled("smtp/unix"), [false, true]);
        assert_eq!(disabled("smtp.inet, other.unix"), [true, false]);
        assert_eq!(disabled("!smtp.inet, inet unix"), [false, true]);
    }

    #[test]
    fn the_last_line_for_an_endpoint_counts() {
        let text = "2001 inet n - n - - smtpd\nsmtp unix - - n - - smtp\nsmtp inet n - n - - smtpd\n\
                    2001 inet n - n - 7 smtpd\n";
        let mut warnings = Vec::new();
        let lines = last_of_each(parse(text, 100).unwrap(), |text| warnings.push(text));
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].maxproc, Some(7));
        assert_eq!(
            warnings,
            ["duplicate master.cf entry for service \"2001\" (2001) -- using the last entry"]
        );
    }

    #[test]
    fn columns() {
        let smtp = one("smtp inet n - y 60? 0 smtpd -v -v\n # comment\n  -o a=b -o { c = d e }\n");
        assert_eq!(smtp.name, "smtp");
        assert_eq!((smtp.kind, smtp.private, smtp.unprivileged), (SocketKind::Inet, false, true));
        assert_eq!((smtp.chroot, smtp.wakeup, smtp.wakeup_if_used), (true, 60, true));
        assert_eq!((smtp.maxproc, smtp.verbose), (None, 2));
        assert_eq!(smtp.overrides, [("a".into(), "b".into()), ("c".to_owned(), "d e".to_owned())]);
        assert_eq!(one("pickup unix n - - 60 - pickup").maxproc, Some(100));
    }

    #[test]
    fn arguments_of_pipe() {
        let pipe = one("x unix - n n - - pipe -o a=b flags=DR user=u argv={/bin/x y} -f -v");
        assert_eq!(pipe.overrides.len(), 1);
        assert_eq!(pipe.verbose, 0);
        assert_eq!(pipe.arguments, ["flags=DR", "user=u", "argv={/bin/x y}", "-f", "-v"]);
    }

    #[test]
    fn what_postfix_says_about_errors() {
        for (text, wanted) in [
            ("smtp", "missing \"transport type\" field"),
            ("smtp -", "field \"transport type\" has no default value"),
            ("smtp tcp", "bad transport type: tcp"),
            ("smtp inet x", "field \"private\": bad value: \"x\""),
            ("smtp inet -", "inet service cannot be private"),
            ("smtp inet n - n x", "field \"wakeup_time\": bad value: \"x\""),
            ("smtp inet n - n - -1", "field \"max_proc\": bad value: \"-1\""),
            ("smtp inet n - n - -", "missing \"command\" field"),
            ("[::1:25 inet n - n - - smtpd", "missing \"]\" in \"[::1:25\""),
            ("25x inet n - n - - smtpd", "garbage after numerical service in \"25x\""),
            ("smtp inet n - n - - smtpd {x", "missing '}' in \"{x\""),
        ] {
            assert_eq!(why(&format!("#\n{text}\n")), format!("master.cf: line 2: {wanted}"));
        }
    }

    #[test]
    fn endpoints() {
        assert_eq!(endpoint("smtp"), Ok((None, "smtp")));
        assert_eq!(endpoint("127.0.0.1:25"), Ok((Some("127.0.0.1"), "25")));
        assert_eq!(endpoint("[::1]:25"), Ok((Some("::1"), "25")));
        assert_eq!(endpoint("::1:25"), Ok((Some("::1"), "25")));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[a-z0-9 \\n\\[\\]:{}?=o-]{0,120}") {
            let _ = parse(&text, 100);
        }
    }
}
