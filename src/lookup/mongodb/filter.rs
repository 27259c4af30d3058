//! `query_filter`: a document in JSON, with places for parts of the key. A part becomes text inside
//! a string, whatever it is; outside of strings only a number may stand.

use ::mongodb::bson::Document;

use super::super::client::template::{Key, Piece, Template};

/// A filter with places for the key.
#[derive(Debug)]
pub struct Filter {
    template: Template,
    /// What may stand at each place, by the number of its piece.
    places: Vec<Place>,
}

/// Where a part of the key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a string that is a value.
    Value,
    /// In a string that names a field: a `$` would make an operator of it.
    Name,
    /// Where a number stands, or a word that means something.
    Bare,
}

/// A part that must not stand at its place.
struct Unsafe;

impl Filter {
    /// The filter that a template makes.
    pub fn new(template: Template) -> Self {
        let places = places(&template);
        Self { template, places }
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Whether the key has no place in it.
    pub fn is_fixed(&self) -> bool {
        !self.template.is_dynamic()
    }

    /// Whether it is JSON, once a key is in it.
    pub fn check(&self) -> Result<(), String> {
        let sample = b"1@1.1.1.1.1.1.1.1.1.1".as_slice();
        let Some(key) = Key::new(sample, self.template.needs_as_query()) else {
            return Ok(());
        };
        let Ok(text) = self.text(&key, |_| true) else {
            return Ok(());
        };
        serde_json::from_str::<Document>(&text).map(|_| ()).map_err(|e| e.to_string())
    }

    /// The filter for a key, as text and as a document; none if the key has no safe place in it.
    pub fn of(&self, key: &Key<'_>) -> Option<(String, Document)> {
        let text = self.text(key, is_number).ok()?;
        let document = serde_json::from_str(&text).ok()?;
        Some((text, document))
    }

    fn text(&self, key: &Key<'_>, may_be_bare: fn(&[u8]) -> bool) -> Result<String, Unsafe> {
        let text = self.template.query(key, |at, part, text| {
            match self.places.get(at) {
                Some(Place::Value) => {}
                Some(Place::Name) if !part.contains(&b'$') => {}
                Some(Place::Bare) if may_be_bare(part) => {}
                _ => return Err(Unsafe),
            }
            let part = std::str::from_utf8(part).map_err(|_| Unsafe)?;
            let quoted = serde_json::to_string(part).map_err(|_| Unsafe)?;
            let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            text.extend_from_slice(inside.as_bytes());
            Ok(())
        })?;
        String::from_utf8(text).map_err(|_| Unsafe)
    }
}

fn is_number(part: &[u8]) -> bool {
    (1..=18).contains(&part.len()) && part.iter().all(u8::is_ascii_digit)
}

/// Where each piece of a template stands.
fn places(template: &Template) -> Vec<Place> {
    let mut places = Vec::new();
    let mut in_string = false;
    // Pieces of the string that has just ended, if it turns out to be a name.
    let mut string: Vec<usize> = Vec::new();
    for (at, piece) in template.pieces().iter().enumerate() {
        places.push(if in_string { Place::Value } else { Place::Bare });
        let Piece::Text(text) = piece else {
            if in_string {
                string.push(at);
            }
            continue;
        };
        let mut escaped = false;
        for byte in text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => {
                    in_string = !in_string;
                    if in_string {
                        string.clear();
                    }
                }
                b':' if !in_string => {
                    for at in string.drain(..) {
                        if let Some(place) = places.get_mut(at) {
                            *place = Place::Name;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(text: &str) -> Filter {
        Filter::new(Template::parse(text).unwrap())
    }

    fn of(filter: &Filter, key: &str) -> Option<String> {
        let key = Key::new(key.as_bytes(), filter.template().needs_as_query())?;
        filter.of(&key).map(|(text, _)| text)
    }

    #[test]
    fn places_for_keys() {
        let usual = filter(r#"{"$or": [{"a": "%s"}, {"b": "%u at %d"}]}"#);
        assert_eq!(usual.check(), Ok(()));
        assert_eq!(
            of(&usual, "x\"y@z").as_deref(),
            Some(r#"{"$or": [{"a": "x\"y@z"}, {"b": "x\"y at z"}]}"#)
        );
        assert_eq!(of(&usual, "no-domain"), None);
        let name = filter(r#"{"%u" : "%d"}"#);
        assert!(of(&name, "x@$y").is_some());
        assert!(of(&name, "$where@y").is_none());
        let bare = filter(r#"{"n": %s}"#);
        assert_eq!(of(&bare, "12").as_deref(), Some(r#"{"n": 12}"#));
        assert!(of(&bare, "{\"$gt\":0}").is_none());
        assert!(bare.check().is_err());
        assert!(filter("{").check().is_err());
        assert!(filter("[]").check().is_err());
    }

    proptest! {
        /// Whatever the key: it is one string, and nothing else in the filter changes.
        #[test]
        fn keys_stay_strings(key in "[^\0]{1,30}") {
            let filter = filter(r#"{"a": "<%s>", "b": 1}"#);
            let key = Key::new(key.as_bytes(), filter.template().needs_as_query()).unwrap();
            let (_, document) = filter.of(&key).unwrap();
            let wanted = format!("<{}>", std::str::from_utf8(key.whole()).unwrap());
            prop_assert_eq!(document.get_str("a").unwrap(), wanted);
            prop_assert_eq!(document.len(), 2);
        }
    }
}
