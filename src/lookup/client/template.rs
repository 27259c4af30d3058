//! Templates of queries and results: `%s`, `%u`, `%d`, `%S`, `%U`, `%D`, `%1` to `%9`, `%%`.
//!
//! In a query all of them are parts of the key. In a result `%s`, `%u` and `%d` are parts of the
//! value, the others parts of the key. A key or value that lacks a part is left out.

/// A template in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands for itself.
    Text(Vec<u8>),
    /// Part of the value (in a query: of the key).
    Value(Part),
    /// Part of the key.
    Key(Part),
}

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What stands before the last `@`; all of it if there is none.
    User,
    /// What stands behind the last `@`.
    Domain,
    /// A label of the domain, counted from the right, from one.
    Label(usize),
}

/// What templates want keys and values to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    key_user: bool,
    key_domain: bool,
    value_user: bool,
    value_domain: bool,
    labels: usize,
}

/// An address cut into its parts.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    whole: &'a [u8],
    user: &'a [u8],
    domain: Option<&'a [u8]>,
    labels: Vec<&'a [u8]>,
}

impl Template {
    /// Takes a template apart; none if it has a `%` that means nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            let piece = match bytes.next()? {
                b'%' => {
                    literal.push(b'%');
                    continue;
                }
                b's' => Piece::Value(Part::Whole),
                b'u' => Piece::Value(Part::User),
                b'd' => Piece::Value(Part::Domain),
                b'S' => Piece::Key(Part::Whole),
                b'U' => Piece::Key(Part::User),
                b'D' => Piece::Key(Part::Domain),
                digit @ b'1'..=b'9' => Piece::Key(Part::Label(usize::from(digit - b'0'))),
                _ => return None,
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Some(Self { pieces })
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether anything but fixed text is in it.
    pub fn is_dynamic(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Text(_)))
    }

    /// What it wants as a query.
    pub fn needs_as_query(&self) -> Needs {
        self.needs(true)
    }

    /// What it wants as a result.
    pub fn needs_as_result(&self) -> Needs {
        self.needs(false)
    }

    fn needs(&self, query: bool) -> Needs {
        let mut needs = Needs::default();
        for piece in &self.pieces {
            match piece {
                Piece::Value(Part::User) if !query => needs.value_user = true,
                Piece::Value(Part::Domain) if !query => needs.value_domain = true,
                Piece::Value(Part::User) | Piece::Key(Part::User) => needs.key_user = true,
                Piece::Value(Part::Domain) | Piece::Key(Part::Domain) => needs.key_domain = true,
                Piece::Key(Part::Label(number)) => {
                    needs.key_domain = true;
                    needs.labels = needs.labels.max(*number);
                }
                _ => {}
            }
        }
        needs
    }

    /// The query for `key`. `quote` makes each part harmless at its place (the number of its piece)
    /// and appends it; it may refuse.
    pub fn query<E>(
        &self,
        key: &Key<'_>,
        mut quote: impl FnMut(usize, &[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let mut query = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => query.extend_from_slice(text),
                Piece::Value(part) | Piece::Key(part) => quote(at, key.part(*part), &mut query)?,
            }
        }
        Ok(query)
    }

    /// Appends the result that is made of `value`, with a comma before it if it is not the first;
    /// false if the value lacks a part that is needed.
    pub fn append_result(
        &self,
        value: &[u8],
        key: &Key<'_>,
        needs: Needs,
        result: &mut Vec<u8>,
    ) -> bool {
        let wanted = Needs {
            key_user: needs.value_user,
            key_domain: needs.value_domain,
            ..Needs::default()
        };
        let Some(value) = Key::new(value, wanted) else {
            return false;
        };
        if !result.is_empty() {
            result.push(b',');
        }
        for piece in &self.pieces {
            result.extend_from_slice(match piece {
                Piece::Text(text) => text,
                Piece::Value(part) => value.part(*part),
                Piece::Key(part) => key.part(*part),
            });
        }
        true
    }
}

impl Needs {
    /// What both want.
    pub fn with(self, other: Self) -> Self {
        Self {
            key_user: self.key_user || other.key_user,
            key_domain: self.key_domain || other.key_domain,
            value_user: self.value_user || other.value_user,
            value_domain: self.value_domain || other.value_domain,
            labels: self.labels.max(other.labels),
        }
    }
}

