//! Which keys an address is looked up under, and in which order.

use std::borrow::Cow;

use super::tables::{Maps, TableError};
use crate::mail::address::{quote_822, quote_822_local_part, split_extension};

/// An answer for an address, with what was cut off to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: String,
    /// The address extension that was left out of the key, with its delimiter; empty if none.
    pub extension: String,
}

/// Which partial keys an address lookup tries.
#[derive(Clone, Debug)]
pub struct AddressRules {
    /// `recipient_delimiter`
    pub delimiters: String,
    /// Whether `user` alone may match: its domain is myorigin, mydestination or one of our
    /// addresses in brackets.
    pub local_part_alone: bool,
    /// Whether `@domain` may match.
    pub at_domain: bool,
    /// Whether `domain` alone, and its parents as `.domain`, may match (access tables, transport).
    pub domain_and_parents: bool,
}

/// The keys that are tried, in this order; the whole address always comes first.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// Characters that begin an extension; empty: there are none.
    pub delimiters: &'a str,
    /// `user+ext`, `user`
    pub local_part: bool,
    /// `user+ext@`, `user@`: before `@domain`, for domains that are ours.
    pub local_part_at_first: bool,
    /// `@domain`
    pub at_domain: bool,
    /// `domain`
    pub domain: bool,
    /// Parents of `domain`: as `parent` or `.parent`, by `parent_domain_matches_subdomains`.
    pub parents: bool,
    /// `user+ext@`, `user@`: after everything else, for any domain.
    pub local_part_at_last: bool,
}

impl<'a> From<&'a AddressRules> for Keys<'a> {
    fn from(rules: &'a AddressRules) -> Self {
        Self {
            delimiters: &rules.delimiters,
            local_part: rules.local_part_alone,
            local_part_at_first: false,
            at_domain: rules.at_domain,
            domain: rules.domain_and_parents,
            parents: rules.domain_and_parents,
            local_part_at_last: false,
        }
    }
}

/// An address taken apart for look-ups.
struct Parts<'a> {
    local: &'a str,
    /// The local part without extension, and the extension, if there is one.
    bare: Option<(&'a str, &'a str)>,
    domain: Option<&'a str>,
}

/// Looks `address` (internal form) up in `maps`. Keys are tried in external form first, as
/// postmap(1) leaves quotes where they are.
pub(super) async fn find(
    maps: &Maps,
    address: &str,
    keys: &Keys<'_>,
) -> Result<Option<Found>, TableError> {
    if maps.is_empty() {
        return Ok(None);
    }
    let (local, domain) = crate::mail::address::split(address);
    let (bare, extension) = split_extension(local, keys.delimiters);
    let bare = extension.and_then(|_| Some((bare, local.get(bare.len()..)?)));
    let parts = Parts { local, bare, domain };
    let whole = |value| Found { value, extension: String::new() };

    if let Some(value) = one(maps, local, domain, false).await? {
        return Ok(Some(whole(value)));
    }
    if let Some((bare, extension)) = bare
        && let Some(value) = one(maps, bare, domain, true).await?
    {
        return Ok(Some(Found { value, extension: extension.to_owned() }));
    }
    let Some(name) = domain else {
        return Ok(None);
    };
    if keys.local_part
        && let Some(found) = parts.by_local_part(maps, None).await?
    {
        return Ok(Some(found));
    }
    if keys.local_part_at_first
        && let Some(found) = parts.by_local_part(maps, Some("")).await?
    {
        return Ok(Some(found));
    }
    if keys.at_domain
        && let Some(at) = address.len().checked_sub(name.len() + 1)
        && let Some(key) = address.get(at..)
        && let Some(value) = maps.find_text(key.as_bytes(), true).await?
    {
        return Ok(Some(whole(value)));
    }
    if keys.domain
        && let Some(value) = by_domain(maps, name, keys.parents).await?
    {
        return Ok(Some(whole(value)));
    }
    if keys.local_part_at_last {
        return parts.by_local_part(maps, Some("")).await;
    }
    Ok(None)
}

impl Parts<'_> {
    /// `user+ext`, then `user`, alone or with `domain` after an `@`.
    async fn by_local_part(
        &self,
        maps: &Maps,
        domain: Option<&str>,
    ) -> Result<Option<Found>, TableError> {
        debug_assert!(self.domain.is_some(), "the whole address was tried before");
        if let Some(value) = one(maps, self.local, domain, true).await? {
            return Ok(Some(Found { value, extension: String::new() }));
        }
        if let Some((bare, extension)) = self.bare
            && let Some(value) = one(maps, bare, domain, true).await?
        {
            return Ok(Some(Found { value, extension: extension.to_owned() }));
        }
        Ok(None)
    }
}

