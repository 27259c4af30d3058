//! What is said to Cyrus saslauthd over its socket (`mux`), and what it answers: texts with their
//! lengths in front of them, two bytes in network order.

/// Longest question that Cyrus SASL sends. saslauthd says no to any text of more than 256 bytes.
const QUESTION_MAX: usize = 8192;

/// Longest answer that is read; saslauthd's library has the same limit.
pub const ANSWER_MAX: usize = 1023;

/// A question: may this user in?
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Without a realm.
    pub user: &'a str,
    /// In clear text.
    pub password: &'a [u8],
    /// `smtpd_sasl_service`
    pub service: &'a str,
    /// Empty if there is none.
    pub realm: &'a str,
    /// The client's address: releases after 2.1.28 read it, earlier ones leave it unread.
    pub client: &'a str,
}

/// The request is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("saslauthd request too large")]
pub struct TooLarge;

impl Request<'_> {
    /// The bytes of the question.
    pub fn bytes(&self) -> Result<Vec<u8>, TooLarge> {
        let texts = [
            self.user.as_bytes(),
            self.password,
            self.service.as_bytes(),
            self.realm.as_bytes(),
            self.client.as_bytes(),
        ];
        let mut bytes = Vec::with_capacity(64);
        for text in texts {
            let length = u16::try_from(text.len()).map_err(|_| TooLarge)?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text);
        }
        if bytes.len() > QUESTION_MAX {
            return Err(TooLarge);
        }
        Ok(bytes)
    }
}

/// What saslauthd says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Accepted,
    /// No.
    Refused,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// It ended before its length was known.
    #[error("size read failed")]
    NoLength,
    /// It cannot say yes or no.
    #[error("bad response from saslauthd")]
    TooShort,
    /// It ended too early.
    #[error("read failed")]
    Cut,
}

/// How many bytes follow these two, of which [`ANSWER_MAX`] count.
pub fn length(prefix: [u8; 2]) -> Result<usize, BadAnswer> {
    match u16::from_be_bytes(prefix) {
        0 | 1 => Err(BadAnswer::TooShort),
        length => Ok(usize::from(length).min(ANSWER_MAX)),
    }
}

/// Reads an answer without its length. Whatever is not yes is no.
pub fn answer(text: &[u8]) -> Answer {
    if text.starts_with(b"OK") { Answer::Accepted } else { Answer::Refused }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(password: &[u8]) -> Request<'_> {
        Request { user: "joe", password, service: "smtp", realm: "", client: "::1" }
    }

    #[test]
    fn requests() {
        let bytes = request(b"pw").bytes().unwrap();
        assert_eq!(bytes, b"\0\x03joe\0\x02pw\0\x04smtp\0\0\0\x03::1");
        assert!(request(&[b'x'; 8000]).bytes().is_ok());
        assert_eq!(request(&[b'x'; 8192]).bytes(), Err(TooLarge));
    }

    #[test]
    fn answers() {
        assert_eq!(answer(b"OK"), Answer::Accepted);
        assert_eq!(answer(b"OK (yes)"), Answer::Accepted);
        for no in [&b"NO"[..], b"ok", b"", b"O", b"MAYBE"] {
            assert_eq!(answer(no), Answer::Refused);
        }
        assert_eq!(length([0, 1]), Err(BadAnswer::TooShort));
        assert_eq!(length([0xff, 0xff]), Ok(ANSWER_MAX));
        assert_eq!(length([0, 2]), Ok(2));
    }

    proptest! {
        /// However the texts are chosen, each can be found again.
        #[test]
        fn texts_keep_apart(user in "\\PC{0,60}", password in proptest::collection::vec(any::<u8>(), 0..256)) {
            let request = Request { user: &user, password: &password, service: "smtp", realm: "r", client: "" };
            let bytes = request.bytes().unwrap();
            prop_assert_eq!(bytes.len(), 10 + user.len() + password.len() + 5);
            let after_user = bytes.get(2 + user.len() + 2..).unwrap();
            prop_assert!(after_user.starts_with(&password));
        }
    }
}
