//! What clients can say to smtp-sink(1), and what it is told to do about each of them.

use crate::commands::load::number;

/// A command; also the connection, and the dot behind a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Connect,
    Helo,
    Ehlo,
    Lhlo,
    Xclient,
    Xforward,
    Auth,
    Mail,
    Rcpt,
    Data,
    Dot,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

/// All words.
const WORDS: &[(&str, Verb)] = &[
    ("connect", Verb::Connect),
    ("helo", Verb::Helo),
    ("ehlo", Verb::Ehlo),
    ("lhlo", Verb::Lhlo),
    ("xclient", Verb::Xclient),
    ("xforward", Verb::Xforward),
    ("auth", Verb::Auth),
    ("mail", Verb::Mail),
    ("rcpt", Verb::Rcpt),
    ("data", Verb::Data),
    (".", Verb::Dot),
    ("rset", Verb::Rset),
    ("noop", Verb::Noop),
    ("vrfy", Verb::Vrfy),
    ("quit", Verb::Quit),
];

impl Verb {
    /// The verb of a word.
    pub fn of(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, verb)| *verb)
    }
}

/// What happens instead of, or before, the usual answer to one verb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Clients may say it.
    pub known: bool,
    /// `-s`: it is logged.
    pub logged: bool,
    /// `-q`: the connection ends without an answer.
    pub hung_up_on: bool,
    /// `-Q`: it ends with 421.
    pub closed: bool,
    /// `-f`: 5xx
    pub refused: bool,
    /// `-r`: 4xx
    pub deferred: bool,
    /// `-w`, `-W`: seconds before the answer; 0 is none.
    pub delay: u32,
    /// Percentage of a dice that makes the delay longer.
    pub odds: u32,
}

/// The treatment of each verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatments([Treatment; WORDS.len()]);

impl Default for Treatments {
    fn default() -> Self {
        let mut all = [Treatment { known: true, ..Treatment::default() }; WORDS.len()];
        // Which of these are known is a matter of the protocol; the first is no command.
        for treatment in all.iter_mut().take(4) {
            treatment.known = false;
        }
        Self(all)
    }
}

impl Treatments {
    /// Of one verb.
    pub fn of(&self, verb: Verb) -> Treatment {
        self.0.get(verb as usize).copied().unwrap_or_default()
    }

    /// Changes one.
    pub fn change(&mut self, verb: Verb, change: impl FnOnce(&mut Treatment)) {
        if let Some(treatment) = self.0.get_mut(verb as usize) {
            change(treatment);
        }
    }

    /// Changes those of a list of words.
    pub fn change_all(&mut self, list: &str, change: fn(&mut Treatment)) -> Result<(), String> {
        for word in list.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
            self.change(known(word)?, change);
        }
        Ok(())
    }

    /// `-W command:delay[:odds]`
    pub fn delay(&mut self, text: &str) -> Result<(), String> {
        let mut parts = text.splitn(3, ':').filter(|part| !part.is_empty());
        let (Some(word), Some(delay)) = (parts.next(), parts.next()) else {
            return Err(format!("invalid command delay argument: {text}"));
        };
        let odds = parts.next().map_or(0, number);
        let verb = known(word)?;
        let delay = u32::try_from(number(delay)).ok().filter(|delay| *delay > 0);
        let delay = delay.ok_or_else(|| format!("non-positive '{word}' delay"))?;
        let odds = u32::try_from(odds).ok().filter(|odds| *odds <= 99);
        let odds = odds.ok_or_else(|| format!("delay odds for '{word}' out of range"))?;
        self.change(verb, |treatment| (treatment.delay, treatment.odds) = (delay, odds));
        Ok(())
    }
}

fn known(word: &str) -> Result<Verb, String> {
    Verb::of(word).ok_or_else(|| format!("unknown command: {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_places_agree() {
        for (place, (word, verb)) in WORDS.iter().enumerate() {
            assert_eq!((*verb as usize, Verb::of(word)), (place, Some(*verb)));
        }
    }

    #[test]
    fn treatments() {
        let mut all = Treatments::default();
        all.change_all("MAIL, .", |treatment| treatment.refused = true).unwrap();
        assert!(all.of(Verb::Mail).refused && all.of(Verb::Dot).refused);
        assert!(!all.of(Verb::Rcpt).refused && !all.of(Verb::Helo).known);
        all.delay("data:3:50").unwrap();
        assert_eq!((all.of(Verb::Data).delay, all.of(Verb::Data).odds), (3, 50));
        for (text, why) in [
            ("data", "invalid command delay argument: data"),
            ("what:3", "unknown command: what"),
            ("data:0", "non-positive 'data' delay"),
            ("data:1:100", "delay odds for 'data' out of range"),
        ] {
            assert_eq!(all.delay(text), Err(why.into()));
        }
    }
}
