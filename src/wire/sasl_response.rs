//! What a client says in the mechanisms that smtpd plays itself: PLAIN (RFC 4616), CRAM-MD5
//! (RFC 2195) and SCRAM (RFC 5802). All of it after base64 has been taken off.

/// Longest name. Cyrus SASL has the same limit.
pub const NAME_MAX: usize = 1024;

/// The one message of PLAIN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Whom the client wants to be; empty if it is the same.
    pub authzid: &'a str,
    /// Whose password it has.
    pub authcid: &'a str,
    /// The password.
    pub password: &'a [u8],
}

/// What is wrong with a message; the words are those that log readers know from Cyrus SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// There is no NUL.
    #[error("Can only find author (no password)")]
    NoName,
    /// There is one NUL.
    #[error("Can only find author/en (no password)")]
    NoPassword,
    /// There are more than two.
    #[error("Got more data than we were expecting in the PLAIN plugin?")]
    TooMuch,
    /// A name that is no text, or too long.
    #[error("a name that is no UTF-8 text of at most 1024 bytes")]
    BadName,
    /// CRAM-MD5 without a name.
    #[error("need authentication name")]
    NoAuthenticationName,
    /// No message of SCRAM.
    #[error("Invalid SCRAM input")]
    NoScram,
    /// A client that insists on channel binding, or on an extension.
    #[error("unsupported SCRAM extension or channel binding")]
    Unsupported,
}

/// A name as a client sent it.
pub fn name(bytes: &[u8]) -> Result<&str, BadResponse> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadResponse::BadName)?;
    if text.len() > NAME_MAX || text.contains('\0') { Err(BadResponse::BadName) } else { Ok(text) }
}

/// Reads the message of PLAIN.
pub fn plain(message: &[u8]) -> Result<Plain<'_>, BadResponse> {
    let mut parts = message.split(|byte| *byte == 0);
    let authzid = parts.next().unwrap_or_default();
    let authcid = parts.next().ok_or(BadResponse::NoName)?;
    let password = parts.next().ok_or(BadResponse::NoPassword)?;
    if parts.next().is_some() {
        return Err(BadResponse::TooMuch);
    }
    Ok(Plain { authzid: name(authzid)?, authcid: name(authcid)?, password })
}

/// Reads the response of CRAM-MD5: a name, and the digest as it stands there.
pub fn cram_md5(message: &[u8]) -> Result<(&str, &[u8]), BadResponse> {
    let at = message.iter().rposition(|byte| *byte == b' ');
    let (name, digest) = at
        .and_then(|at| Some((message.get(..at)?, message.get(at + 1..)?)))
        .filter(|(name, _)| !name.is_empty())
        .ok_or(BadResponse::NoAuthenticationName)?;
    Ok((self::name(name)?, digest))
}

/// `client-first-message`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScramFirst<'a> {
    /// `gs2-header`, which the client repeats at the end.
    pub header: &'a str,
    /// Whom the client wants to be; empty if it is the same.
    pub authzid: String,
    /// Whose password it has.
    pub authcid: String,
    /// Its half of the nonce.
    pub nonce: &'a str,
    /// The message without the header.
    pub bare: &'a str,
}

/// Reads `client-first-message`.
pub fn scram_first(message: &[u8]) -> Result<ScramFirst<'_>, BadResponse> {
    let text = name_or_more(message)?;
    let mut fields = text.splitn(3, ',');
    let binding = fields.next().unwrap_or_default();
    let authzid = fields.next().ok_or(BadResponse::NoScram)?;
    let bare = fields.next().ok_or(BadResponse::NoScram)?;
    // `y` is a client that could bind and thinks that we cannot, which is true.
    if !matches!(binding, "n" | "y") {
        return Err(BadResponse::Unsupported);
    }
    let authzid = match authzid {
        "" => String::new(),
        authzid => unescaped(authzid.strip_prefix("a=").ok_or(BadResponse::NoScram)?)?,
    };
    if bare.starts_with("m=") {
        return Err(BadResponse::Unsupported);
    }
    let mut fields = bare.split(',');
    let mut field =
        |prefix| fields.next().and_then(|f| f.strip_prefix(prefix)).ok_or(BadResponse::NoScram);
    let authcid = unescaped(field("n=")?)?;
    let nonce = field("r=")?;
    if nonce.is_empty() || authcid.is_empty() || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BadResponse::NoScram);
    }
    let header = text.get(..text.len() - bare.len()).unwrap_or_default();
    Ok(ScramFirst { header, authzid, authcid, nonce, bare })
}

/// `client-final-message`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScramFinal<'a> {
    /// `gs2-header` once more, in base64.
    pub binding: &'a str,
    /// Both halves of the nonce.
    pub nonce: &'a str,
    /// The proof, in base64.
    pub proof: &'a str,
    /// The message without the proof.
    pub without_proof: &'a str,
}

