//! `proxy:` tables. Every process may open the tables that it is told to, so nothing of
//! proxymap(8) is needed but its rules: only tables that `proxy_read_maps` lists are open to all,
//! and only those of `proxy_write_maps` are written.

use std::collections::HashSet;

use super::lines::{Lines, Report};
use crate::config::parameters as p;
use crate::config::{Config, split_list, strip_braces, why};
use crate::log::Log;

/// How deep lists may name files.
const DEPTH: usize = 20;

/// What is wanted of a table behind `proxy:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The service proxymap.
    Read,
    /// The service proxywrite.
    Write,
}

impl Access {
    /// The service of master.cf that Postfix has for it.
    const fn service(self) -> &'static str {
        match self {
            Self::Read => "proxymap",
            Self::Write => "proxywrite",
        }
    }

    const fn parameter(self) -> &'static str {
        match self {
            Self::Read => "proxy_read_maps",
            Self::Write => "proxy_write_maps",
        }
    }
}

/// The tables that may be read, or written, through `proxy:`.
#[derive(Debug, Default)]
pub struct Approved {
    tables: HashSet<String>,
    /// What is wrong with the list.
    pub complaints: Vec<String>,
}

impl Approved {
    /// Reads `proxy_read_maps` and the restriction classes, or `proxy_write_maps`, as proxymap(8)
    /// does.
    pub fn of(config: &Config, access: Access) -> Self {
        let mut approved = Self::default();
        let list = match access {
            Access::Read => config.text(&p::proxy_read_maps),
            Access::Write => config.text(&p::proxy_write_maps),
        };
        approved.add(&list, access.parameter(), 0);
        if access == Access::Write {
            return approved;
        }
        for class in split_list(&config.text(&p::smtpd_restriction_classes)) {
            approved.add(&config.value(class), "smtpd_restriction_classes", 0);
        }
        approved
    }

    /// Whether `type:name` is among them.
    fn contains(&self, spec: &str) -> bool {
        self.tables.contains(spec)
    }

    /// Refuses a table that is not among them, in the words of whoever wanted it; `report` takes
    /// those of proxymap(8).
    pub fn check(&self, access: Access, spec: &str, report: &mut Report<'_>) -> Result<(), String> {
        let service = access.service();
        if !spec.contains(':') {
            return Err(format!("{service} open failed for table \"{spec}\": invalid request"));
        }
        if self.contains(spec) {
            return Ok(());
        }
        self.complaints.iter().cloned().chain(refusal(access, spec)).for_each(report);
        Err(format!("{service} service is not configured for table \"{spec}\""))
    }

    fn add(&mut self, list: &str, origin: &str, depth: usize) {
        for element in split_list(list) {
            let element = match element.starts_with('{') {
                false => element,
                true => match self.inside(element, origin) {
                    Some(inside) => split_list(inside).first().copied().unwrap_or_default(),
                    None => continue,
                },
            };
            if element.starts_with('/') && depth < DEPTH {
                self.add_file(element, depth);
                continue;
            }
            let nested =
                element.strip_prefix("unionmap:").or_else(|| element.strip_prefix("pipemap:"));
            if let Some(nested) = nested {
                if nested.starts_with('{')
                    && depth < DEPTH
                    && let Some(inside) = self.inside(nested, origin)
                {
                    self.add(inside, origin, depth + 1);
                }
            } else if let Some(spec) = without_proxy(element) {
                self.tables.insert(spec.to_owned());
            }
        }
    }

    fn inside<'e>(&mut self, element: &'e str, origin: &str) -> Option<&'e str> {
        let inside = strip_braces(element);
        if let Err(why) = &inside {
            self.complaints.push(format!("bad syntax in {origin} content: {why}"));
        }
        inside.ok()
    }

    fn add_file(&mut self, path: &str, depth: usize) {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) => {
                self.complaints.push(format!("open {path}: {}", why(&e)));
                return;
            }
        };
        let mut lines = Lines::new(path, &text);
        let ignore: &mut Report<'_> = &mut |_| ();
        while let Some(line) = lines.next(ignore) {
            self.add(&super::show(&line.text), path, depth + 1);
        }
    }
}

/// What `proxy:` stands before; none if it does not.
pub fn without_proxy(spec: &str) -> Option<&str> {
    let mut inner = spec.strip_prefix("proxy:")?;
    while let Some(rest) = inner.strip_prefix("proxy:") {
        inner = rest;
    }
    Some(inner).filter(|inner| !inner.is_empty())
}

/// What is behind `proxy:`, if it may be written; what is not behind `proxy:` may be. The error is
/// Postfix's text, proxymap(8)'s own lines go to the log.
pub fn writable<'s>(config: &Config, spec: &'s str, log: &Log) -> Result<&'s str, String> {
    if !spec.starts_with("proxy:") {
        return Ok(spec);
    }
    let inner = without_proxy(spec).ok_or_else(|| no_table(spec))?;
    let log = log.of_program("proxymap").without_stderr();
    let mut report = |text: String| log.warning(format_args!("{text}"));
    Approved::of(config, Access::Write).check(Access::Write, inner, &mut report)?;
    Ok(inner)
}

/// What Postfix says about text that is no `type:name`.
pub fn no_table(spec: &str) -> String {
    format!("open dictionary: expecting \"type:name\" form instead of \"{spec}\"")
}

/// The lines about a table that is not approved.
fn refusal(access: Access, spec: &str) -> Vec<String> {
    let what = match access {
        Access::Read => "read-only",
        Access::Write => "read-write",
    };
    let parameter = access.parameter();
    vec![
        format!("request for unapproved table: \"{spec}\""),
        format!(
            "to approve this table for {what} access, list proxy:{spec} in main.cf:{parameter}"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn lists() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        std::fs::write(&path, "# comment\nproxy:static:f\n").unwrap();
        let main_cf = format!(
            "relay_domains = proxy:proxy:hash:/a, hash:/b {}\n\
             virtual_alias_maps = unionmap:{{proxy:static:c, static:d}}\n\
             smtpd_restriction_classes = z\nz = check_client_access {{ proxy:static:e x=y }}\n",
            path.display()
        );
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let approved = Approved::of(&config, Access::Read);
        for spec in ["hash:/a", "static:c", "static:e", "static:f"] {
            assert!(approved.contains(spec), "{spec}");
        }
        for spec in ["hash:/b", "static:d"] {
            assert!(!approved.contains(spec), "{spec}");
        }
        assert!(approved.complaints.is_empty());
    }

    #[test]
    fn who_may_write() {
        let main_cf = "proxy_write_maps = $address_verify_map proxy:lmdb:/c\n\
                       address_verify_map = proxy:btree:/a\nrelay_domains = proxy:btree:/r\n";
        let sources = Sources { main_cf: main_cf.to_owned(), ..Sources::default() };
        let config = Config::parse(&sources).unwrap();
        let log = Log::new("postfix", "test");
        let ask = |spec| writable(&config, spec, &log).map(str::to_owned);
        assert_eq!(ask("proxy:btree:/a").as_deref(), Ok("btree:/a"));
        assert_eq!(ask("proxy:proxy:lmdb:/c").as_deref(), Ok("lmdb:/c"));
        assert_eq!(ask("btree:/anything").as_deref(), Ok("btree:/anything"));
        let refused = "proxywrite service is not configured for table \"btree:/r\"";
        assert_eq!(ask("proxy:btree:/r").unwrap_err(), refused);
        let refused = "proxywrite open failed for table \"static\": invalid request";
        assert_eq!(ask("proxy:static").unwrap_err(), refused);
        assert!(ask("proxy:").is_err());
    }
}
