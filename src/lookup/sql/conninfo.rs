//! What libpq calls a connection string: `key = value …`, or `postgresql://user@host/db?key=value`.

use std::collections::BTreeMap;

/// Parameters by name.
pub type Parameters = BTreeMap<String, String>;

/// Whether a host or database is a connection string in the form of an URI.
pub fn is_uri(text: &str) -> bool {
    text.starts_with("postgresql://") || text.starts_with("postgres://")
}

/// Takes either form apart.
pub fn parse(text: &str) -> Result<Parameters, String> {
    if is_uri(text) { parse_uri(text) } else { parse_words(text) }
}

/// `key = value`, values perhaps in `'…'` with backslashes.
fn parse_words(text: &str) -> Result<Parameters, String> {
    let mut parameters = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            return Err(format!(
                "missing \"=\" after \"{}\" in connection info string",
                rest.trim()
            ));
        };
        let (value, after) = value(after.trim_start())?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!("missing \"=\" after \"{name}\" in connection info string"));
        }
        parameters.insert(name.to_owned(), value);
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// One value, and what follows it.
fn value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.strip_prefix('\'');
    let mut value = String::new();
    let mut characters = quoted.unwrap_or(text).char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            '\'' if quoted.is_some() => {
                let rest = quoted.and_then(|text| text.get(at + 1..));
                return Ok((value, rest.unwrap_or_default()));
            }
            c if c.is_whitespace() && quoted.is_none() => {
                return Ok((value, text.get(at..).unwrap_or_default()));
            }
            c => value.push(c),
        }
    }
    match quoted {
        Some(_) => Err("unterminated quoted string in connection info string".into()),
        None => Ok((value, "")),
    }
}

/// `postgresql://user:password@host:port,host:port/dbname?key=value&…`
fn parse_uri(text: &str) -> Result<Parameters, String> {
    let mut parameters = Parameters::new();
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (login, hosts),
        None => ("", authority),
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',').filter(|_| !hosts.is_empty()) {
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (name, port) = match bracketed {
            Some((name, rest)) => (name, rest.strip_prefix(':').unwrap_or_default()),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(decode(name)?);
        ports.push(decode(port)?);
    }
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            parameters.insert(name.to_owned(), value);
        }
    };
    set("user", decode(user)?);
    set("password", decode(password)?);
    set("dbname", decode(database)?);
    if names.iter().any(|name| !name.is_empty()) {
        set("host", names.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        set("port", ports.join(","));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(format!(
                "missing key/value separator \"=\" in URI query parameter: \"{pair}\""
            ));
        };
        set(&decode(name)?, decode(value)?);
    }
    Ok(parameters)
}

/// `text` with `%XX` resolved.
fn decode(text: &str) -> Result<String, String> {
    let bad = || "invalid percent-encoded token in connection URI".to_owned();
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let code = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        plain.push(code.filter(|code| *code != 0).ok_or_else(bad)?);
    }
    String::from_utf8(plain).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Result<String, String> {
        let parameters = parse(text)?;
        let words: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn words() {
        let text = "host = a port=12 password='it\\'s me' user=b\\ c dbname=''";
        assert_eq!(shown(text).unwrap(), "dbname= host=a password=it's me port=12 user=b c");
        assert!(parse("host").is_err());
        assert!(parse("host='a").is_err());
        assert!(parse("a b=c").is_err());
    }

    #[test]
    fn uris() {
        let text = "postgresql://u%40x:p%3A@h1:12,[::1]/d?sslmode=require&application_name=a%20b";
        assert_eq!(
            shown(text).unwrap(),
            "application_name=a b dbname=d host=h1,::1 password=p: port=12, sslmode=require user=u@x"
        );
        assert_eq!(shown("postgres://"), Ok(String::new()));
        assert_eq!(shown("postgres:///d?host=/run/pg"), Ok("dbname=d host=/run/pg".into()));
        assert!(parse("postgresql://%zz@h").is_err());
        assert!(parse("postgresql://h?x").is_err());
    }

    proptest! {
        #[test]
        fn any_text(text in "(postgres://)?.{0,40}") {
            let _ = parse(&text);
        }
    }
}
