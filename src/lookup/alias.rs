//! `name: value, value …`: the records of alias files, see aliases(5).

use super::lines::{Lines, Report};
use super::record::{Visit, not_utf8};
use super::table::is_utf8;
use crate::mail::address::{Address, Token};

/// Gives the records of an alias file to `visit`, and says what is wrong with the other lines.
pub fn read(
    path: &str,
    text: &[u8],
    utf8: bool,
    visit: &mut Visit<'_>,
    report: &mut Report<'_>,
) -> Result<(), String> {
    let mut lines = Lines::new(path, text);
    while let Some(line) = lines.next(report) {
        let blame = format!("{path}, line {}", line.number);
        if utf8 && !is_utf8(&line.text) {
            report(not_utf8(&blame, &line.text));
            continue;
        }
        match split(&line.text) {
            Ok(Some((name, value))) => visit(&name, &value, line.number, report)?,
            Ok(None) => {}
            Err(why) => report(format!("{blame}: {why}")),
        }
    }
    Ok(())
}

/// A name and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Splits a logical line into a name and its value, both in external form.
/// None for a line without any token; the error is the warning that postalias(1) gives.
pub fn split(line: &[u8]) -> Result<Option<Record>, &'static str> {
    let mut name = Address::from_external(line);
    if name.is_empty() {
        return Ok(None);
    }
    let bad = "need name:value pair";
    let colon = name.find(b':').ok_or(bad)?;
    let mut value = name.clone();
    value.tokens = name.tokens.split_off(colon + 1);
    name.tokens.pop();
    let has = |operator| name.tokens.iter().any(|token| token.is(operator));
    if name.is_empty() || value.is_empty() || has(b',') {
        return Err(bad);
    }
    if has(b'@') || has(b'%') {
        return Err("name must be local and have no domain");
    }
    let mut text = value.external();
    // A comma is always followed by a blank, even at the end.
    if value.tokens.last().is_some_and(|last: &Token| last.is(b',')) {
        text.push(b' ');
    }
    Ok(Some((name.external(), text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, expected: Result<Option<(&str, &str)>, &'static str>) {
        let expected = expected.map(|pair| {
            pair.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        });
        assert_eq!(split(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn forms() {
        check("Root: me,you@x.y  (comment)", Ok(Some(("Root", "me, you@x.y (comment)"))));
        check(
            "a: \"|/bin/x y\", :include:/f, /dev/null",
            Ok(Some(("a", "\"|/bin/x y\", :include:/f, /dev/null"))),
        );
        check("\"a b\": c", Ok(Some(("\"a b\"", "c"))));
        check("a: b,", Ok(Some(("a", "b, "))));
        check("a", Err("need name:value pair"));
        check("a:", Err("need name:value pair"));
        check(": b", Err("need name:value pair"));
        check("a, b: c", Err("need name:value pair"));
        check("a@b: c", Err("name must be local and have no domain"));
        check("a%b: c", Err("name must be local and have no domain"));
    }

    proptest! {
        #[test]
        fn any_bytes(line: Vec<u8>) {
            let _ = split(&line);
        }

        #[test]
        fn plain(name in "[a-z][a-z0-9-]{0,10}", values in proptest::collection::vec("[a-z]{1,8}", 1..4)) {
            let line = format!("{name}:{}", values.join(","));
            let expected = (name.into_bytes(), values.join(", ").into_bytes());
            prop_assert_eq!(split(line.as_bytes()), Ok(Some(expected)));
        }
    }
}
