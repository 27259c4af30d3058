//! The first half of resolving: takes our own domains off an address until what is left is either
//! a user here or an address elsewhere. This is where `user%elsewhere@here` shows its true
//! destination, so that relay control sees it.

use super::standard::strip_trailing_dot;
use super::{ResolveError, Rewrite};
use crate::lookup::TableError;
use crate::mail::address::{self, Address, Token};
use crate::mail::envelope::RewriteContext;
use crate::mail::hostname;

/// An address with its real destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// `user@domain`, internal form.
    pub recipient: String,
    /// Where its domain starts.
    pub domain_start: usize,
    /// Whether the domain is local.
    pub local: bool,
    /// See [`super::Route::routed`].
    pub routed: bool,
}

impl Stripped {
    /// The domain.
    pub fn domain(&self) -> &str {
        self.recipient.get(self.domain_start..).unwrap_or_default()
    }
}

/// An address while its local domains come off.
struct Work {
    address: Address,
    /// The last local `@domain` that came off.
    saved: Option<Vec<Token>>,
}

enum Step {
    Again,
    /// The domain that is left is not ours.
    Remote,
    Local,
}

impl Rewrite {
    /// Strips local domains and routing off `recipient`.
    pub(super) async fn strip(&self, recipient: &str) -> Result<Stripped, ResolveError> {
        if let Some(at) = address::plain_at(recipient.as_bytes())
            && let Some(domain) = recipient.get(at + 1..)
            && hostname::is_valid(domain)
        {
            return Ok(Stripped {
                local: self.is_local(domain).await?,
                recipient: recipient.to_owned(),
                domain_start: at + 1,
                routed: false,
            });
        }
        self.strip_any(recipient).await
    }

    async fn strip_any(&self, recipient: &str) -> Result<Stripped, ResolveError> {
        let mut work = Work {
            address: Address::from_external(address::quote_822(recipient).as_bytes()),
            saved: None,
        };
        let mut turns = recipient.len() + 100;
        let local = loop {
            match self.strip_once(&mut work).await? {
                Step::Again => {}
                Step::Remote => break false,
                Step::Local => break true,
            }
            turns -= 1;
            if turns == 0 {
                self.settings.log.warning(format_args!(
                    "resolve_addr: <{recipient}>: giving up after {} iterations",
                    recipient.len() + 101
                ));
                return Err(ResolveError::Syntax);
            }
        };
        if local && let Some(saved) = work.saved.take() {
            work.address.tokens.extend(saved);
        }
        let whole = String::from_utf8_lossy(&work.address.internal()).into_owned();
        self.judge(whole, local).await
    }

    async fn strip_once(&self, work: &mut Work) -> Result<Step, TableError> {
        let settings = &self.settings;
        let tree = &mut work.address;
        if tree.rfind(b'@').is_some() {
            strip_trailing_dot(tree);
        }
        if settings.resolve_null_domain && tree.tokens.last().is_some_and(|t| t.is(b'@')) {
            tree.tokens.pop();
        }
        if let Some(at) = tree.rfind(b'@') {
            let mut after = Address::from_external(b"");
            after.tokens = tree.tokens.get(at + 1..).unwrap_or_default().to_vec();
            if !after.is_empty() {
                let domain = String::from_utf8_lossy(&after.internal()).into_owned();
                if !self.is_local(&domain).await? {
                    return Ok(Step::Remote);
                }
            }
            work.saved = Some(tree.tokens.split_off(at));
        }
        if tree.rfind(b'@').is_some()
            || (settings.swap_bangpath && tree.rfind(b'!').is_some())
            || (settings.percent_hack && tree.rfind(b'%').is_some())
        {
            self.standardise(RewriteContext::Local, tree);
            return Ok(Step::Again);
        }
        if settings.resolve_dequoted && self.crack_quotes(tree) {
            return Ok(Step::Again);
        }
        if tree.tokens == [Token::Quoted(Vec::new())] {
            tree.tokens.clear();
        }
        if tree.is_empty() {
            tree.tokens = address::scan(settings.empty_recipient.as_bytes());
            return Ok(Step::Again);
        }
        if work.saved.is_none() {
            tree.tokens.push(Token::Op(b'@'));
            tree.tokens.extend(address::scan(settings.myhostname.as_bytes()));
            return Ok(Step::Again);
        }
        Ok(Step::Local)
    }

    /// Looks for routing operators in a quoted local part. Wrong by the RFCs, and needed: hosts
    /// that we forward to may look there too, and relay.
    fn crack_quotes(&self, tree: &mut Address) -> bool {
        let [Token::Quoted(local)] = tree.tokens.as_mut_slice() else { return false };
        let last = |byte: u8| memchr::memrchr(byte, local);
        let operator = last(b'@')
            .or_else(|| if self.settings.percent_hack { last(b'%') } else { None })
            .or_else(|| if self.settings.swap_bangpath { last(b'!') } else { None });
        let Some(operator) = operator.and_then(|place| local.get_mut(place)) else { return false };
        if *operator == b'%' {
            *operator = b'@';
        }
        let bang = *operator == b'!';
        let text =
            if bang { std::mem::take(local) } else { address::quote_822_bytes(local).into_owned() };
        tree.tokens = address::scan(&text);
        self.standardise(RewriteContext::Local, tree);
        true
    }

    /// Checks the domain that was found.
    async fn judge(&self, mut whole: String, mut local: bool) -> Result<Stripped, ResolveError> {
        let Some(at) = whole.rfind('@') else { return Err(ResolveError::Syntax) };
        let domain = whole.get(at + 1..).unwrap_or_default();
        if let Some(literal) = domain.strip_prefix('[') {
            let inside = literal.strip_suffix(']').ok_or(ResolveError::Syntax)?;
            address::literal_address(inside).ok_or(ResolveError::Syntax)?;
        } else if !address::valid_utf8_hostname(domain, self.settings.smtputf8) {
            if !self.settings.resolve_numeric_domain || domain.parse::<std::net::IpAddr>().is_err()
            {
                return Err(ResolveError::Syntax);
            }
            whole.insert(at + 1, '[');
            whole.push(']');
            let domain = whole.get(at + 1..).unwrap_or_default();
            local = local || self.is_local(domain).await?;
        }
        let first = whole.find(['@', '!', '%']);
        Ok(Stripped { routed: first != Some(at), domain_start: at + 1, recipient: whole, local })
    }
}
