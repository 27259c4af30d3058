//! `proxy:` tables. Every process may open the tables that it is told to, so nothing of
//! proxymap(8) is needed but its rule: only tables that `proxy_read_maps` lists are open to all.

use std::collections::HashSet;

use super::lines::{Lines, Report};
use crate::config::parameters as p;
use crate::config::{Config, split_list, strip_braces, why};

/// How deep lists may name files.
const DEPTH: usize = 20;

/// The tables that may be read through `proxy:`.
#[derive(Debug, Default)]
pub struct Approved {
    tables: HashSet<String>,
    /// What is wrong with the list.
    pub complaints: Vec<String>,
}

impl Approved {
    /// Reads `proxy_read_maps`, and the restriction classes, as proxymap(8) does.
    pub fn read(config: &Config) -> Self {
        let mut approved = Self::default();
        approved.add(&config.text(&p::proxy_read_maps), "proxy_read_maps", 0);
        for class in split_list(&config.text(&p::smtpd_restriction_classes)) {
            approved.add(&config.value(class), "smtpd_restriction_classes", 0);
        }
        approved
    }

    /// Whether `type:name` may be read.
    pub fn contains(&self, spec: &str) -> bool {
        self.tables.contains(spec)
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

/// The lines about a table that is not approved.
pub fn refusal(spec: &str) -> Vec<String> {
    vec![
        format!("request for unapproved table: \"{spec}\""),
        format!(
            "to approve this table for read-only access, list proxy:{spec} in main.cf:proxy_read_maps"
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
        let approved = Approved::read(&config);
        for spec in ["hash:/a", "static:c", "static:e", "static:f"] {
            assert!(approved.contains(spec), "{spec}");
        }
        for spec in ["hash:/b", "static:d"] {
            assert!(!approved.contains(spec), "{spec}");
        }
        assert!(approved.complaints.is_empty());
    }
}