impl<'a> Key<'a> {
    /// Cuts an address up; none if it lacks a part that `needs` names.
    pub fn new(whole: &'a [u8], needs: Needs) -> Option<Self> {
        let at = memchr::memrchr(b'@', whole);
        let (user, domain) = match at {
            Some(at) => (whole.get(..at)?, whole.get(at + 1..)),
            None => (whole, None),
        };
        if needs.key_domain && domain.is_none_or(<[u8]>::is_empty) {
            return None;
        }
        if needs.key_user && user.is_empty() {
            return None;
        }
        let labels = match domain {
            Some(domain) if needs.labels > 0 => {
                domain.split(|byte| *byte == b'.').filter(|label| !label.is_empty()).collect()
            }
            _ => Vec::new(),
        };
        (labels.len() >= needs.labels).then_some(Self { whole, user, domain, labels })
    }

    /// All of it.
    pub fn whole(&self) -> &'a [u8] {
        self.whole
    }

    fn part(&self, part: Part) -> &'a [u8] {
        match part {
            Part::Whole => self.whole,
            Part::User => self.user,
            Part::Domain => self.domain.unwrap_or_default(),
            Part::Label(number) => {
                let place = self.labels.len().checked_sub(number);
                place.and_then(|place| self.labels.get(place)).copied().unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(template: &str, key: &str) -> Option<String> {
        let template = Template::parse(template)?;
        let key = Key::new(key.as_bytes(), template.needs_as_query())?;
        let plain = |_, part: &[u8], query: &mut Vec<u8>| {
            query.extend_from_slice(part);
            Ok::<(), ()>(())
        };
        Some(String::from_utf8(template.query(&key, plain).unwrap()).unwrap())
    }

    #[test]
    fn queries() {
        let asked = |template| query(template, "a@b@mail.example.com");
        assert_eq!(asked("x %s y"), Some("x a@b@mail.example.com y".into()));
        assert_eq!(asked("%u|%d"), Some("a@b|mail.example.com".into()));
        assert_eq!(asked("%U|%D|%S"), Some("a@b|mail.example.com|a@b@mail.example.com".into()));
        assert_eq!(asked("%1,%2,%3"), Some("com,example,mail".into()));
        assert_eq!(asked("%4"), None);
        assert_eq!(asked("%%s"), Some("%s".into()));
        assert_eq!(query("%d", "user"), None);
        assert_eq!(query("%u", "user"), Some("user".into()));
        assert_eq!(query("%u", "@domain"), None);
        assert_eq!(query("%s", "@domain"), Some("@domain".into()));
        assert_eq!(query("%d", "user@"), None);
        assert_eq!(query("%z", "user"), None);
        assert_eq!(query("%", "user"), None);
    }

    #[test]
    fn results() {
        let result = |template: &str, values: &[&str], key: &str| {
            let template = Template::parse(template).unwrap();
            let needs = template.needs_as_result();
            let key = Key::new(key.as_bytes(), needs).unwrap();
            let mut text = Vec::new();
            for value in values {
                template.append_result(value.as_bytes(), &key, needs, &mut text);
            }
            String::from_utf8(text).unwrap()
        };
        assert_eq!(result("%s", &["a", "b"], "k"), "a,b");
        assert_eq!(result("<%u|%d>", &["a@b", "c", "@d", "e@"], "k"), "<a|b>");
        assert_eq!(result("%U:%s:%1", &["x"], "k@a.b"), "k:x:b");
        assert_eq!(result("smtp:[%s]", &["h"], "k"), "smtp:[h]");
    }

    proptest! {
        #[test]
        fn any_template(template in ".{0,40}", key: Vec<u8>) {
            if let Some(template) = Template::parse(&template)
                && let Some(key) = Key::new(&key, template.needs_as_query())
            {
                let mut parts = 0;
                let count = |_, _: &[u8], _: &mut Vec<u8>| { parts += 1; Ok::<(), ()>(()) };
                prop_assert!(template.query(&key, count).is_ok());
                let dynamic = template.pieces().iter().filter(|p| !matches!(p, Piece::Text(_)));
                prop_assert_eq!(parts, dynamic.count());
            }
        }

        #[test]
        fn text_stands_for_itself(text in "[^%]{0,40}", key in "[a-z@.]{1,20}") {
            prop_assert_eq!(query(&text, &key), Some(text.clone()));
            let quoted = text.replace('a', "%%");
            prop_assert_eq!(query(&quoted, &key), Some(text.replace('a', "%")));
        }
    }
}
