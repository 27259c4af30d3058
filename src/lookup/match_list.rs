//! Match lists: patterns in order, `!` negates, `/file` and `type:table` are read in place.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cidr::Network;
use super::lines::Lines;
use super::table::{Failure, Purpose, Table};
use super::{TableError, Tables};
use crate::config::parameters as p;
use crate::config::{Problem, split_list, why};
use crate::log::Log;
use crate::mail::address::fold;

/// How deep `/file` may name files.
const DEPTH: usize = 20;

/// A list of domains, such as mydestination: names, and `.parent` or parents by
/// `parent_domain_matches_subdomains`.
#[derive(Clone, Debug, Default)]
pub struct DomainList(List);

/// A list of hosts and networks, such as mynetworks.
#[derive(Clone, Debug, Default)]
pub struct HostList(List);

/// A list of exact strings, compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct StringList(List);

/// Patterns in order.
#[derive(Clone, Debug, Default)]
struct List {
    title: Arc<str>,
    items: Arc<[Item]>,
    /// A parent domain `example.com` matches its subdomains; otherwise `.example.com` does.
    parents: bool,
    log: Option<Log>,
}

#[derive(Debug)]
struct Item {
    matches: bool,
    pattern: Pattern,
}

#[derive(Debug)]
enum Pattern {
    /// `type:table`
    Table(Arc<Table>),
    /// `/file` that cannot be read, and why.
    NoFile { path: String, why: String, told: AtomicBool },
    /// Anything else, folded; with its network if it may be one.
    Text { text: String, network: Option<Result<Network, String>> },
}

/// What is looked for, folded.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Domain(&'a str),
    /// Name, address, and the address as text.
    Host(&'a str, IpAddr, &'a str),
    Text(&'a str),
}

impl DomainList {
    /// Parses the value of the parameter `title`.
    pub fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        List::parse(tables, title, text).map(Self)
    }

    /// Whether the list matches `domain`.
    pub async fn matches(&self, domain: &str) -> Result<bool, TableError> {
        let domain = fold(domain);
        self.0.find(Subject::Domain(&domain)).await
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }
}

impl HostList {
    /// Parses the value of the parameter `title`.
    pub fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        List::parse(tables, title, text).map(Self)
    }

    /// Whether the list matches a client by name (`unknown` if it has none) or address.
    pub async fn matches(&self, name: &str, address: IpAddr) -> Result<bool, TableError> {
        let name = fold(name);
        let text = address.to_string();
        self.0.find(Subject::Host(&name, address, &text)).await
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }
}

impl StringList {
    /// Parses the value of the parameter `title`.
    pub fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        List::parse(tables, title, text).map(Self)
    }

    /// Whether the list matches `text`.
    pub async fn matches(&self, text: &str) -> Result<bool, TableError> {
        let text = fold(text);
        self.0.find(Subject::Text(&text)).await
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }
}

/// Whether `parent_domain_matches_subdomains` lists the parameter `title`.
pub(super) fn matches_subdomains(tables: &Tables, title: &str) -> bool {
    let list = tables.config().text(&p::parent_domain_matches_subdomains);
    let mut matches = true;
    for item in split_list(&list) {
        let name = item.trim_start_matches('!');
        matches = (item.len() - name.len()) % 2 == 0;
        if name.eq_ignore_ascii_case(title) {
            return matches;
        }
    }
    let _ = matches;
    false
}