/// Reads `client-final-message`.
pub fn scram_final(message: &[u8]) -> Result<ScramFinal<'_>, BadResponse> {
    let text = name_or_more(message)?;
    let (without_proof, proof) = text.rsplit_once(",p=").ok_or(BadResponse::NoScram)?;
    let mut fields = without_proof.split(',');
    let mut field =
        |prefix| fields.next().and_then(|f| f.strip_prefix(prefix)).ok_or(BadResponse::NoScram);
    Ok(ScramFinal { binding: field("c=")?, nonce: field("r=")?, proof, without_proof })
}

/// A whole message: some nonces are long.
fn name_or_more(message: &[u8]) -> Result<&str, BadResponse> {
    let text = std::str::from_utf8(message).map_err(|_| BadResponse::NoScram)?;
    if text.len() > 4 * NAME_MAX || text.contains('\0') {
        return Err(BadResponse::NoScram);
    }
    Ok(text)
}

/// `saslname`: `=2C` is a comma and `=3D` an equals sign; no other `=` may be there.
fn unescaped(text: &str) -> Result<String, BadResponse> {
    let mut pieces = text.split('=');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (letter, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(BadResponse::NoScram),
        };
        out.push(letter);
        out.push_str(rest);
    }
    if out.len() > NAME_MAX { Err(BadResponse::BadName) } else { Ok(out) }
}

impl std::fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Plain");
        out.field("authzid", &self.authzid).field("authcid", &self.authcid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_messages() {
        let read = plain(b"ursel\0kurt\0xipj3plmq").unwrap();
        assert_eq!(
            (read.authzid, read.authcid, read.password),
            ("ursel", "kurt", &b"xipj3plmq"[..])
        );
        assert_eq!(plain(b"joe"), Err(BadResponse::NoName));
        assert_eq!(plain(b"\0joe"), Err(BadResponse::NoPassword));
        assert_eq!(plain(b"\0joe\0se\0cret"), Err(BadResponse::TooMuch));
        assert_eq!(plain(b"\0\xff\0secret"), Err(BadResponse::BadName));
        assert_eq!(plain(b"\0joe\0").unwrap().password, b"");
        assert!(!format!("{read:?}").contains("xipj3plmq"));
    }

    #[test]
    fn cram_md5_responses() {
        assert_eq!(cram_md5(b"joe x"), Ok(("joe", &b"x"[..])));
        assert_eq!(cram_md5(b"two words 00"), Ok(("two words", &b"00"[..])));
        assert_eq!(cram_md5(b"joe "), Ok(("joe", &b""[..])));
        assert_eq!(cram_md5(b"joe"), Err(BadResponse::NoAuthenticationName));
        assert_eq!(cram_md5(b" 00"), Err(BadResponse::NoAuthenticationName));
    }

    /// RFC 5802 section 5
    #[test]
    fn scram_messages() {
        let first = scram_first(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL").unwrap();
        assert_eq!((first.header, first.authcid.as_str()), ("n,,", "user"));
        assert_eq!((first.authzid.as_str(), first.nonce), ("", "fyko+d2lbbFgONRv9qkxdawL"));
        assert_eq!(first.bare, "n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let first = scram_first(b"y,a=x=2Cy,n=a=3Db,r=n,ext=1").unwrap();
        assert_eq!((first.header, first.authzid.as_str()), ("y,a=x=2Cy,", "x,y"));
        assert_eq!((first.authcid.as_str(), first.nonce), ("a=b", "n"));
        for (bad, why) in [
            ("p=tls-unique,,n=u,r=n", BadResponse::Unsupported),
            ("n,,m=x,n=u,r=n", BadResponse::Unsupported),
            ("n,,n=u,r=", BadResponse::NoScram),
            ("n,,n=,r=n", BadResponse::NoScram),
            ("n,,n=a=2Db,r=n", BadResponse::NoScram),
            ("n,,r=n", BadResponse::NoScram),
            ("n,b,n=u,r=n", BadResponse::NoScram),
            ("n,,n=u,r=a\tb", BadResponse::NoScram),
            ("", BadResponse::NoScram),
        ] {
            assert_eq!(scram_first(bad.as_bytes()), Err(why), "{bad}");
        }
        let last = scram_final(b"c=biws,r=both,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=").unwrap();
        assert_eq!(
            (last.binding, last.nonce, last.without_proof),
            ("biws", "both", "c=biws,r=both")
        );
        assert_eq!(last.proof, "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        assert_eq!(scram_final(b"c=biws,r=both"), Err(BadResponse::NoScram));
    }

    proptest! {
        #[test]
        fn never_panics(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (plain(&message), cram_md5(&message), scram_first(&message), scram_final(&message));
        }

        #[test]
        fn names_come_through(name in "[^\0]{1,40}") {
            let sent = name.replace('=', "=3D").replace(',', "=2C");
            let message = format!("n,,n={sent},r=nonce");
            prop_assert_eq!(scram_first(message.as_bytes()).unwrap().authcid, name);
        }
    }
}
