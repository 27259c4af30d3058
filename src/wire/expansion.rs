//! The right-hand side of an alias, and the lines of `.forward` and `:include:` files: a list of
//! destinations in the syntax of a header with addresses.
//!
//! As in Postfix, the list is read from its end: a comma, or two words side by side, part two
//! destinations; `<…>` is a destination and the words before it are a name; `name: … ;` is a
//! group; comments go. Quotes and backslashes keep everything else together, which is how
//! `"|command with arguments"` is one destination.

/// Characters that are tokens of their own.
const OPERATORS: &[u8] = b"|%!()<>@,;:\\\"[].";

/// More tokens than this in one text are ignored.
const MAX_TOKENS: usize = 1 << 20;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Plain, quoted or bracketed text, with quoting taken away.
    Word(Vec<u8>, Bracket),
    /// A comment, which is dropped.
    Comment,
    /// One of [`OPERATORS`].
    Operator(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    None,
    DomainLiteral,
}

/// The destinations that `text` lists, in order, in internal form.
pub fn destinations(text: &[u8]) -> Vec<String> {
    let tokens = scan(text);
    let mut found = group(&tokens);
    found.reverse();
    found.iter().map(|range| internal(tokens.get(range.clone()).unwrap_or_default())).collect()
}

/// Walks over the tokens from the end and cuts them into destinations, last one first.
fn group(tokens: &[Token]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut close = |from: usize, to: usize| {
        let any = tokens.get(from..to).unwrap_or_default().iter().any(|t| *t != Token::Comment);
        if any {
            found.push(from..to);
        }
    };
    // `right` is where the current destination ends; `at` is one behind the token looked at.
    let (mut right, mut at) = (tokens.len(), tokens.len());
    let (mut word_may_come, mut in_group) = (true, false);
    while let Some(token) = at.checked_sub(1).and_then(|i| tokens.get(i)) {
        match token {
            Token::Comment => {}
            Token::Operator(b';') => {
                close(at, right);
                right = at - 1;
                (word_may_come, in_group) = (true, true);
            }
            Token::Operator(b':') if in_group => {
                close(at, right);
                at = skip_back(tokens, at - 1, b",");
                right = at;
                continue;
            }
            Token::Operator(b'>') => {
                close(at, right);
                let inside = at - 1;
                let open = skip_back(tokens, inside, b"<");
                close(open, inside);
                at = skip_back(tokens, open.saturating_sub(1), b">;,:");
                right = at;
                word_may_come = true;
                continue;
            }
            Token::Word(..) => {
                if !word_may_come {
                    close(at, right);
                    right = at;
                }
                word_may_come = false;
            }
            Token::Operator(b',') => {
                close(at, right);
                right = at - 1;
                word_may_come = true;
            }
            Token::Operator(_) => word_may_come = true,
        }
        at -= 1;
    }
    close(0, right);
    found
}

/// The smallest position before `end` such that no operator of `stop` stands between.
fn skip_back(tokens: &[Token], end: usize, stop: &[u8]) -> usize {
    let mut at = end;
    while let Some(token) = at.checked_sub(1).and_then(|i| tokens.get(i)) {
        if matches!(token, Token::Operator(c) if stop.contains(c)) {
            break;
        }
        at -= 1;
    }
    at
}

/// One destination without quoting.
fn internal(tokens: &[Token]) -> String {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            Token::Comment => {}
            Token::Word(text, Bracket::None) => out.extend_from_slice(text),
            Token::Word(text, Bracket::DomainLiteral) => {
                out.push(b'[');
                out.extend_from_slice(text);
                out.push(b']');
            }
            Token::Operator(c) => out.push(*c),
        }
    }
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

fn scan(text: &[u8]) -> Vec<Token> {
    // What C strings cannot hold ends the text.
    let text = text.split(|c| *c == 0).next().unwrap_or_default();
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first()
        && tokens.len() < MAX_TOKENS
    {
        rest = match first {
            c if is_space(*c) => after,
            b'(' => {
                tokens.push(Token::Comment);
                skip_comment(after)
            }
            b'[' => {
                let (word, rest) = collect(after, |c| c != b']');
                tokens.push(Token::Word(word, Bracket::DomainLiteral));
                rest.get(1..).unwrap_or_default()
            }
            b'"' => {
                let (word, rest) = collect(after, |c| c != b'"');
                tokens.push(Token::Word(word, Bracket::None));
                rest.get(1..).unwrap_or_default()
            }
            c if *c != b'\\' && OPERATORS.contains(c) => {
                tokens.push(Token::Operator(*c));
                after
            }
            _ => {
                let (word, rest) = collect(rest, |c| !is_space(c) && !OPERATORS.contains(&c));
                tokens.push(Token::Word(word, Bracket::None));
                rest
            }
        };
    }
    tokens
}

/// Takes bytes while `take` says so; a backslash takes the next one whatever it is.
fn collect(text: &[u8], take: impl Fn(u8) -> bool) -> (Vec<u8>, &[u8]) {
    let mut word = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (c, next) = match first {
            b'\\' => match after.split_first() {
                Some((escaped, next)) => (*escaped, next),
                None => {
                    rest = after;
                    break;
                }
            },
            c if take(*c) => (*c, after),
            _ => break,
        };
        word.push(if is_space(c) { b' ' } else { c });
        rest = next;
    }
    (word, rest)
}

/// What follows a comment that has just been opened.
fn skip_comment(text: &[u8]) -> &[u8] {
    let mut depth = 1_usize;
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            _ => {}
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        destinations(text.as_bytes())
    }

    #[test]
    fn lists() {
        assert_eq!(of("alice, bob,\n carol"), ["alice", "bob", "carol"]);
        assert_eq!(of("alice bob"), ["alice", "bob"]);
        assert_eq!(of("dave@example.test (a comment)"), ["dave@example.test"]);
        assert_eq!(of("Dave Smith <dave@example.test>, x"), ["dave@example.test", "x"]);
        assert_eq!(of("team: a, b;, c"), ["a", "b", "c"]);
        assert!(of("").is_empty());
        assert!(of(" , (nothing) ,").is_empty());
    }

    #[test]
    fn commands_files_and_includes() {
        assert_eq!(of(r#""|/bin/x -a 'b c' >/tmp/y""#), ["|/bin/x -a 'b c' >/tmp/y"]);
        assert_eq!(of("|/bin/cat>/tmp/d/prog2"), ["|/bin/cat", "/tmp/d/prog2"]);
        assert_eq!(of("|\"/bin/cat -x\""), ["|/bin/cat -x"]);
        assert_eq!(of("/tmp/file"), ["/tmp/file"]);
        assert_eq!(of(":include:/etc/postfix/members"), [":include:/etc/postfix/members"]);
        assert_eq!(of("\":include:/a b\""), [":include:/a b"]);
    }

    #[test]
    fn quoting_goes() {
        assert_eq!(of(r"\carol, bob"), ["carol", "bob"]);
        assert_eq!(of(r#""a\"b"@example.test"#), ["a\"b@example.test"]);
        assert_eq!(of("user@[127.0.0.1]"), ["user@[127.0.0.1]"]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = destinations(&text);
        }

        #[test]
        fn plain_words_survive(words in proptest::collection::vec("[a-z0-9+_-]{1,8}", 0..20)) {
            proptest::prop_assert_eq!(of(&words.join(", ")), words.clone());
            proptest::prop_assert_eq!(of(&words.join(" ")), words);
        }

        #[test]
        fn quoted_text_survives(text in "[ -~]{1,40}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            proptest::prop_assert_eq!(of(&format!("\"{quoted}\"")), vec![text]);
        }
    }
}
