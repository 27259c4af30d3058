//! Rewriting to standard form: `user@full.domain` out of whatever was written.

use super::Rewrite;
use super::settings::Completion;
use crate::mail::address::{Address, Token, plain_at, scan};
use crate::mail::envelope::RewriteContext;

impl Rewrite {
    fn completion(&self, context: RewriteContext) -> &Completion {
        match context {
            RewriteContext::Local => &self.settings.local,
            RewriteContext::Remote => &self.settings.remote,
        }
    }

    /// Whether rewriting would certainly change nothing: the case that matters for speed.
    pub(super) fn is_standard(&self, context: RewriteContext, address: &[u8]) -> bool {
        let Some(at) = plain_at(address) else { return address.is_empty() };
        let domain = address.get(at + 1..).unwrap_or_default();
        memchr::memchr(b'.', domain).is_some()
            || !self.settings.append_dot_mydomain
            || self.completion(context).domain.is_empty()
    }

    /// Rewrites an address in place.
    pub(super) fn standardise(&self, context: RewriteContext, address: &mut Address) {
        if address.is_empty() || address.tokens == [Token::Quoted(Vec::new())] {
            return;
        }
        if address.tokens == [Token::Op(b'@')] {
            address.tokens = vec![Token::Quoted(Vec::new())];
            return;
        }
        strip_source_route(address);
        let completion = self.completion(context);
        if address.rfind(b'@').is_none() {
            self.give_domain(completion, address);
        }
        if self.settings.append_dot_mydomain {
            complete_domain(&completion.domain, address);
        }
        strip_trailing_dot(address);
    }

    /// An address without `@`: `site!user`, `user%site`, or a local part alone.
    fn give_domain(&self, completion: &Completion, address: &mut Address) {
        if self.settings.swap_bangpath
            && let Some(bang) = address.find(b'!')
        {
            let user = address.tokens.split_off(bang + 1);
            address.tokens.pop();
            let site = std::mem::replace(&mut address.tokens, user);
            address.tokens.push(Token::Op(b'@'));
            address.tokens.extend(site);
        } else if self.settings.percent_hack
            && let Some(percent) = address.rfind(b'%')
        {
            if let Some(token) = address.tokens.get_mut(percent) {
                *token = Token::Op(b'@');
            }
        } else if self.settings.append_at_myorigin && !completion.origin.is_empty() {
            address.tokens.push(Token::Op(b'@'));
            address.tokens.extend(scan(completion.origin.as_bytes()));
        }
    }
}

/// `@relay,@other:user@domain` (RFC 5321 appendix F.2): the route is not followed.
fn strip_source_route(address: &mut Address) {
    if address.tokens.first().is_some_and(|t| t.is(b'@'))
        && let Some(colon) = address.find(b':')
        && colon + 1 < address.tokens.len()
    {
        address.tokens.drain(..=colon);
    }
}

/// Appends `.domain` to a domain without a dot; addresses that end in `@` are left alone, so that
/// what is said about them later shows what was written.
fn complete_domain(domain: &str, address: &mut Address) {
    let Some(at) = address.rfind(b'@') else { return };
    let after = address.tokens.get(at + 1..).unwrap_or_default();
    let complete = domain.is_empty()
        || after.is_empty()
        || after.iter().any(|t| t.is(b'.') || matches!(t, Token::Literal(_)));
    if !complete {
        address.tokens.push(Token::Op(b'.'));
        address.tokens.extend(scan(domain.as_bytes()));
    }
}

/// Strips one dot at the end, but not the second of two, or one right after `@`.
pub(super) fn strip_trailing_dot(address: &mut Address) {
    if let [.., before, last] = address.tokens.as_slice()
        && last.is(b'.')
        && !before.is(b'.')
        && !before.is(b'@')
    {
        address.tokens.pop();
    }
}