impl List {
    fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        let mut items = Vec::new();
        let mut parser = Parser { tables, title, items: &mut items };
        parser.add(text, true, 0)?;
        Ok(Self {
            title: title.into(),
            items: items.into(),
            parents: matches_subdomains(tables, title),
            log: Some(tables.log().clone()),
        })
    }

    /// What the first pattern that matches says.
    async fn find(&self, subject: Subject<'_>) -> Result<bool, TableError> {
        for Item { matches, pattern } in self.items.iter() {
            let found = match (subject, pattern) {
                (Subject::Domain(name), _) => self.by_name(name, pattern).await?,
                (Subject::Host(name, address, text), _) => {
                    self.by_name(name, pattern).await?
                        || self.by_address(address, text, pattern).await?
                }
                (Subject::Text(text), Pattern::Text { text: pattern, .. }) => pattern == text,
                (Subject::Text(text), _) => self.ask(pattern, text).await?.unwrap_or(false),
            };
            if found {
                return Ok(*matches);
            }
        }
        Ok(false)
    }

    fn warn(&self, text: fmt::Arguments<'_>) {
        if let Some(log) = &self.log {
            log.warning(format_args!("{}: {text}", self.title));
        }
    }

    /// Looks `key` up if the pattern is a table; none if it is not.
    async fn ask(&self, pattern: &Pattern, key: &str) -> Result<Option<bool>, TableError> {
        match pattern {
            Pattern::Text { .. } => Ok(None),
            Pattern::Table(table) => match table.lookup(key.as_bytes()).await {
                Ok(value) => Ok(Some(value.is_some())),
                Err(failure) => {
                    if table.may_complain() {
                        self.warn(format_args!("{table}: table lookup problem"));
                    }
                    let Failure { text, config } = failure;
                    Err(TableError { table: table.to_string(), text, config })
                }
            },
            Pattern::NoFile { path, why, told } => {
                if let Some(log) = &self.log {
                    // As with tables: the reason is logged when it first matters.
                    if !told.swap(true, Ordering::Relaxed) {
                        log.error(format_args!("{why}"));
                    }
                    log.warning(format_args!("non-existent:{path} is unavailable. {why}"));
                }
                self.warn(format_args!("non-existent:{path}: table lookup problem"));
                let table = format!("non-existent:{path}");
                Err(TableError { table, text: why.clone(), config: false })
            }
        }
    }

    /// A name against a pattern: the name itself, and its parents as the list's style says.
    async fn by_name(&self, name: &str, pattern: &Pattern) -> Result<bool, TableError> {
        if let Pattern::Text { text, .. } = pattern {
            let Some(head) = name.strip_suffix(text.as_str()) else {
                return Ok(false);
            };
            return Ok(head.is_empty()
                || (self.parents && head.ends_with('.'))
                || (!self.parents && text.starts_with('.')));
        }
        if name.is_empty() {
            return Ok(false);
        }
        if self.ask(pattern, name).await? == Some(true) {
            return Ok(true);
        }
        let Pattern::Table(table) = pattern else {
            return Ok(false);
        };
        if !table.is_fixed() {
            return Ok(false);
        }
        let mut rest = name;
        while let Some(dot) = rest.get(1..).and_then(|tail| tail.find('.')) {
            rest = rest.get(dot + 1 + usize::from(self.parents)..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            if self.ask(pattern, rest).await? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An address against a pattern.
    async fn by_address(
        &self,
        address: IpAddr,
        text: &str,
        pattern: &Pattern,
    ) -> Result<bool, TableError> {
        let Pattern::Text { text: pattern, network } = pattern else {
            return Ok(self.ask(pattern, text).await?.unwrap_or(false));
        };
        if pattern == text {
            return Ok(true);
        }
        if address.is_ipv6() != pattern.contains(':') {
            return Ok(false);
        }
        match network {
            None => Ok(false),
            Some(Ok(network)) => Ok(network.contains(address)),
            Some(Err(why)) => {
                self.warn(format_args!("{why}"));
                let table = self.title.to_string();
                Err(TableError { table, text: why.clone(), config: false })
            }
        }
    }
}

/// Reads patterns.
struct Parser<'a> {
    tables: &'a Tables,
    title: &'a str,
    items: &'a mut Vec<Item>,
}

impl Parser<'_> {
    fn add(&mut self, text: &str, positive: bool, depth: usize) -> Result<(), Problem> {
        for item in split_list(text) {
            if item.starts_with('#') {
                let at = item.as_ptr().addr().saturating_sub(text.as_ptr().addr());
                let rest = text.get(at + item.len()..).unwrap_or_default();
                let rest: String = rest.chars().skip(1).take(20).collect();
                self.tables.log().warning(format_args!(
                    "{}: #comment after other text is not allowed: {item} {rest}...",
                    self.title
                ));
                break;
            }
            let pattern = item.trim_start_matches('!');
            let matches = positive == ((item.len() - pattern.len()) % 2 == 0);
            if pattern.is_empty() {
                return Err(Problem { text: format!("{}: no pattern after '!'", self.title) });
            }
            if pattern.starts_with('/') {
                self.file(pattern, matches, depth)?;
                continue;
            }
            let is_table = !pattern.starts_with('[') && pattern.contains(':');
            let pattern = match is_table {
                true => {
                    let table = self.tables.table(pattern, Purpose::LISTS);
                    self.tables.insist(&table)?;
                    Pattern::Table(table)
                }
                false => {
                    let mut text = fold(pattern).into_owned();
                    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                    if let Some(inner) = inner.filter(|text| text.parse::<Ipv4Addr>().is_ok()) {
                        text = inner.to_owned();
                    }
                    let network = may_be_network(&text).then(|| Network::parse(&text));
                    Pattern::Text { text, network }
                }
            };
            self.items.push(Item { matches, pattern });
        }
        Ok(())
    }

    /// The lines of a file, in place.
    fn file(&mut self, path: &str, matches: bool, depth: usize) -> Result<(), Problem> {
        let read = match depth < DEPTH {
            true => super::lent::read(path).map_err(|e| why(&e)),
            false => Err("too many files in files".to_owned()),
        };
        match read {
            Ok(text) => {
                let log = self.tables.log();
                let mut lines = Lines::new(path, &text);
                while let Some(line) = lines.next(&mut |text| log.warning(format_args!("{text}"))) {
                    self.add(&super::lines::show(&line.text), matches, depth + 1)?;
                }
            }
            Err(why) => {
                let why = format!("open file {path}: {why}");
                let told = AtomicBool::new(false);
                let pattern = Pattern::NoFile { path: path.to_owned(), why, told };
                // As in Postfix: what cannot be read fails whether negated or not.
                self.items.push(Item { matches: true, pattern });
            }
        }
        Ok(())
    }
}