/// `domain`, then its parents.
async fn by_domain(maps: &Maps, domain: &str, parents: bool) -> Result<Option<String>, TableError> {
    let mut name = domain;
    loop {
        if let Some(value) = maps.find_text(name.as_bytes(), true).await? {
            return Ok(Some(value));
        }
        let dot = name.get(1..).and_then(|rest| rest.find('.'));
        let Some(dot) = dot.filter(|_| parents) else {
            return Ok(None);
        };
        let skip = usize::from(maps.parents_match_subdomains());
        name = name.get(dot + 1 + skip..).unwrap_or_default();
        if name.is_empty() {
            return Ok(None);
        }
    }
}

/// One key: quoted as in a message, and as it is if that differs.
async fn one(
    maps: &Maps,
    local: &str,
    domain: Option<&str>,
    partial: bool,
) -> Result<Option<String>, TableError> {
    let join = |local: &str| match domain {
        Some(domain) => format!("{local}@{domain}"),
        None => local.to_owned(),
    };
    if is_plain(local) {
        return maps.find_text(join(local).as_bytes(), partial).await;
    }
    let plain = join(local);
    let quoted: Cow<'_, str> = match domain {
        Some(_) => quote_822(&plain),
        None => quote_822_local_part(local),
    };
    let found = maps.find_text(quoted.as_bytes(), partial).await?;
    if found.is_some() || *quoted == plain {
        return Ok(found);
    }
    maps.find_text(plain.as_bytes(), partial).await
}

/// Whether a local part needs no quotes in any case.
fn is_plain(local: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_' | b'=');
    local.bytes().all(plain)
        && !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

#[cfg(test)]
mod tests {
    use super::super::wait;
    use super::*;
    use crate::config::{Config, Sources};
    use crate::lookup::Tables;

    const KEYS: Keys<'static> = Keys {
        delimiters: "+",
        local_part: false,
        local_part_at_first: false,
        at_domain: false,
        domain: false,
        parents: false,
        local_part_at_last: false,
    };

    fn lookup(table: &str, address: &str, keys: &Keys<'_>) -> Option<(String, String)> {
        let tables = Tables::new(Config::parse(&Sources::default()).unwrap());
        let maps = tables.maps("x_maps", table).unwrap();
        wait(find(&maps, address, keys)).unwrap().map(|found| (found.value, found.extension))
    }

    fn hit(value: &str, extension: &str) -> Option<(String, String)> {
        Some((value.to_owned(), extension.to_owned()))
    }

    #[test]
    fn order() {
        let all = Keys {
            local_part: true,
            at_domain: true,
            domain: true,
            parents: true,
            local_part_at_last: true,
            ..KEYS
        };
        let rest = ["u+e@a.b.c=1", "u@a.b.c=2", "u+e=3", "u=4", "@a.b.c=5", "a.b.c=6", ".b.c=7"];
        let expected =
            [("1", ""), ("2", "+e"), ("3", ""), ("4", "+e"), ("5", ""), ("6", ""), ("7", "")];
        for (first, (value, extension)) in expected.into_iter().enumerate() {
            let table = format!("inline:{{{} u@=8}}", rest[first..].join(" "));
            assert_eq!(lookup(&table, "u+e@a.b.c", &all), hit(value, extension), "{table}");
        }
        assert_eq!(lookup("inline:{u@=8}", "u+e@a.b.c", &all), hit("8", "+e"));
        assert_eq!(
            lookup("inline:{u@a.b.c=1}", "u+e@a.b.c", &Keys { delimiters: "", ..all }),
            None
        );
    }

    #[test]
    fn patterns_see_whole_addresses_only() {
        let all = Keys { local_part: true, at_domain: true, domain: true, ..KEYS };
        assert_eq!(lookup("regexp:{{/^@/ x} {/^u$/ y} {/^u@d$/ z}}", "u+e@d", &all), None);
        assert_eq!(lookup("regexp:{{/^(u.e)@d$/ $1}}", "u+e@d", &all), hit("u+e", ""));
    }

    #[test]
    fn quoted_keys() {
        assert_eq!(lookup("inline:{ {\"a b\"@c = 1} }", "a b@c", &KEYS), hit("1", ""));
    }
}
