//! The tables that a configuration names, with the parameters that name them.

use std::path::{Path, PathBuf};

use postfix_rs::config::master_cf::ServiceLine;
use postfix_rs::config::{Config, Sources};
use postfix_rs::master;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its type, such as `hash`.
    pub kind: String,
    /// Its name: for indexed types and text files the path of the source.
    pub name: String,
    /// The first parameter that names it.
    pub parameter: String,
}

impl Table {
    /// The indexed file; none for types that have none.
    pub fn database(&self) -> Option<PathBuf> {
        let suffix = match self.kind.as_str() {
            "hash" | "btree" => "db",
            "lmdb" => "lmdb",
            "cdb" => "cdb",
            _ => return None,
        };
        Some(format!("{}.{suffix}", self.name).into())
    }

    /// The text that people write.
    pub fn source(&self) -> &Path {
        Path::new(&self.name)
    }

    /// Whether it is a file at all.
    pub fn is_file(&self) -> bool {
        let has_file = matches!(
            self.kind.as_str(),
            "hash" | "btree" | "lmdb" | "cdb" | "texthash" | "regexp" | "pcre" | "cidr"
        );
        has_file && self.name.starts_with('/')
    }

    /// Whether its source has the form of aliases(5).
    pub fn is_aliases(&self) -> bool {
        matches!(self.parameter.as_str(), "alias_maps" | "alias_database")
    }
}

/// A configuration as far as it can be read: main.cf, master.cf and its services. `warn` hears what
/// a start would warn of in master.cf.
pub fn load(
    directory: &Path,
    mut warn: impl FnMut(String),
) -> Result<(std::sync::Arc<Config>, Vec<ServiceLine>), String> {
    let sources = Sources::read(directory).map_err(|problem| problem.text)?;
    let config = Config::parse(&sources).map_err(|problem| problem.text)?;
    let services = config.services(&sources, &mut warn).map_err(|problem| problem.text)?;
    master::unserved(&config, &services).into_iter().for_each(warn);
    Ok((config, services))
}

/// All tables that parameters of main.cf and master.cf name, each once.
pub fn all(config: &Config, services: &[ServiceLine]) -> Vec<Table> {
    let mut found: Vec<Table> = Vec::new();
    let set = config.names_set().into_iter().map(|name| (name.to_owned(), config.value(name)));
    let defaults =
        ["alias_maps", "alias_database"].map(|name| (name.to_owned(), config.value(name)));
    let overrides = services.iter().flat_map(|service| &service.overrides);
    let overrides = overrides.map(|(name, value)| (name.clone(), config.expand(value)));
    for (parameter, value) in set.chain(defaults).chain(overrides) {
        for word in value.split(|c: char| c.is_whitespace() || matches!(c, ',' | '{' | '}')) {
            let word = word.strip_prefix("proxy:").unwrap_or(word);
            let Some((kind, name)) = word.split_once(':') else { continue };
            let is_type = postfix_rs::lookup::map_types().iter().any(|(known, _)| *known == kind);
            let known = found.iter().any(|table| table.kind == kind && table.name == name);
            if is_type && !name.is_empty() && !known {
                let parameter = parameter.clone();
                found.push(Table { kind: kind.to_owned(), name: name.to_owned(), parameter });
            }
        }
    }
    found
}

/// Whether the indexed file is missing or older than its source.
pub fn is_stale(source: &Path, database: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    match (time(source), time(database)) {
        (_, None) => true,
        (Some(source), Some(database)) => source > database,
        (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_tables() {
        let main_cf = "dir = /etc/x\nvirtual_alias_maps = hash:$dir/v, proxy:mysql:/m.cf {regexp:/r}\n\
                       relayhost = [a]:25\nalias_maps =\nalias_database = hash:/a\ntransport_maps = unionmap:{hash:/t, static:x}\n";
        let sources = Sources { main_cf: main_cf.into(), ..Sources::default() };
        let config = Config::parse(&sources).unwrap();
        let mut names: Vec<String> =
            all(&config, &[]).into_iter().map(|t| format!("{}:{}", t.kind, t.name)).collect();
        names.sort();
        assert_eq!(
            names,
            ["hash:/a", "hash:/etc/x/v", "hash:/t", "mysql:/m.cf", "regexp:/r", "static:x"]
        );
    }
}