/// Whether a pattern is meant as a network or as an IPv6 address. Other text is a name, or an
/// IPv4 address that has only one form.
fn may_be_network(text: &str) -> bool {
    let v4 = |b: u8| b.is_ascii_digit() || b == b'.';
    text.contains([':', '/'])
        && !text.bytes().all(v4)
        && text
            .bytes()
            .all(|b| v4(b) || matches!(b, b'a'..=b'f' | b'A'..=b'F' | b':' | b'[' | b']' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::super::wait;
    use super::*;
    use crate::config::{Config, Sources};

    fn tables(parents: &str) -> Arc<Tables> {
        let config = Config::parse(&Sources::default()).unwrap();
        let over = [("parent_domain_matches_subdomains".to_owned(), parents.to_owned())];
        Tables::new(config.with_overrides(&over))
    }

    fn domain(parents: &str, list: &str, name: &str) -> bool {
        let list = DomainList::parse(&tables(parents), "relay_domains", list).unwrap();
        wait(list.matches(name)).unwrap()
    }

    fn host(list: &str, name: &str, address: &str) -> Result<bool, TableError> {
        let list = HostList::parse(&tables(""), "mynetworks", list).unwrap();
        wait(list.matches(name, address.parse().unwrap()))
    }

    #[test]
    fn domains() {
        for (parents, list, name, expected) in [
            ("", "a.b, c.d", "C.D", true),
            ("", "a.b", "x.a.b", false),
            ("", ".a.b", "x.a.b", true),
            ("", ".a.b", "a.b", false),
            ("relay_domains", "a.b", "x.a.b", true),
            ("relay_domains", "a.b", "xa.b", false),
            ("", "!x.a.b .a.b", "x.a.b", false),
            ("", "inline:{.a.b=1}", "x.a.b", true),
            ("relay_domains", "inline:{a.b=1}", "x.a.b", true),
            ("", "inline:{a.b=1}", "x.a.b", false),
            ("", "regexp:{{/^a/ 1}}", "x.a", false),
        ] {
            assert_eq!(domain(parents, list, name), expected, "{list} {name}");
        }
    }

    #[test]
    fn hosts() {
        for (list, name, address, expected) in [
            ("127.0.0.0/8 [::1]/128", "unknown", "127.0.0.1", true),
            ("127.0.0.0/8 [::1]/128", "unknown", "::1", true),
            ("[2001:db8::]/32", "unknown", "2001:db8::5", true),
            ("!10.1.0.0/16 10.0.0.0/8", "unknown", "10.1.2.3", false),
            ("10.1.2.3", "unknown", "10.1.2.3", true),
            (".example.com", "a.example.com", "10.1.2.3", true),
            ("cidr:{{10.0.0.0/8 x}}", "unknown", "10.1.2.3", true),
            ("foo, 10.0.0.x/8", "unknown", "10.1.2.3", false),
        ] {
            assert_eq!(host(list, name, address), Ok(expected), "{list} {address}");
        }
        let error = host("10.0.0.1/8", "unknown", "10.1.2.3").unwrap_err();
        assert!(error.text.starts_with("non-null host address bits in \"10.0.0.1/8\""));
        assert_eq!(host("10.0.0.1/8", "unknown", "::1"), Ok(false));
    }

    #[test]
    fn files_and_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        std::fs::write(&path, "# c\na.b\n !c.d\n").unwrap();
        let list = format!("!{}, c.d", path.display());
        assert!(!domain("", &list, "a.b"));
        assert!(domain("", &list, "c.d"));
        let tables = tables("");
        let error = StringList::parse(&tables, "x", "a !").unwrap_err();
        assert_eq!(error.text, "x: no pattern after '!'");
        let list = StringList::parse(&tables, "x", "a /no/such").unwrap();
        assert_eq!(wait(list.matches("A")), Ok(true));
        let error = wait(list.matches("b")).unwrap_err();
        assert_eq!(error.text, "open file /no/such: No such file or directory");
        let list = StringList::parse(&tables, "x", "fail:y").unwrap();
        assert!(wait(list.matches("b")).is_err());
    }
}
