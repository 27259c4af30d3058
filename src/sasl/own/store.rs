//! Who knows the users.

use std::sync::Arc;

use super::effort::compute;
#[cfg(feature = "pam")]
use super::pam::Pam;
use super::password::{ITERATIONS_NEW, Stored};
use super::saslauthd::Saslauthd;
use super::sasldb::Sasldb;
use super::scram::Keys;
use super::user_file::UserFile;
use super::{Identity, Inner, same};
use crate::config::why;
use crate::sasl::client::Mechanism as Kind;
use crate::sasl::scram_keys::Hash;
use crate::sasl::server::Session;

/// Where users and passwords are.
#[derive(Debug)]
pub(in crate::sasl) enum Store {
    /// A file of our own.
    File(Arc<UserFile>),
    /// A file of Cyrus SASL's.
    Sasldb(Arc<Sasldb>),
    /// Cyrus SASL's server.
    Saslauthd(Saslauthd),
    /// Our own process that asks PAM.
    #[cfg(feature = "pam")]
    Pam(Pam),
}

/// Whether a password is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sasl) enum Verdict {
    /// It is.
    Right,
    /// It is not.
    Wrong,
    /// Nobody can say; why, for the log.
    Unknown(String),
}

/// Iterations for passwords in clear text, whose keys are made for each login.
const ITERATIONS_CLEAR: u32 = 4096;

impl Store {
    /// The mechanisms that can be had, now.
    pub(super) fn able(&self, session: Session<'_>) -> Vec<Kind> {
        let clear = [Kind::Plain, Kind::Login];
        match self {
            Self::File(file) => match file.abilities() {
                Ok((able, news)) => {
                    for text in news {
                        let path = file.path().display();
                        session.log.warning(format_args!("SASL user file {path}: {text}"));
                    }
                    let more = [
                        (Kind::ScramSha256, able.sha256),
                        (Kind::ScramSha1, able.sha1),
                        (Kind::CramMd5, able.cram_md5),
                    ];
                    clear.into_iter().chain(more.into_iter().filter(|m| m.1).map(|m| m.0)).collect()
                }
                // A login says what is wrong; mail without one goes on.
                Err(_) => clear.to_vec(),
            },
            Self::Sasldb(_) => super::ALL.to_vec(),
            _ => clear.to_vec(),
        }
    }

    /// Checks a password.
    pub(super) async fn check(
        &self,
        inner: &Inner,
        session: Session<'_>,
        user: &Identity,
        password: &[u8],
    ) -> Verdict {
        let verdict = |right| if right { Verdict::Right } else { Verdict::Wrong };
        match self {
            Self::File(file) => {
                let (file, name, password) = (file.clone(), user.0.clone(), password.to_vec());
                match compute(move || (file.check(&name, &password), file)).await {
                    Ok((Ok(right), _)) => verdict(right),
                    Ok((Err(e), file)) => unreadable(&file, &e),
                    Err(busy) => Verdict::Unknown(busy.to_string()),
                }
            }
            Self::Sasldb(_) => match self.clear(inner, user).await {
                Ok(kept) => {
                    let hash = |text: &[u8]| Hash::Sha256.of(text);
                    let right = same(&hash(kept.as_deref().unwrap_or_default()), &hash(password));
                    verdict(right && kept.is_some())
                }
                Err(text) => Verdict::Unknown(text),
            },
            Self::Saslauthd(server) => server.check(&inner.service, session, user, password).await,
            #[cfg(feature = "pam")]
            Self::Pam(pam) => pam.check(&inner.service, session, user, password).await,
        }
    }

    /// The password in clear text, for CRAM-MD5; none if there is no such user, or no such text. The
    /// error is for the log.
    pub(super) async fn clear(
        &self,
        inner: &Inner,
        user: &Identity,
    ) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::File(_) => Ok(self.kept(user).await?.into_iter().find_map(|kept| match kept {
                Stored::Clear(clear) => Some(clear),
                _ => None,
            })),
            Self::Sasldb(database) => {
                let (database, name) = (database.clone(), user.0.clone());
                let realm = if inner.realm.is_empty() { &inner.hostname } else { &inner.realm };
                let realm = realm.clone();
                let found = compute(move || database.password(&name, &realm)).await;
                found.map_err(|busy| busy.to_string())?
            }
            _ => Ok(None),
        }
    }

    /// The keys of a user for SCRAM; of nobody, if there is no such user.
    pub(super) async fn keys(
        &self,
        inner: &Inner,
        user: &Identity,
        hash: Hash,
    ) -> Result<Keys, String> {
        let (name, secret) = (user.0.clone(), inner.secret);
        let clear = match self {
            Self::File(_) => {
                let kept = self.kept(user).await?;
                let keys = kept.iter().find_map(|kept| match kept {
                    Stored::Scram(known, keys) if *known == hash => Some(keys.clone()),
                    _ => None,
                });
                if let Some(keys) = keys {
                    return Ok(keys);
                }
                let clear = kept.into_iter().find_map(|kept| match kept {
                    Stored::Clear(clear) => Some(clear),
                    _ => None,
                });
                let Some(clear) = clear else {
                    return Ok(Keys::of_nobody(hash, &name, &secret, ITERATIONS_NEW));
                };
                Some(clear)
            }
            _ => self.clear(inner, user).await?,
        };
        let made = compute(move || {
            let nobody = Keys::of_nobody(hash, &name, &secret, ITERATIONS_CLEAR);
            // Also for nobody: by a password that nobody knows.
            let password = clear.unwrap_or_else(|| nobody.server.clone());
            Keys::of_password(hash, &password, &nobody.salt, ITERATIONS_CLEAR)
        });
        made.await.map_err(|busy| busy.to_string())
    }

    async fn kept(&self, user: &Identity) -> Result<Vec<Stored>, String> {
        let Self::File(file) = self else { return Ok(Vec::new()) };
        let (file, name) = (file.clone(), user.0.clone());
        let found = compute(move || (file.of(&name), file)).await;
        match found.map_err(|busy| busy.to_string())? {
            (Ok(kept), _) => Ok(kept),
            (Err(e), file) => Err(format!("user file {}: {}", file.path().display(), why(&e))),
        }
    }
}

fn unreadable(file: &UserFile, error: &std::io::Error) -> Verdict {
    Verdict::Unknown(format!("user file {}: {}", file.path().display(), why(error)))
}
